/**
 * Concurrent writers over all members of a cluster, as clients with several endpoints are: each has
 * one write in flight, and goes to another member when one fails it. Every attempt writes a value
 * of its own. It is sent again only after an answer that rules out that it was applied; after any
 * other failure its outcome is unknown, and the writer goes on with the next value.
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { CallResult, GrpcClient, Message } from './grpc-client.ts'
import { until } from './until.ts'

export interface LoadedWrite {
  readonly key: string
  readonly value: string
}

export interface AcknowledgedWrite extends LoadedWrite {
  readonly revision: number
  /** When the answer came, by `performance.now()`. */
  readonly at: number
  readonly tookMs: number
}

export interface ClusterLoadOptions {
  readonly writers: number
  /** Where clients may send writes now; asked before every write. */
  readonly clients: () => readonly GrpcClient[]
  /** Keys are below it, values begin with it. */
  readonly prefix: string
  /** Each writer goes round in so many keys. 16 when absent. */
  readonly keysPerWriter?: number
  readonly valueBytes?: number
  /** A writer's pause between two writes. 5 when absent. */
  readonly paceMs?: number
  /** How long a writer waits for an answer before it goes to another member. 1000 when absent. */
  readonly patienceMs?: number
}

/** After an answer that says "not here, not now". */
const REFUSED_PAUSE_MS = 20
const UNAVAILABLE = 14

export class ClusterLoad {
  readonly acknowledged: AcknowledgedWrite[] = []
  /** Writes of which it is not known whether they were applied. */
  readonly unknown: LoadedWrite[] = []
  /** Answers other than OK by "code message", with their number. */
  readonly failures = new Map<string, number>()
  readonly #options: ClusterLoadOptions
  readonly #writers: readonly Promise<void>[]
  #isEnding = false

  constructor(options: ClusterLoadOptions) {
    this.#options = options
    this.#writers = Array.from({ length: options.writers }, async (_, n) => await this.#write(n))
  }

  /** Resolves when `count` more writes have been acknowledged. */
  async more(count: number, timeoutMs = 20_000): Promise<void> {
    const wanted = this.acknowledged.length + count
    await until(`${count} more writes acknowledged ${this.summary}`, timeoutMs, () =>
      this.acknowledged.length >= wanted ? true : undefined,
    )
  }

  /** Lets every writer end after the answer it waits for. */
  async end(): Promise<void> {
    this.#isEnding = true
    await Promise.all(this.#writers)
  }

  get summary(): string {
    const failures = JSON.stringify(Object.fromEntries(this.failures))
    return `(${this.acknowledged.length} acknowledged, ${this.unknown.length} unknown; ${failures})`
  }

  /** The longest time without any acknowledgement between two times; 0 when there was none in it. */
  longestGapMs(from: number, to: number): number {
    const times = this.acknowledged.map(({ at }) => at).filter((at) => at >= from && at <= to)
    const all = [from, ...times.toSorted((a, b) => a - b), to]
    return Math.max(...all.slice(1).map((at, n) => at - all[n]!))
  }

  async #write(writer: number): Promise<void> {
    const { prefix, keysPerWriter = 16, valueBytes = 32, paceMs = 5 } = this.#options
    let endpoint = writer
    for (let n = 0; !this.#isEnding; n++) {
      const write = {
        key: `${prefix}${writer}/${n % keysPerWriter}`,
        value: `${prefix}${writer}#${n}`.padEnd(valueBytes, '.'),
      }
      endpoint = await this.#attempt(write, endpoint)
      await pause(paceMs)
    }
  }

  /** Sends a write until its outcome is known or unknowable; which endpoint to go on with. */
  async #attempt({ key, value }: LoadedWrite, first: number): Promise<number> {
    const { clients, patienceMs = 1000 } = this.#options
    const request: Message = { key: Buffer.from(key), value: Buffer.from(value) }
    for (let endpoint = first; ; endpoint++) {
      const all = clients()
      const client = all[endpoint % all.length]
      const startedAt = performance.now()
      const result: CallResult =
        client === undefined
          ? { ok: false, code: UNAVAILABLE, message: 'No connection established: nobody to ask' }
          : await client.call('KV.Put', request, { deadlineMs: patienceMs })
      const at = performance.now()
      if (result.ok) {
        const revision = Number((result.response['header'] as Message)['revision'])
        this.acknowledged.push({ key, value, revision, at, tookMs: at - startedAt })
        return endpoint
      }
      const failure = `${result.code} ${result.message.replaceAll(/\d+/g, 'N')}`
      this.failures.set(failure, (this.failures.get(failure) ?? 0) + 1)
      if (!wasCertainlyNotApplied(result)) {
        this.unknown.push({ key, value })
        return endpoint + 1
      }
      if (this.#isEnding) return endpoint
      await pause(REFUSED_PAUSE_MS)
    }
  }
}

/**
 * No connection: it was never sent. A learner, and a member with too much to do, refuse before they
 * propose. Everything else, a leader that changed above all, leaves it open.
 */
function wasCertainlyNotApplied({ message }: { readonly message: string }): boolean {
  return /^No connection established|rpc not supported for learner|too many requests/.test(message)
}
