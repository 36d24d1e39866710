/** A load worker: a thread that runs its share of the clients and counts what they see. */

import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../src/base/assert.ts'
import { GrpcConnection, statusUnavailable, statusUnknown } from './connection.ts'
import { Histogram } from './histogram.ts'
import { messagePrefixBytes } from './request.ts'
import type { WorkerCommand, WorkerMessage, WorkerPlan, WorkerReport } from './worker-plan.ts'
import { openWorkload } from './workload.ts'
import type { RequestSource } from './workload.ts'

class LoadClients {
  readonly #plan: WorkerPlan
  readonly #connections: readonly GrpcConnection[]
  readonly #source: RequestSource
  readonly #onIdle: () => void
  #latency = new Histogram()
  readonly #errors = new Map<string, number>()
  #completed = 0
  #bytes = 0
  #inFlight = 0
  #since = performance.now()
  #isStopped = false
  #pace: NodeJS.Timeout | undefined

  /** `onIdle` runs when a bounded workload is used up and the last answer is in. */
  constructor(plan: WorkerPlan, connections: readonly GrpcConnection[], onIdle: () => void) {
    this.#plan = plan
    this.#connections = connections
    const { host, port } = endpointOf(plan, 0)
    this.#source = openWorkload(plan.workload, `${host}:${port}`, plan.share)
    this.#onIdle = onIdle
  }

  start(): void {
    this.mark()
    const { clients, paceMs, workload } = this.#plan
    if (paceMs === undefined) {
      const isOpen = workload.kind === 'keep-alive' && workload.isOpen
      for (let client = 0; client < clients; client++) {
        if (isOpen) this.#startOpenClient(client)
        else this.#startClient(client)
      }
    } else this.#startPace(paceMs)
  }

  mark(): void {
    this.#latency = new Histogram()
    this.#completed = 0
    this.#bytes = 0
    this.#since = performance.now()
  }

  finish(): WorkerReport {
    const elapsedMs = performance.now() - this.#since
    this.#isStopped = true
    clearInterval(this.#pace)
    const report: WorkerReport = {
      latency: this.#latency.toData(),
      completed: this.#completed,
      bytes: this.#bytes,
      errors: this.#errors,
      elapsedMs,
    }
    for (const connection of this.#connections) connection.close()
    return report
  }

  /** A closed loop: the answer to one call starts the next. */
  #startClient(client: number): void {
    const connection = this.#connections[client % this.#connections.length]
    assert(connection !== undefined, 'a client has a connection')
    let startedAt = 0
    const callNext = (at: number): void => {
      const request = this.#isStopped ? undefined : this.#source.next()
      if (request === undefined) return this.#stopClient()
      startedAt = at
      this.#inFlight++
      connection.call(request, listener)
    }
    const listener = {
      onEnd: (status: number, message: string, bytes: number, at: number): void => {
        this.#count(status, message, bytes, at - startedAt)
        if (status === statusUnavailable) this.#stopClient()
        else callNext(at)
      },
    }
    callNext(performance.now())
  }

  /** A closed loop on one call that stays open: the answer to one message sends the next. */
  #startOpenClient(client: number): void {
    const connection = this.#connections[client % this.#connections.length]
    const first = this.#source.next()
    assert(connection !== undefined && first !== undefined, 'a client has a connection and work')
    let startedAt = performance.now()
    let missingBytes = 0
    this.#inFlight++
    const call = connection.open(first, {
      onData: (bytes, start, end) => {
        // An answer may come in pieces; its length stands at its beginning, which is never cut.
        if (missingBytes === 0) missingBytes = messagePrefixBytes + bytes.readUInt32BE(start + 1)
        missingBytes -= end - start
        assert(missingBytes >= 0, 'one answer at a time')
        if (missingBytes > 0) return
        const at = performance.now()
        this.#count(0, '', end - start, at - startedAt)
        const next = this.#isStopped ? undefined : this.#source.next()
        if (next === undefined) return
        startedAt = at
        this.#inFlight++
        call.send(next)
      },
      onEnd: (status, message, bytes, at) => {
        this.#count(status === 0 ? statusUnknown : status, message, bytes, at - startedAt)
      },
    })
  }

  #stopClient(): void {
    if (this.#inFlight === 0 && !this.#isStopped) this.#onIdle()
  }

  /** An open loop; timers have a step of 1 ms, so calls that fell due together go together. */
  #startPace(paceMs: number): void {
    const connection = this.#connections[0]
    assert(connection !== undefined, 'the paced client has a connection')
    let dueAt = performance.now()
    const callDue = (): void => {
      const now = performance.now()
      for (; dueAt <= now; dueAt += paceMs) {
        const request = this.#source.next()
        if (request === undefined) return
        this.#inFlight++
        connection.call(request, {
          onEnd: (status, message, bytes, at) => this.#count(status, message, bytes, at - now),
        })
      }
    }
    this.#pace = setInterval(callDue, 1)
  }

  #count(status: number, message: string, bytes: number, latencyMs: number): void {
    this.#inFlight--
    if (this.#isStopped) return
    if (status === 0) {
      this.#completed++
      this.#bytes += bytes
      this.#latency.record(latencyMs * 1000)
    } else {
      const error = `${status}: ${message}`
      this.#errors.set(error, (this.#errors.get(error) ?? 0) + 1)
    }
  }
}

/** Where this worker's n-th connection goes. */
function endpointOf({ endpoints, share }: WorkerPlan, n: number): WorkerPlan['endpoints'][number] {
  const endpoint = endpoints[(share.index + n * share.count) % endpoints.length]
  assert(endpoint !== undefined, 'a load has an endpoint')
  return endpoint
}

async function run(plan: WorkerPlan, post: (message: WorkerMessage) => void): Promise<void> {
  const opening = Array.from({ length: plan.connections }, (_, connection) => {
    const { host, port } = endpointOf(plan, connection)
    return GrpcConnection.connect(host, port)
  })
  const clients = new LoadClients(plan, await Promise.all(opening), () =>
    post({ kind: 'exhausted' }),
  )
  parentPort?.on('message', (command: WorkerCommand) => {
    if (command === 'start') clients.start()
    else if (command === 'mark') clients.mark()
    else {
      post({ kind: 'report', report: clients.finish() })
      parentPort?.close()
    }
  })
  post({ kind: 'connected' })
}

assert(parentPort !== null, 'the load worker runs in a worker thread')
const port = parentPort
const post = (message: WorkerMessage): void => port.postMessage(message)
run(workerData as WorkerPlan, post).catch((error: unknown) =>
  post({ kind: 'failed', reason: String(error) }),
)
