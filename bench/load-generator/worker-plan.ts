/** What the main thread and a load worker say to each other. */

import type { HistogramData } from './histogram.ts'
import type { Workload } from './workload.ts'

export interface WorkerPlan {
  /** Connection i of all workers together goes to endpoint i, round and round. */
  readonly endpoints: readonly { readonly host: string; readonly port: number }[]
  /** Closed loop: this many clients, each with one call in flight, spread over `connections`. */
  readonly clients: number
  readonly connections: number
  readonly workload: Workload
  readonly share: { readonly index: number; readonly count: number }
  /**
   * Open loop instead: one call every `paceMs` on connection 0, whether or not earlier ones have
   * been answered, so that a stall is seen by every call it delays.
   */
  readonly paceMs?: number
}

/** start: once connected. mark: forget what was counted so far, errors excepted. finish: start no new calls, report, close. */
export type WorkerCommand = 'start' | 'mark' | 'finish'

export interface WorkerReport {
  readonly latency: HistogramData
  readonly completed: number
  /** DATA bytes of the answers. */
  readonly bytes: number
  /** Answers with a status other than OK, by "code: message". */
  readonly errors: ReadonlyMap<string, number>
  /** From mark (or start) to finish. */
  readonly elapsedMs: number
}

export type WorkerMessage =
  | { readonly kind: 'connected' }
  | { readonly kind: 'failed'; readonly reason: string }
  /** A bounded workload is used up and answered. */
  | { readonly kind: 'exhausted' }
  | { readonly kind: 'report'; readonly report: WorkerReport }
