/**
 * What the main thread and the thread of the clients' wire say to each other beside parcels, and
 * what the latter is started with.
 */

import type { LogFields } from '../../base/ports.ts'
import type { MethodName } from '../engine.ts'
import type { EngineName, EngineSettings } from '../engines.ts'
import type { ListenAddress, ListenerLimits } from '../listener.ts'

export interface WireSettings {
  readonly engine: EngineName
  readonly engineSettings: EngineSettings
  /** Request metadata that services read. */
  readonly metadataNames: readonly string[]
}

export interface WireWorkerData extends WireSettings {
  /** The last one is that of HTTP requests. */
  readonly methods: readonly MethodName[]
  /** Of CallCounts, without that last method. */
  readonly counts: SharedArrayBuffer
  readonly backlog: SharedArrayBuffer
}

/** `listener` is its number, in the order in which they were asked for. */
export type WireCommand =
  | {
      readonly type: 'listen'
      readonly listener: number
      readonly address: ListenAddress
      readonly limits: Partial<ListenerLimits>
    }
  | { readonly type: 'open'; readonly listener: number }
  | { readonly type: 'close'; readonly listener: number; readonly graceMs: number }

export type WireReport =
  | { readonly type: 'listening'; readonly listener: number; readonly failure?: ListenFailure }
  | { readonly type: 'closed'; readonly listener: number }
  | {
      readonly type: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly message: string
      readonly fields?: LogFields
    }

export interface ListenFailure {
  readonly code: string
  readonly message: string
}
