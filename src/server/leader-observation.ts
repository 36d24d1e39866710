/**
 * One call of Observe: tells who leads an election, from now on, every leader and every value in
 * order. The leader's key is followed until it is deleted; who leads then is read at that revision
 * and not as things are now, so that a short reign is not missed.
 *
 *     nobody ── first key ──► leader ── put: new value ──► leader ── delete ──► next leader, or nobody
 *
 * A client that reads slowly is told later. Only where what it has not heard is compacted by then,
 * it goes on with the leader of the present.
 */

import type { KeyRange } from '../base/key-range.ts'
import { keyOf } from '../mvcc/kv.ts'
import type { WatchHub } from '../mvcc/watch-hub.ts'
import { decodeWatchResponse, type RangeRequest } from '../rpc/codec/etcdserverpb.ts'
import { decodeKeyValue, Event_EventType as EventType } from '../rpc/codec/mvccpb.ts'
import type { LeaderResponseInput } from '../rpc/codec/v3electionpb.ts'
import type { ResponseStream } from '../rpc/engine.ts'
import { StatusError } from '../rpc/status.ts'
import { KeyWatch, type KeyWatchOptions } from './key-watch.ts'
import type { ResponseHeaders } from './response-header.ts'
import type { KvService } from './services/kv.ts'

export interface ObservationParts {
  readonly kv: Pick<KvService, 'range'>
  readonly hub: WatchHub
  readonly headers: ResponseHeaders
}

/** A key of the election at a revision, as it was put there, or undefined for its deletion. */
interface Change {
  readonly revision: number
  readonly put: Uint8Array | undefined
}

interface Leadership {
  /** Everything up to it is told, or told with this leader. */
  readonly revision: number
  readonly kv: Uint8Array | undefined
}

export class LeaderObservation {
  readonly #parts: ObservationParts
  readonly #oldest: RangeRequest
  readonly #stream: ResponseStream<LeaderResponseInput>
  #watch: KeyWatch | undefined
  #wake: (() => void) | undefined
  #isBlocked = false
  #isClosed = false

  /** `oldest` asks for the oldest key of the election. */
  constructor(
    parts: ObservationParts,
    oldest: RangeRequest,
    stream: ResponseStream<LeaderResponseInput>,
  ) {
    this.#parts = parts
    this.#oldest = oldest
    this.#stream = stream
    stream.onDrain(() => {
      this.#isBlocked = false
      this.#wake?.()
    })
  }

  /** Resolves once closed; rejects with the StatusError of a read that failed. */
  async run(): Promise<void> {
    let leadership = await this.#leadershipNow(false)
    while (!this.#isClosed) {
      const { revision, kv } = leadership
      if (kv !== undefined) await this.#tell(revision, kv)
      const range: KeyRange =
        kv === undefined
          ? { type: 'half-open', start: this.#oldest.key, end: this.#oldest.rangeEnd }
          : { type: 'point', key: keyOf(kv) }
      const only = kv === undefined ? 'puts' : 'both'
      const end = await this.#follow(range, { startRevision: revision + 1, only })
      leadership = await this.#leadershipAt(end)
    }
  }

  /** The client has gone away. */
  close(): void {
    this.#isClosed = true
    this.#watch?.close()
    this.#wake?.()
  }

  fail(thrown: unknown): void {
    if (!(thrown instanceof StatusError)) throw thrown
    this.close()
    this.#stream.fail(thrown)
  }

  /**
   * Tells the values of a leader; with none yet, waits for the first key. Resolves with the
   * revision at which who leads has to be looked up, undefined for now.
   */
  async #follow(range: KeyRange, options: KeyWatchOptions): Promise<number | undefined> {
    if (this.#isClosed) return undefined
    const watch = new KeyWatch(this.#parts.hub)
    this.#watch = watch
    watch.add(range, options)
    try {
      for (;;) {
        const output = await watch.next()
        if (output?.type !== 'events') return undefined
        for (const { revision, put } of changesOf(output.events)) {
          if (put === undefined || options.only === 'puts') return revision
          await this.#tell(revision, put)
        }
      }
    } finally {
      watch.close()
    }
  }

  async #leadershipAt(revision: number | undefined): Promise<Leadership> {
    if (revision === undefined) return this.#leadershipNow(true)
    try {
      const request = { ...this.#oldest, revision, serializable: true }
      const { kvs } = await this.#parts.kv.range(request)
      return { revision, kv: kvs?.[0] }
    } catch (error) {
      // Compacted, or a failure that the present shows as well.
      if (!(error instanceof StatusError)) throw error
      return this.#leadershipNow(true)
    }
  }

  async #leadershipNow(serializable: boolean): Promise<Leadership> {
    const { header, kvs } = await this.#parts.kv.range({ ...this.#oldest, serializable })
    return { revision: header?.revision ?? 0, kv: kvs?.[0] }
  }

  /** Resolves when the client is ready for more. */
  async #tell(revision: number, kv: Uint8Array): Promise<void> {
    if (this.#isClosed) return
    this.#isBlocked = !this.#stream.send({ header: this.#parts.headers.at(revision), kv })
    while (this.#isBlocked && !this.#isClosed) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

/** The encoded events of an output are those of a response. */
function changesOf(events: readonly Uint8Array[]): Change[] {
  const decoded = decodeWatchResponse(Buffer.concat(events)).events
  return decoded.map(({ type, kv = new Uint8Array(0) }) => ({
    revision: decodeKeyValue(kv).modRevision,
    put: type === EventType.PUT ? kv : undefined,
  }))
}
