/**
 * A client with one stream of watches. The main watch goes on where it was, on another member when
 * its own is gone; others come and go beside it, with starts, filters and ids of all kinds.
 */

import {
  WatchCreateRequest_FilterType as FilterType,
  type WatchResponse as WireResponse,
} from '../../src/rpc/codec/etcdserverpb.ts'
import { StatusError } from '../../src/rpc/status.ts'
import { k } from '../server/support/requests.ts'
import type { Watch, WatchRequest, WatchResponse } from './check/history.ts'
import { isBusy } from './busy-times.ts'
import { Draws } from './draws.ts'
import type { SimMember } from './member.ts'
import type { WatcherPlan } from './plan.ts'
import { SimWatchStream, type StreamReader } from './watch-stream.ts'
import { watchResponseOf } from './wire.ts'
import type { Commons } from './workload.ts'

const LATENCY_MS = 0.5
const SIDE_WATCHES_MAX = 4
/** An id of the main watch that no other gets. */
const MAIN_ID = 1_000_000n
const OF_ALL = -1n
/** How often it looks around while there is not much to do. */
const LOOK_MS = 1000

type Recorded = Watch & { readonly responses: WatchResponse[]; end?: Watch['end'] }

/** A watch of the stream. */
interface OpenWatch {
  /** Undefined for one that has to be refused. */
  readonly record: Recorded | undefined
  readonly isMain: boolean
  isCancelling: boolean
}

export class SimWatcher implements StreamReader {
  readonly watches: Recorded[] = []
  readonly #commons: Commons
  readonly #plan: WatcherPlan
  readonly #draws: Draws
  readonly #home: SimMember | undefined
  readonly #nextId: () => number
  /** The next revision that it has not seen. */
  next: number | undefined
  #stream: SimWatchStream | undefined
  #streamSinceMs = 0
  #isSlowed = true
  #wasSlow = false
  /** What it wanted was compacted: it goes on from there. */
  #wasCompacted = false
  /** Asked for and not answered, in order. */
  readonly #creating: OpenWatch[] = []
  readonly #open = new Map<bigint, OpenWatch>()
  #awaitsProgress = false
  /** The ids of its watches on this stream are its own choice, and come again. */
  #picksIds = false
  #onEnd: () => void = () => undefined

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

  /** Reads at full speed from now on, and lets its watches be. */
  hurry(): void {
    this.#isSlowed = false
  }

  later(delayMs: number, run: () => void): void {
    const { world } = this.#commons.around
    world.after(world.outside, delayMs, 'watch', run)
  }

  async run(): Promise<void> {
    const { world, plan } = this.#commons.around
    const { busy } = plan
    while (!this.#commons.isOver) {
      const stream = this.#stream
      if (stream === undefined) this.#begin()
      else if (this.nowMs - this.#streamSinceMs > this.#plan.patienceMs && this.#isSlowed) {
        this.#giveUp(stream)
      } else if (this.#isSlowed && this.#draws.chance(this.#plan.bustle)) this.#bustle(stream)
      if (this.#stream !== undefined && !isBusy(busy, this.nowMs)) await this.#disturbed(LOOK_MS)
      await world.sleep(20 + this.#draws.exponential(80))
    }
  }

  /** Its stream has ended, or that time has passed. */
  #disturbed(ms: number): Promise<void> {
    const { world } = this.#commons.around
    return new Promise((resolve) => {
      const over = world.after(world.outside, ms, 'watch', resolve)
      this.#onEnd = () => {
        over.isForgotten = true
        resolve()
      }
    })
  }

  /** Learners serve no watches. */
  get mayOpen(): boolean {
    const member = this.#home
    return member === undefined || member.status?.voters.includes(member.id) === true
  }

  get isOpen(): boolean {
    return this.#stream !== undefined
  }

  /** What its member has not answered yet. */
  get owed(): string | undefined {
    if (this.#stream === undefined) return undefined
    if (this.#creating.length > 0) return 'a watch is not created'
    const all = [...this.#open.values()]
    if (all.some(({ isCancelling }) => isCancelling)) return 'a watch is not cancelled'
    const { highestRevision } = this.#commons
    const begins = all.map(({ record }) => record?.request.startRevision ?? 0)
    if (!this.#awaitsProgress || Math.max(...begins) > highestRevision) return undefined
    return 'a request for progress is not answered'
  }

  #begin(): void {
    const member = this.#choose()
    if (member === undefined) return
    const stream = new SimWatchStream(this, member)
    this.#stream = stream
    this.#streamSinceMs = this.nowMs
    this.#awaitsProgress = false
    const last = this.watches.at(-1)
    if (last !== undefined && last.member !== member.name && this.next !== undefined) {
      this.#commons.around.census.count('watch resumed on another member')
    }
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
    this.#picksIds = this.#draws.chance(0.5)
    const id = this.#picksIds || this.#draws.chance(0.5) ? MAIN_ID : 0n
    this.#create(stream, this.#mainRequest(), id, true)
  }

  #mainRequest(): WatchRequest {
    const { key, prevKv, fragment, rewind, filter } = this.#plan
    const from = this.next
    const startRevision =
      from === undefined ? 1 : Math.max(1, from - (this.#wasCompacted ? 0 : (rewind ?? 0)))
    this.#wasCompacted = false
    return {
      ...(key === undefined ? { key: '\0', rangeEnd: '\0' } : { key }),
      startRevision,
      ...(prevKv && { prevKv }),
      ...(fragment && { fragment }),
      ...(filter === 'no-put' && { noPut: true }),
      ...(filter === 'no-delete' && { noDelete: true }),
    }
  }

  /** Something beside the main watch: another one, the end of one, or a question. */
  #bustle(stream: SimWatchStream): void {
    const draws = this.#draws
    const side = [...this.#open].filter(([, one]) => !one.isMain && !one.isCancelling)
    if (draws.chance(0.25)) {
      this.#awaitsProgress = true
      stream.ask({ case: 'progressRequest', value: {} })
    } else if (side.length > 0 && (side.length >= SIDE_WATCHES_MAX || draws.chance(0.4))) {
      const [watchId, watch] = draws.pick(side)
      watch.isCancelling = true
      this.#commons.around.census.tally('watch cancelled by its client')
      stream.ask({ case: 'cancelRequest', value: { watchId } })
    } else {
      // Why none in use: a cancellation that crosses the watch's end would hit the next one.
      const id = this.#picksIds ? BigInt(draws.between(1, 3)) : 0n
      const isTaken = id !== 0n && (this.#open.has(id) || this.#creating.length > 0)
      if (!isTaken) this.#create(stream, this.#sideRequest(), id, false)
    }
  }

  #sideRequest(): WatchRequest {
    const draws = this.#draws
    const { keys } = this.#commons.around.plan
    const interval = draws.pick([
      { key: '\0', rangeEnd: '\0' },
      { key: 'k', rangeEnd: 'l' },
      { key: `k${draws.below(keys)}` },
      { key: 'g', rangeEnd: 'h' },
    ])
    const startRevision = this.#sideStart()
    return {
      ...interval,
      ...(startRevision !== undefined && { startRevision }),
      ...(draws.chance(0.3) && { prevKv: true }),
      ...(draws.chance(0.15) && { noPut: true }),
      ...(draws.chance(0.15) && { noDelete: true }),
      ...(draws.chance(0.3) && { fragment: true }),
    }
  }

  /** Undefined: from now on. A negative start has to be refused. */
  #sideStart(): number | undefined {
    const draws = this.#draws
    const { highestRevision, compacted } = this.#commons
    const kind = draws.weighted({
      now: 2,
      past: 2,
      future: 3,
      compacted: 4,
      lost: 1,
      negative: 0.3,
    })
    switch (kind) {
      case 'now':
        return undefined
      case 'past':
        return Math.max(1, highestRevision - draws.below(30))
      case 'future':
        return highestRevision + 1 + draws.below(draws.pick([3, 12, 60]))
      case 'compacted':
        return Math.max(1, compacted)
      case 'lost':
        return Math.max(1, compacted - 1 - draws.below(3))
      case 'negative':
        return -1
    }
  }

  /** Records the watch and asks for it; id 0n: the member picks one. */
  #create(stream: SimWatchStream, request: WatchRequest, watchId: bigint, isMain: boolean): void {
    const { rangeEnd = '', startRevision = 0, prevKv = false, fragment = false } = request
    const isRefused = startRevision < 0
    const record: Recorded | undefined = isRefused
      ? undefined
      : {
          id: this.#nextId(),
          client: `w${this.#plan.number}`,
          member: stream.member.name,
          calledAt: this.nowMs,
          request,
          responses: [],
        }
    if (record !== undefined) this.watches.push(record)
    this.#creating.push({ record, isMain, isCancelling: false })
    const filters = [
      ...(request.noPut === true ? [FilterType.NOPUT] : []),
      ...(request.noDelete === true ? [FilterType.NODELETE] : []),
    ]
    const value = {
      watchId,
      key: k(request.key),
      rangeEnd: k(rangeEnd),
      startRevision,
      prevKv,
      fragment,
      filters,
      progressNotify: isMain || this.#draws.chance(0.5),
    }
    stream.ask({ case: 'createRequest', value })
  }

  #choose(): SimMember | undefined {
    if (this.#home !== undefined && this.#home.state !== 'gone') {
      return this.#home.state === 'up' ? this.#home : undefined
    }
    const up = this.#commons.members.filter(({ state }) => state === 'up')
    return up.length === 0 ? undefined : this.#draws.pick(up)
  }

  #giveUp(stream: SimWatchStream): void {
    stream.member.enter(
      'cancel',
      () => stream.goAway(),
      () => undefined,
    )
    this.onEnd(stream)
  }

  /** The stream is no more. */
  onEnd(stream: SimWatchStream): void {
    if (stream.isOver) return
    stream.isOver = true
    if (this.#stream !== stream) return
    for (const { record } of [...this.#creating, ...this.#open.values()]) {
      if (record !== undefined) record.end ??= { at: this.nowMs, reason: 'broken' }
    }
    this.#creating.length = 0
    this.#open.clear()
    this.#stream = undefined
    this.#onEnd()
  }

  onResponse(stream: SimWatchStream, response: WireResponse): void {
    if (this.#stream !== stream || stream.isOver) return
    const seen = watchResponseOf(response, this.nowMs)
    const { world, census } = this.#commons.around
    world.note(seen.revision)
    census.tally('watch event', seen.events?.length ?? 0)
    if (this.readMs > 500) this.#wasSlow = true
    if (response.created) return this.#onCreated(stream, response, seen)
    if (response.watchId === OF_ALL) return this.#onProgressOfAll(seen)
    const watch = this.#open.get(response.watchId)
    if (watch === undefined) {
      const what = `${stream.member.name} sent ${seen.type} for watch ${response.watchId}, which is not open`
      return this.#commons.around.report('watch-protocol', what)
    }
    watch.record?.responses.push(seen)
    if (watch.isMain) this.#follow(seen)
    if (seen.type === 'canceled') this.#onCanceled(stream, response.watchId, watch, seen)
  }

  #onCreated(stream: SimWatchStream, response: WireResponse, seen: WatchResponse): void {
    const watch = this.#creating.shift()
    if (watch === undefined) {
      const what = `${stream.member.name} created a watch that nobody asked for`
      return this.#commons.around.report('watch-protocol', what)
    }
    if (watch.record === undefined && !response.canceled) {
      const what = `${stream.member.name} created a watch from a negative revision`
      return this.#commons.around.report('watch-protocol', what)
    }
    watch.record?.responses.push(seen)
    if (response.canceled) {
      if (watch.record !== undefined) watch.record.end = { at: this.nowMs, reason: 'cancelled' }
    } else this.#open.set(response.watchId, watch)
  }

  #onProgressOfAll(seen: WatchResponse): void {
    this.#awaitsProgress = false
    this.#commons.around.census.count('progress asked for and told')
    for (const { record } of this.#open.values()) record?.responses.push(seen)
  }

  #onCanceled(
    stream: SimWatchStream,
    id: bigint,
    watch: OpenWatch,
    { compactRevision = 0 }: WatchResponse,
  ): void {
    this.#open.delete(id)
    const { census } = this.#commons.around
    if (compactRevision > 0) census.count('watch ended by a compaction')
    if (watch.record !== undefined) {
      const reason = compactRevision > 0 ? 'broken' : 'cancelled'
      watch.record.end = { at: this.nowMs, reason }
    }
    if (!watch.isMain && !watch.isCancelling && compactRevision === 0) {
      const what = `${stream.member.name} cancelled a watch that nobody wanted to end`
      this.#commons.around.report('watch-protocol', what)
    }
    if (!watch.isMain) return
    this.#wasCompacted = compactRevision > 0
    this.next = Math.max(this.next ?? 0, compactRevision)
    this.#giveUp(stream)
  }

  /** How far the main watch has come. */
  #follow(seen: WatchResponse): void {
    for (const { kv } of seen.events ?? []) {
      if (seen.fragment !== true) this.next = Math.max(this.next ?? 0, kv.modRevision + 1)
    }
    if (seen.type !== 'progress') return
    this.next = Math.max(this.next ?? 0, seen.revision + 1)
    if (!this.#wasSlow) return
    this.#wasSlow = false
    this.#commons.around.census.count('slow watch that caught up')
  }
}
