/** One stream of watches from the client's side: requests go in order, responses are read slowly. */

import {
  decodeWatchResponse,
  encodeWatchRequest,
  type WatchRequestInput,
  type WatchResponse,
} from '../../src/rpc/codec/etcdserverpb.ts'
import type { RequestStream, ResponseStream } from '../../src/rpc/engine.ts'
import { Caller } from '../server/support/recipe-bench.ts'
import type { SimMember } from './member.ts'

/** Responses that wait for a slow reader before the member is told that there is no room. */
const WINDOW = 2

/** Who reads a stream. */
export interface StreamReader {
  readonly nowMs: number
  /** How long a message takes. */
  readonly latencyMs: number
  /** How long it takes over a response; 0 for a reader that never falls behind. */
  readonly readMs: number
  later(delayMs: number, run: () => void): void
  onResponse(stream: SimWatchStream, response: WatchResponse): void
  onEnd(stream: SimWatchStream): void
}

export class SimWatchStream
  extends Caller
  implements RequestStream<Uint8Array>, ResponseStream<Uint8Array>
{
  readonly member: SimMember
  isOver = false
  readonly #reader: StreamReader
  /** Requests that the member does not read yet. */
  readonly #held: Uint8Array[] = []
  /** Sent and not read yet. */
  readonly #inbox: WatchResponse[] = []
  #wasFull = false
  #readAtMs = 0
  #requestAtMs = 0
  #isPaused = false
  #listener: ((bytes: Uint8Array) => void) | undefined
  #onDrain: () => void = () => undefined

  constructor(reader: StreamReader, member: SimMember) {
    super()
    this.#reader = reader
    this.member = member
  }

  /** Asks for something, behind what was asked for before. */
  ask(requestUnion: NonNullable<WatchRequestInput['requestUnion']>): void {
    const bytes = encodeWatchRequest({ requestUnion })
    const { nowMs, latencyMs } = this.#reader
    this.#requestAtMs = Math.max(nowMs + latencyMs, this.#requestAtMs)
    this.#reader.later(this.#requestAtMs - nowMs, () => {
      if (this.isOver) return
      this.member.enter(
        'watch request',
        () => this.#hand(bytes),
        () => undefined,
      )
    })
  }

  onMessage(listener: (bytes: Uint8Array) => void): void {
    this.#listener = listener
    this.#handHeld()
  }
  onEnd(): void {
    return undefined
  }
  pause(): void {
    this.#isPaused = true
  }
  resume(): void {
    this.#isPaused = false
    this.#handHeld()
  }
  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }
  end(): void {
    this.#reader.later(0, () => this.#reader.onEnd(this))
  }
  fail(): void {
    this.#reader.later(0, () => this.#reader.onEnd(this))
  }

  send(bytes: Uint8Array): boolean {
    const response = decodeWatchResponse(Uint8Array.from(bytes))
    const { nowMs, latencyMs, readMs } = this.#reader
    this.#inbox.push(response)
    if (this.#inbox.length === 1) {
      this.#readAtMs = Math.max(nowMs + latencyMs, this.#readAtMs + readMs)
      this.#planRead()
    }
    const hasRoom = readMs === 0 || this.#inbox.length < WINDOW
    if (!hasRoom) this.#wasFull = true
    return hasRoom
  }

  #hand(bytes: Uint8Array): void {
    this.#held.push(bytes)
    this.#handHeld()
  }

  #handHeld(): void {
    while (!this.#isPaused && this.#listener !== undefined) {
      const bytes = this.#held.shift()
      if (bytes === undefined) return
      this.#listener(bytes)
    }
  }

  #planRead(): void {
    this.#reader.later(this.#readAtMs - this.#reader.nowMs, () => this.#read())
  }

  /** What waits is read by and by, and at once by a reader that has begun to hurry. */
  #read(): void {
    const { readMs } = this.#reader
    do {
      const response = this.#inbox.shift()
      if (response !== undefined) this.#reader.onResponse(this, response)
    } while (readMs === 0 && this.#inbox.length > 0)
    if (this.#inbox.length > 0) {
      this.#readAtMs = this.#reader.nowMs + readMs
      this.#planRead()
      return
    }
    this.#drain()
  }

  #drain(): void {
    if (!this.#wasFull || this.isOver) return
    this.#wasFull = false
    this.member.enter(
      'drain',
      () => this.#onDrain(),
      () => undefined,
    )
  }
}
