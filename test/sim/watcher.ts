/** A client with a watch: it reads at its own pace, and goes on elsewhere when its member is gone. */

import {
  decodeWatchResponse,
  encodeWatchRequest,
  type WatchResponse as WireResponse,
} from '../../src/rpc/codec/etcdserverpb.ts'
import type { RequestStream, ResponseStream } from '../../src/rpc/engine.ts'
import { StatusError } from '../../src/rpc/status.ts'
import { Caller } from '../server/support/recipe-bench.ts'
import { k } from '../server/support/requests.ts'
import type { Watch, WatchRequest, WatchResponse } from './check/history.ts'
import { Draws } from './draws.ts'
import type { SimMember } from './member.ts'
import type { WatcherPlan } from './plan.ts'
import { watchResponseOf } from './wire.ts'
import type { Commons } from './workload.ts'

const LATENCY_MS = 0.5
/** Responses that wait for a slow reader before the member is told that there is no room. */
const WINDOW = 2

/** One stream with one watch. */
class Stream extends Caller implements RequestStream<Uint8Array>, ResponseStream<Uint8Array> {
  readonly responses: WatchResponse[] = []
  readonly watcher: SimWatcher
  readonly member: SimMember
  isOver = false
  #waiting = 0
  #wasFull = false
  #arrivesAtMs = 0
  #onDrain: () => void = () => undefined
  readonly #request: Uint8Array

  constructor(watcher: SimWatcher, member: SimMember, request: Uint8Array) {
    super()
    this.watcher = watcher
    this.member = member
    this.#request = request
  }

  onMessage(listener: (bytes: Uint8Array) => void): void {
    listener(this.#request)
  }
  onEnd(): void {
    return undefined
  }
  pause(): void {
    return undefined
  }
  resume(): void {
    return undefined
  }
  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }
  end(): void {
    this.watcher.later(0, () => this.watcher.onEnd(this))
  }
  fail(): void {
    this.watcher.later(0, () => this.watcher.onEnd(this))
  }

  send(bytes: Uint8Array): boolean {
    const response = decodeWatchResponse(Uint8Array.from(bytes))
    const { nowMs, latencyMs, readMs } = this.watcher
    this.#arrivesAtMs = Math.max(nowMs + latencyMs, this.#arrivesAtMs + readMs)
    this.#waiting++
    this.watcher.later(this.#arrivesAtMs - nowMs, () => this.#read(response))
    const hasRoom = readMs === 0 || this.#waiting < WINDOW
    if (!hasRoom) this.#wasFull = true
    return hasRoom
  }

  #read(response: WireResponse): void {
    this.#waiting--
    this.watcher.onResponse(this, response)
    if (!this.#wasFull || this.#waiting > 0 || this.isOver) return
    this.#wasFull = false
    this.member.enter(
      'drain',
      () => this.#onDrain(),
      () => undefined,
    )
  }
}

export class SimWatcher {
  readonly watches: (Watch & { end?: Watch['end'] })[] = []
  readonly #commons: Commons
  readonly #plan: WatcherPlan
  readonly #draws: Draws
  readonly #home: SimMember | undefined
  readonly #nextId: () => number
  /** The next revision that it has not seen. */
  next: number | undefined
  #stream: Stream | undefined
  #streamSinceMs = 0
  #isSlowed = true
  #wasSlow = false

  constructor(
    commons: Commons,
    plan: WatcherPlan,
    home: SimMember | undefined,
    nextId: () => number,
  ) {
    this.#commons = commons
    this.#plan = plan
    this.#home = home
    this.#nextId = nextId
    this.#draws = new Draws(commons.around.plan.seed, `watcher ${plan.number}`)
  }

  get nowMs(): number {
    return this.#commons.around.world.nowMs
  }

  get latencyMs(): number {
    return this.#draws.exponential(LATENCY_MS)
  }

  get readMs(): number {
    return this.#isSlowed ? this.#plan.readMs : 0
  }

  /** Reads at full speed from now on. */
  hurry(): void {
    this.#isSlowed = false
  }

  later(delayMs: number, run: () => void): void {
    const { world } = this.#commons.around
    world.after(world.outside, delayMs, 'watch', run)
  }

  async run(): Promise<void> {
    const { world } = this.#commons.around
    while (!this.#commons.isOver) {
      if (this.#stream === undefined) this.#open()
      else if (this.nowMs - this.#streamSinceMs > this.#plan.patienceMs && this.#isSlowed) {
        this.#giveUp(this.#stream)
      }
      await world.sleep(20 + this.#draws.exponential(80))
    }
  }

  /** Learners serve no watches. */
  get mayOpen(): boolean {
    const member = this.#home
    return member === undefined || member.status?.voters.includes(member.id) === true
  }

  get isOpen(): boolean {
    return this.#stream !== undefined
  }

  #open(): void {
    const member = this.#choose()
    if (member === undefined) return
    const { key, prevKv, fragment, rewind } = this.#plan
    const from = this.next
    const startRevision =
      from === undefined ? 1 : rewind === undefined ? from : Math.max(1, from - rewind)
    const interval = key === undefined ? { key: '\0', rangeEnd: '\0' } : { key }
    const request: WatchRequest = {
      ...interval,
      startRevision,
      ...(prevKv && { prevKv }),
      ...(fragment && { fragment }),
    }
    const { rangeEnd = '' } = request
    const value = {
      key: k(request.key),
      rangeEnd: k(rangeEnd),
      startRevision,
      prevKv,
      fragment,
      progressNotify: true,
    }
    const bytes = encodeWatchRequest({ requestUnion: { case: 'createRequest', value } })
    const stream = new Stream(this, member, bytes)
    const last = this.watches.at(-1)
    if (last !== undefined && last.member !== member.name && from !== undefined) {
      this.#commons.around.census.count('watch resumed on another member')
    }
    this.watches.push({
      id: this.#nextId(),
      client: `w${this.#plan.number}`,
      member: member.name,
      calledAt: this.nowMs,
      request,
      responses: stream.responses,
    })
    this.#stream = stream
    this.#streamSinceMs = this.nowMs
    member.enter(
      'watch',
      (test) => {
        try {
          test.bidi('/etcdserverpb.Watch/Watch', stream, stream, stream)
        } catch (error) {
          if (!(error instanceof StatusError)) throw error
          stream.fail()
        }
      },
      () => this.onEnd(stream),
    )
  }

  #choose(): SimMember | undefined {
    if (this.#home !== undefined && this.#home.state !== 'gone') {
      return this.#home.state === 'up' ? this.#home : undefined
    }
    const up = this.#commons.members.filter(({ state }) => state === 'up')
    return up.length === 0 ? undefined : this.#draws.pick(up)
  }

  #giveUp(stream: Stream): void {
    stream.member.enter(
      'cancel',
      () => stream.goAway(),
      () => undefined,
    )
    this.onEnd(stream)
  }

  /** The stream is no more. */
  onEnd(stream: Stream): void {
    if (stream.isOver) return
    stream.isOver = true
    if (this.#stream !== stream) return
    const watch = this.watches.at(-1)
    if (watch !== undefined) watch.end = { at: this.nowMs, reason: 'broken' }
    this.#stream = undefined
  }

  onResponse(stream: Stream, response: WireResponse): void {
    if (this.#stream !== stream || stream.isOver) return
    const seen = watchResponseOf(response, this.nowMs)
    stream.responses.push(seen)
    const { world, census } = this.#commons.around
    world.note(seen.revision)
    if (this.readMs > 500) this.#wasSlow = true
    for (const { kv } of seen.events ?? []) {
      census.tally('watch event')
      if (seen.fragment !== true) this.next = Math.max(this.next ?? 0, kv.modRevision + 1)
    }
    if (seen.type === 'progress') this.next = Math.max(this.next ?? 0, seen.revision + 1)
    if (this.#wasSlow && seen.type === 'progress') {
      this.#wasSlow = false
      census.count('slow watch that caught up')
    }
    if (seen.type === 'canceled') {
      const { compactRevision = 0 } = seen
      if (compactRevision > 0) {
        census.count('watch ended by a compaction')
        this.next = Math.max(this.next ?? 0, compactRevision)
      }
      const watch = this.watches.at(-1)
      if (watch !== undefined) watch.end = { at: this.nowMs, reason: 'broken' }
      stream.isOver = true
      this.#stream = undefined
    }
  }
}
