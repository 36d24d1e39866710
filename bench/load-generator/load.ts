/**
 * The load generator as the benchmarks use it: starts the workers, marks the measured window, and
 * adds up their reports.
 */

import { Worker } from 'node:worker_threads'
import { assert } from '../../src/base/assert.ts'
import { Histogram } from './histogram.ts'
import type { WorkerCommand, WorkerMessage, WorkerPlan, WorkerReport } from './worker-plan.ts'
import type { Workload } from './workload.ts'

export interface LoadPlan {
  /** Connections are spread over them. */
  readonly endpoints: WorkerPlan['endpoints']
  readonly clients: number
  /** Default: as many as clients, at most 32. */
  readonly connections?: number
  /** Threads. Default: 1 below 16 clients, else 2. */
  readonly workers?: number
  readonly workload: Workload
  /** See WorkerPlan.paceMs; then there is one client on one connection. */
  readonly paceMs?: number
}

export interface LoadResult {
  readonly perSecond: number
  readonly completed: number
  readonly errorCount: number
  readonly errors: Readonly<Record<string, number>>
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** DATA bytes per answer. */
  readonly bytesPerAnswer: number
  /** CPU that this process, its workers included, spent in the window. */
  readonly generatorCpuSeconds: number
}

export function connectionsFor(clients: number): number {
  return Math.min(clients, 32)
}

export class Load {
  readonly #workers: readonly LoadWorker[]
  #cpuAtMark = process.cpuUsage()

  private constructor(workers: readonly LoadWorker[]) {
    this.#workers = workers
  }

  /** Resolves when every connection stands and the clients run. */
  static async start(plan: LoadPlan): Promise<Load> {
    const connections = plan.connections ?? connectionsFor(plan.clients)
    const count = Math.min(plan.workers ?? (plan.clients < 16 ? 1 : 2), connections)
    const workers = Array.from({ length: count }, (_, index) => {
      const { endpoints, workload, paceMs } = plan
      return new LoadWorker({
        endpoints,
        workload,
        clients: share(plan.clients, index, count),
        connections: share(connections, index, count),
        share: { index, count },
        ...(paceMs === undefined ? {} : { paceMs }),
      })
    })
    await Promise.all(workers.map((worker) => worker.connected))
    for (const worker of workers) worker.send('start')
    return new Load(workers)
  }

  /** Begins the measured window: what was counted so far is forgotten. */
  mark(): void {
    this.#cpuAtMark = process.cpuUsage()
    for (const worker of this.#workers) worker.send('mark')
  }

  /** Resolves when a bounded workload has been used up. */
  async exhausted(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.exhausted))
  }

  /** Ends the measured window and the load. */
  async finish(): Promise<LoadResult> {
    const cpu = process.cpuUsage(this.#cpuAtMark)
    for (const worker of this.#workers) worker.send('finish')
    const reports = await Promise.all(this.#workers.map((worker) => worker.report))
    return sumOf(reports, (cpu.user + cpu.system) / 1e6)
  }
}

/** Runs a bounded workload to its end; rejects when a call failed. */
export async function runToEnd(plan: LoadPlan): Promise<LoadResult> {
  const load = await Load.start(plan)
  await load.exhausted()
  const result = await load.finish()
  if (result.errorCount > 0) throw new Error(`load failed: ${JSON.stringify(result.errors)}`)
  return result
}

class LoadWorker {
  readonly connected: Promise<void>
  readonly exhausted: Promise<void>
  readonly report: Promise<WorkerReport>
  readonly #worker: Worker

  constructor(plan: WorkerPlan) {
    this.#worker = new Worker(new URL('worker.js', import.meta.url), { workerData: plan })
    const next = <Kind extends WorkerMessage['kind']>(
      kind: Kind,
    ): Promise<Extract<WorkerMessage, { kind: Kind }>> =>
      new Promise((resolve, reject) => {
        this.#worker.on('message', (message: WorkerMessage) => {
          if (message.kind === kind) resolve(message as Extract<WorkerMessage, { kind: Kind }>)
          else if (message.kind === 'failed') reject(new Error(message.reason))
        })
        this.#worker.once('error', reject)
        this.#worker.once('exit', () => reject(new Error('the load worker has ended')))
      })
    this.connected = next('connected').then(() => undefined)
    this.exhausted = next('exhausted').then(() => undefined)
    this.report = next('report').then((message) => message.report)
    // A failure is reported by whichever of them is awaited; the others must not crash the process.
    for (const promise of [this.connected, this.exhausted, this.report]) promise.catch(() => {})
  }

  send(command: WorkerCommand): void {
    this.#worker.postMessage(command)
  }
}

/** Part `index` when `total` is split evenly into `count` parts. */
function share(total: number, index: number, count: number): number {
  return Math.floor(((index + 1) * total) / count) - Math.floor((index * total) / count)
}

function sumOf(reports: readonly WorkerReport[], generatorCpuSeconds: number): LoadResult {
  assert(reports.length > 0, 'a load has workers')
  const latency = new Histogram()
  const errors: Record<string, number> = {}
  let completed = 0
  let bytes = 0
  let perSecond = 0
  let errorCount = 0
  for (const report of reports) {
    latency.add(report.latency)
    completed += report.completed
    bytes += report.bytes
    perSecond += report.completed / (report.elapsedMs / 1000)
    for (const [error, count] of report.errors) {
      errors[error] = (errors[error] ?? 0) + count
      errorCount += count
    }
  }
  return {
    perSecond,
    completed,
    errorCount,
    errors,
    p50Ms: latency.quantileMicros(0.5) / 1000,
    p99Ms: latency.quantileMicros(0.99) / 1000,
    maxMs: latency.maxMicros / 1000,
    bytesPerAnswer: completed === 0 ? 0 : bytes / completed,
    generatorCpuSeconds,
  }
}
