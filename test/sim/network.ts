/**
 * The memory network under a schedule: every message takes its time and may get lost, and what a
 * member is told is a step of its own loop, so that it waits while the member is paused and never
 * arrives at one that is gone.
 */

import type { BackendRecord } from '../../src/base/ports.ts'
import { MemoryNetwork, type MemoryScheduler, type Way } from '../../src/peer/memory-network.ts'
import type {
  CallResult,
  OutgoingSnapshot,
  SnapshotSink,
  Transport,
  TransportEvents,
} from '../../src/peer/ports.ts'
import type { MemberId, Message } from '../../src/raft/types.ts'
import type { Census } from './census.ts'
import { Draws } from './draws.ts'
import type { Owner, Step, World } from './world.ts'

/** Kinds of traffic that may be lost by themselves. */
export type Traffic = 'snapshots' | 'entries' | 'control'

interface Receiver {
  readonly owner: Owner
  readonly events: TransportEvents
}

/** These must come once, whatever else does: a transport promises that, and Raft does not see to it. */
const ONCE: ReadonlySet<Message['type']> = new Set(['MsgProp', 'MsgPropRefused'])
/** How late what is sent twice or overtaken comes, on average: within an election, or far behind. */
const LATE_MS = [2, 30, 400] as const

/** So many answers of each kind, old and new, may come to a member once more, or at last. */
const NEWS_MAX = 40
const NEWS: ReadonlySet<Message['type']> = new Set([
  'MsgAppResp',
  'MsgVoteResp',
  'MsgPreVoteResp',
  'MsgHeartbeatResp',
  'MsgReadIndexResp',
])
const RETOLD_LATENCIES = 2

/** The longest that anything is on its way, in mean times and in milliseconds. */
const LONGEST = 20
const LONGEST_MS = 6000

export class SimNetwork {
  readonly inner: MemoryNetwork
  loss: number
  slowness = 1
  /** How often messages come twice, or long after later ones: no transport of ours does that. */
  duplicates = 0
  overtakings = 0
  /** What members are told is kept, to be told again. */
  keepsNews = false
  /** Snapshots on their way now. */
  snapshots = 0
  readonly #world: World
  readonly #latencyMs: number
  readonly #delays: Draws
  readonly #losses: Draws
  readonly #hostility: Draws
  /** By whom they are for, and their type. */
  readonly #news = new Map<string, Message[]>()
  readonly #receivers = new Map<MemberId, Receiver>()
  /** By how much more messages from and to a member take. */
  readonly #spikes = new Map<MemberId, number>()
  /** What waits on links that are clogged. */
  readonly #clogged = new Map<string, (() => void)[]>()
  readonly #dropped = new Map<MemberId, Set<Traffic>>()
  readonly #census: Census
  /** How many reasons there are for a link to be cut. */
  readonly #cuts = new Map<string, number>()
  readonly #underWay = new Map<Step, { run: () => void; way: Way | undefined }>()

  constructor(world: World, seed: number, latencyMs: number, loss: number, census: Census) {
    this.#world = world
    this.#latencyMs = latencyMs
    this.#delays = new Draws(seed, 'network delays')
    this.#losses = new Draws(seed, 'network losses')
    this.#hostility = new Draws(seed, 'hostile network')
    this.#census = census
    this.loss = loss
    const scheduler: MemoryScheduler = {
      nowMs: () => world.nowMs,
      schedule: (step, way) => this.#send(step, way),
      after: (delayMs, step) => {
        const planned = world.after(world.outside, delayMs, 'network-timer', step)
        return () => (planned.isForgotten = true)
      },
    }
    this.inner = new MemoryNetwork(scheduler)
  }

  cut(from: MemberId, to: MemberId): void {
    const link = `${from}>${to}`
    this.#cuts.set(link, (this.#cuts.get(link) ?? 0) + 1)
    this.inner.cut(from, to)
  }

  /** Undoes one cut. */
  mend(from: MemberId, to: MemberId): void {
    const link = `${from}>${to}`
    const left = (this.#cuts.get(link) ?? 1) - 1
    this.#cuts.set(link, Math.max(0, left))
    if (left <= 0) this.inner.heal(from, to)
  }

  heal(): void {
    for (const link of this.#cuts.keys()) {
      const [from = '', to = ''] = link.split('>')
      this.inner.heal(from, to)
    }
    this.#cuts.clear()
    this.#spikes.clear()
    this.#dropped.clear()
    for (const link of [...this.#clogged.keys()]) this.#unclog(link)
    this.duplicates = 0
    this.overtakings = 0
    this.keepsNews = false
    this.loss = 0
    this.setSlowness(1)
  }

  /** What is on its way goes on at the new speed. */
  setSlowness(slowness: number): void {
    this.slowness = slowness
    const late = [...this.#underWay]
    this.#underWay.clear()
    for (const [step, { run, way }] of late) {
      step.isForgotten = true
      this.#send(run, way)
    }
  }

  /** The connections break and are there again: what was on its way is lost. */
  reset(from: MemberId, to: MemberId): void {
    this.cut(from, to)
    this.mend(from, to)
  }

  /** Everything from and to this member takes so much longer from now on. */
  setSpike(id: MemberId, delayMs: number): void {
    if (delayMs === 0) this.#spikes.delete(id)
    else this.#spikes.set(id, delayMs)
  }

  /** Nothing arrives, nothing is lost. */
  clog(from: MemberId, to: MemberId): void {
    const link = `${from}>${to}`
    if (!this.#clogged.has(link)) this.#clogged.set(link, [])
  }

  unclog(from: MemberId, to: MemberId): void {
    this.#unclog(`${from}>${to}`)
  }

  setDropped(id: MemberId, traffic: Traffic, isDropped: boolean): void {
    const dropped = this.#dropped.get(id) ?? new Set()
    this.#dropped.set(id, dropped)
    if (isDropped) dropped.add(traffic)
    else dropped.delete(traffic)
  }

  drops({ from, to }: Way, traffic: Traffic): boolean {
    const isDropped =
      this.#dropped.get(from)?.has(traffic) === true || this.#dropped.get(to)?.has(traffic) === true
    if (isDropped) this.#census.count('only some traffic dropped')
    return isDropped
  }

  #unclog(link: string): void {
    const waiting = this.#clogged.get(link) ?? []
    this.#clogged.delete(link)
    const [from = '', to = ''] = link.split('>')
    for (const run of waiting) this.#send(run, { from, to })
  }

  #send(run: () => void, way: Way | undefined): void {
    const waiting = way && this.#clogged.get(`${way.from}>${way.to}`)
    if (waiting !== undefined) return void waiting.push(run)
    const step = this.#world.after(this.#world.outside, this.#delay(way), 'network', () => {
      this.#underWay.delete(step)
      if (way !== undefined && this.#clogged.has(`${way.from}>${way.to}`)) this.#send(run, way)
      else run()
    })
    this.#underWay.set(step, { run, way })
  }

  join(owner: Owner, id: MemberId, events: TransportEvents): Transport {
    this.#receivers.set(id, { owner, events })
    const inner = this.inner.join(id, this.#arriving(owner, events))
    return new OwnedTransport(this.#world, owner, id, inner, this)
  }

  #delay(way: Way | undefined): number {
    const spike =
      way === undefined
        ? 0
        : Math.max(this.#spikes.get(way.from) ?? 0, this.#spikes.get(way.to) ?? 0)
    const mean = this.#latencyMs * this.slowness
    return Math.min(this.#delays.exponential(mean), mean * LONGEST, LONGEST_MS) + spike + 0.01
  }

  /** Whether it is overtaken; it may come once more as well. */
  #isLate(message: Message): boolean {
    if (this.duplicates === 0 && this.overtakings === 0) return false
    const { type } = message
    if (!ONCE.has(type) && this.#hostility.chance(this.duplicates)) {
      this.#census.count('message delivered twice')
      this.#deliverLater(copyOf(message))
    }
    if (!this.#hostility.chance(this.overtakings)) return false
    this.#census.count('message overtaken by later ones')
    this.#deliverLater(message)
    return true
  }

  /** Answers of earlier terms, and to earlier lives, come to the member once more, in any order. */
  retell(id: MemberId, ofReads: boolean): void {
    const meanMs = RETOLD_LATENCIES * this.#latencyMs
    for (const type of NEWS) {
      if ((type === 'MsgReadIndexResp') !== ofReads) continue
      for (const message of this.#news.get(`${id} ${type}`) ?? []) {
        if (!this.#hostility.chance(0.5)) continue
        this.#census.count('answer of long ago delivered again')
        this.#deliverLater(message, meanMs)
      }
    }
  }

  remember(messages: readonly Message[]): void {
    if (!this.keepsNews) return
    for (const message of messages) {
      const { type, to } = message
      if (!NEWS.has(type)) continue
      const name = `${to} ${type}`
      const known = this.#news.get(name) ?? []
      this.#news.set(name, known)
      const place = known.length < NEWS_MAX ? known.length : this.#hostility.below(NEWS_MAX)
      known[place] = copyOf(message)
    }
  }

  /** To whoever this member is by then, whatever became of the connection. */
  #deliverLater(message: Message, meanMs: number = this.#hostility.pick(LATE_MS)): void {
    const { outside } = this.#world
    this.#world.after(outside, this.#hostility.exponential(meanMs), 'late message', () => {
      const receiver = this.#receivers.get(message.to)
      if (receiver === undefined || receiver.owner.isDead) return
      if (this.inner.open(message.from, message.to) === undefined) return
      this.#world.hand(receiver.owner, 'message', () => receiver.events.onMessage(message))
    })
  }

  #arriving(owner: Owner, events: TransportEvents): TransportEvents {
    const world = this.#world
    return {
      onMessage: (message: Message) => {
        if (this.loss > 0 && this.#losses.chance(this.loss)) {
          this.#census.count('message lost')
          return
        }
        if (
          this.drops(
            message,
            message.type === 'MsgApp' || message.type === 'MsgProp' ? 'entries' : 'control',
          )
        )
          return
        if (this.#isLate(message)) return
        world.hand(owner, 'message', () => events.onMessage(message))
      },
      onUnreachable: (id) => void world.soon(owner, 'unreachable', () => events.onUnreachable(id)),
      onRemoved: () => void world.soon(owner, 'removed', () => events.onRemoved()),
      onStranger: (peer) => void world.soon(owner, 'stranger', () => events.onStranger(peer)),
      onForeign: (id) => void world.soon(owner, 'foreign', () => events.onForeign(id)),
      onCall: (from, request) => within(world, owner, 'call', () => events.onCall(from, request)),
      onSnapshot: (message, checkpoint, bytes) =>
        new OwnedSink(world, owner, () => events.onSnapshot(message, checkpoint, bytes)),
    }
  }
}

/** As decoding makes it: nothing in it is shared. */
function copyOf(message: Message): Message {
  return message.type === 'MsgApp' ? { ...message, entries: [...message.entries] } : { ...message }
}

/** Runs it in a step of the owner; what it comes to is passed on in a step of the world. */
function within<Result>(
  world: World,
  owner: Owner,
  kind: string,
  run: () => Promise<Result>,
): Promise<Result> {
  const back = world.current
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      void world.soon(back, `${kind} failed`, () => reject(error))
    if (owner.isDead) return fail(new GoneError('the member is gone'))
    const forget = owner.onDeath(() => fail(new GoneError('the member is gone')))
    world.soon(owner, kind, () => {
      run()
        .finally(forget)
        .then(
          (result) => world.soon(back, `${kind} done`, () => resolve(result)),
          (error: unknown) => fail(error as Error),
        )
    })
  })
}

const END = { done: true, value: undefined } as const

/** Who was to do it does not live any more. */
class GoneError extends Error {}

class OwnedTransport implements Transport {
  readonly #world: World
  readonly #owner: Owner
  readonly #id: MemberId
  readonly #inner: Transport
  readonly #network: SimNetwork

  constructor(world: World, owner: Owner, id: MemberId, inner: Transport, network: SimNetwork) {
    this.#world = world
    this.#owner = owner
    this.#id = id
    this.#inner = inner
    this.#network = network
  }

  setPeers(peers: Parameters<Transport['setPeers']>[0]): void {
    this.#inner.setPeers(peers)
  }

  setRemoved(ids: readonly MemberId[]): void {
    this.#inner.setRemoved(ids)
  }

  send(messages: Parameters<Transport['send']>[0]): void {
    this.#network.remember(messages)
    this.#inner.send(messages)
  }

  call(to: MemberId, request: Uint8Array, timeoutMs: number): Promise<CallResult> {
    return this.#home(this.#inner.call(to, request, timeoutMs))
  }

  sendSnapshot(to: MemberId, snapshot: OutgoingSnapshot): Promise<boolean> {
    const way = { from: this.#id, to }
    const records = this.#read(snapshot.records, way)
    const sent = this.#inner.sendSnapshot(to, { ...snapshot, records })
    this.#network.snapshots++
    const end = (): void => void this.#network.snapshots--
    sent.then(end, end)
    return this.#home(sent)
  }

  activeSinceMs(id: MemberId): number | undefined {
    const sinceMs = this.#inner.activeSinceMs(id)
    if (sinceMs === undefined) return undefined
    // The network counts in the world's time, the member in its own.
    return this.#owner.nowMs() - (this.#world.nowMs - sinceMs) * this.#owner.rate
  }

  stop(): Promise<void> {
    return this.#inner.stop()
  }

  /** What the network says arrives in a step of the member. */
  #home<Result>(promise: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      promise.then(
        (result) => this.#world.soon(this.#owner, 'answer', () => resolve(result)),
        (error: Error) => this.#world.soon(this.#owner, 'answer', () => reject(error)),
      )
    })
  }

  /** The sender reads its records in steps of its own. */
  #read(
    records: AsyncIterable<readonly BackendRecord[]>,
    way: Way,
  ): AsyncIterable<readonly BackendRecord[]> {
    const world = this.#world
    const owner = this.#owner
    const inner = records[Symbol.asyncIterator]()
    const iterator: AsyncIterator<readonly BackendRecord[]> = {
      next: () => {
        if (this.#network.drops(way, 'snapshots'))
          return Promise.reject(new GoneError('it is lost'))
        return within(world, owner, 'read', () => inner.next())
      },
      return: () =>
        within(world, owner, 'read', async () => {
          await inner.return?.()
          return END
        }).catch((error: unknown) => {
          if (error instanceof GoneError) return END
          throw error
        }),
    }
    return { [Symbol.asyncIterator]: () => iterator }
  }
}

/** The receiver decides in a step of its own whether it takes the snapshot. */
class OwnedSink implements SnapshotSink {
  readonly #world: World
  readonly #owner: Owner
  readonly #opened: Promise<SnapshotSink | undefined>

  constructor(world: World, owner: Owner, open: () => SnapshotSink | undefined) {
    this.#world = world
    this.#owner = owner
    this.#opened = within(world, owner, 'snapshot', async () => open())
    // Whoever uses it hears of it; perhaps nobody does, when both members go.
    this.#opened.catch(() => undefined)
  }

  write(records: readonly BackendRecord[]): Promise<void> {
    return this.#use((sink) => sink.write(records))
  }

  finish(): Promise<void> {
    return this.#use((sink) => sink.finish())
  }

  async abort(): Promise<void> {
    try {
      const sink = await this.#opened
      if (sink !== undefined) await within(this.#world, this.#owner, 'snapshot', () => sink.abort())
    } catch (error) {
      if (!(error instanceof GoneError)) throw error
    }
  }

  async #use(what: (sink: SnapshotSink) => Promise<void>): Promise<void> {
    const sink = await this.#opened
    if (sink === undefined) throw new Error('the snapshot is refused')
    return within(this.#world, this.#owner, 'snapshot', () => what(sink))
  }
}
