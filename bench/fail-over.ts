/**
 * fail-over: how long a cluster of three acknowledges no write after its leader was killed, and
 * after it was asked to stop.
 *
 *     acknowledged  ─┼─┼─┼─┼─┤              ├─┼─┼─┼─┼─
 *     write begun    │ │ │ │ │ ✗ ✗ ✗ ✗ ✗ │ │ │ │ │
 *                            ▲ signal       ▲ next: begun after the signal, and acknowledged
 *
 * A write is begun every few milliseconds, on the members by turns, whether or not earlier ones
 * have been answered; one that fails is tried on the next member at once. The member is started
 * again before the next round, and the cluster is fresh after some rounds.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from '../src/base/assert.ts'
import { GrpcConnection } from './load-generator/connection.ts'
import { openWorkload } from './load-generator/workload.ts'
import type { RequestSource } from './load-generator/workload.ts'
import type { Options } from './options.ts'
import { ServerCluster } from './server-cluster.ts'
import type { Endpoint, ServerProcess, Target } from './server-process.ts'
import { count, fixed, median, table } from './table.ts'

type Ending = 'SIGKILL' | 'SIGTERM'

export interface FailOverSample {
  readonly target: string
  readonly ending: Ending
  readonly round: number
  /** From the signal to the answer of the first write begun after it. */
  readonly nextMs: number
  /** The longest time without an answer, from the signal until writes have been well for a while. */
  readonly gapMs: number
  /** From the signal to the end of the process. */
  readonly exitMs: number
}

const endings: readonly [ending: Ending, title: string][] = [
  ['SIGKILL', 'kill -9 of the leader'],
  ['SIGTERM', 'SIGTERM to the leader'],
]

const paceMs = 5
/** Writes that must have been acknowledged before the signal. */
const settledWrites = 50
/** How long writes are observed after the first one that went well. */
const observedMs = 1000
const patienceMs = 30_000
const reconnectMs = 20
/** Rounds on one cluster; then it is the next program's turn. */
const roundsInTurn = 10
const keySpace = 1000

export async function benchFailOver(
  targets: readonly Target[],
  options: Options,
): Promise<FailOverSample[]> {
  const samples: FailOverSample[] = []
  for (let first = 1; first <= options.rounds; first += roundsInTurn) {
    const last = Math.min(first + roundsInTurn - 1, options.rounds)
    for (const target of targets) {
      const cluster = await ServerCluster.start(target, options.dataDir, options.nodes)
      const load = new EveryMemberLoad(cluster.members, options.valueBytes)
      try {
        // Not by turns: a member that is asked to stop waits for writes that a kill has lost.
        for (const [ending] of endings) {
          for (let round = first; round <= last; round++) {
            samples.push(await measure(cluster, load, target, round, ending))
          }
        }
      } finally {
        load.stop()
        await cluster.stop()
      }
    }
  }
  return samples
}

async function measure(
  cluster: ServerCluster,
  load: EveryMemberLoad,
  target: Target,
  round: number,
  ending: Ending,
): Promise<FailOverSample> {
  const leader = await cluster.leader()
  await load.acknowledgedMore(settledWrites)
  const signalAt = performance.now()
  const ended = leader.end(ending).then(() => performance.now() - signalAt)
  const nextAt = await load.nextAfter(signalAt)
  await sleep(observedMs)
  const gapMs = load.longestGapMs(signalAt, performance.now())
  const exitMs = await ended
  await leader.restart()
  load.forget()
  const sample = { target: target.label, ending, round, nextMs: nextAt - signalAt, gapMs, exitMs }
  console.error(
    `round ${round}  ${target.label}  ${ending}: next write after ${fixed(sample.nextMs, 0)} ms, ` +
      `longest gap ${fixed(gapMs, 0)} ms, ended after ${fixed(exitMs, 0)} ms`,
  )
  return sample
}

interface Acknowledged {
  readonly begunAt: number
  readonly at: number
}

/** A light, constant load from a client that knows all members. */
class EveryMemberLoad {
  readonly #endpoints: readonly Endpoint[]
  readonly #connections: (GrpcConnection | undefined)[]
  readonly #source: RequestSource
  readonly #timer: NodeJS.Timeout
  #acknowledged: Acknowledged[] = []
  #turn = 0
  #dueAt = performance.now()
  #reconnectAt = 0
  #isStopped = false

  constructor(members: readonly ServerProcess[], valueBytes: number) {
    this.#endpoints = members.flatMap((member) => member.endpoints)
    this.#connections = this.#endpoints.map(() => undefined)
    const workload = { kind: 'put', keySpace, valueBytes } as const
    this.#source = openWorkload(workload, 'bench', { index: 0, count: 1 })
    this.#timer = setInterval(() => this.#beginDue(), 1)
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
    for (const connection of this.#connections) connection?.close()
  }

  /** Drops the answers so far; only the last round's are looked at. */
  forget(): void {
    this.#acknowledged = []
  }

  async acknowledgedMore(writes: number): Promise<void> {
    const wanted = this.#acknowledged.length + writes
    await this.#until(() => (this.#acknowledged.length >= wanted ? 0 : undefined))
  }

  /** When the first write was answered that was begun at `time` or later. */
  async nextAfter(time: number): Promise<number> {
    return await this.#until(() => this.#acknowledged.find(({ begunAt }) => begunAt >= time)?.at)
  }

  longestGapMs(from: number, to: number): number {
    const answers = this.#acknowledged.map(({ at }) => at).filter((at) => at > from && at < to)
    const times = [from, ...answers, to]
    return Math.max(...times.slice(1).map((at, n) => at - times[n]!))
  }

  async #until(found: () => number | undefined): Promise<number> {
    const endAt = performance.now() + patienceMs
    for (;;) {
      const value = found()
      if (value !== undefined) return value
      if (performance.now() > endAt) throw new Error('no write was acknowledged for too long')
      await sleep(1)
    }
  }

  #beginDue(): void {
    const now = performance.now()
    this.#reconnect(now)
    for (; this.#dueAt <= now; this.#dueAt += paceMs) this.#begin(this.#endpoints.length)
  }

  /** Begins a write on the next member that is connected, and at most `attempts` in all. */
  #begin(attempts: number): void {
    if (attempts === 0 || this.#isStopped) return
    const connection = this.#nextConnection()
    const request = this.#source.next()
    assert(request !== undefined, 'a put load does not end')
    const begunAt = performance.now()
    connection?.call(request, {
      onEnd: (status, _message, _bytes, at) => {
        if (status === 0) this.#acknowledged.push({ begunAt, at })
        else this.#begin(attempts - 1)
      },
    })
  }

  #nextConnection(): GrpcConnection | undefined {
    for (let n = 0; n < this.#connections.length; n++) {
      const connection = this.#connections[this.#turn++ % this.#connections.length]
      if (connection !== undefined && !connection.isClosed) return connection
    }
    return undefined
  }

  #reconnect(now: number): void {
    if (now < this.#reconnectAt) return
    this.#reconnectAt = now + reconnectMs
    for (const [n, { host, port }] of this.#endpoints.entries()) {
      if (this.#connections[n]?.isClosed === false) continue
      GrpcConnection.connect(host, port).then(
        (connection) => {
          const isWanted = this.#connections[n]?.isClosed !== false && !this.#isStopped
          if (isWanted) this.#connections[n] = connection
          else connection.close()
        },
        () => undefined, // it does not run now: tried again
      )
    }
  }
}

/** One row per ending and target. */
export function failOverTable(
  targets: readonly Target[],
  samples: readonly FailOverSample[],
): string {
  const rows = endings.flatMap(([ending, title]) =>
    targets.map(({ label }) => {
      const own = samples.filter((it) => it.ending === ending && it.target === label)
      const next = own.map(({ nextMs }) => nextMs)
      const gap = own.map(({ gapMs }) => gapMs)
      return [
        title,
        label,
        count(own.length),
        ...[median(next), quantile(next, 0.99), Math.max(...next)].map((ms) => fixed(ms, 0)),
        ...[median(gap), quantile(gap, 0.99), Math.max(...gap)].map((ms) => fixed(ms, 0)),
        fixed(median(own.map(({ exitMs }) => exitMs)), 0),
      ]
    }),
  )
  const next = ['next write p50 ms', 'p99 ms', 'max ms']
  const gap = ['longest gap p50 ms', 'p99 ms', 'max ms']
  return table(['event', 'server', 'rounds', ...next, ...gap, 'exit p50 ms'], rows, { names: 2 })
}

/** The smallest value that at least `share` of the values do not exceed. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN
}
