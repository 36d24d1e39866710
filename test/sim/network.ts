/**
 * The memory network under a schedule: every message takes its time and may get lost, and what a
 * member is told is a step of its own loop, so that it waits while the member is paused and never
 * arrives at one that is gone.
 */

import type { BackendRecord } from '../../src/base/ports.ts'
import { MemoryNetwork, type MemoryScheduler } from '../../src/peer/memory-network.ts'
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

/** The longest that anything is on its way, in mean times and in milliseconds. */
const LONGEST = 20
const LONGEST_MS = 6000

export class SimNetwork {
  readonly inner: MemoryNetwork
  loss: number
  slowness = 1
  /** Snapshots on their way now. */
  snapshots = 0
  readonly #world: World
  readonly #latencyMs: number
  readonly #delays: Draws
  readonly #losses: Draws
  readonly #census: Census
  /** How many reasons there are for a link to be cut. */
  readonly #cuts = new Map<string, number>()
  readonly #underWay = new Map<Step, () => void>()

  constructor(world: World, seed: number, latencyMs: number, loss: number, census: Census) {
    this.#world = world
    this.#latencyMs = latencyMs
    this.#delays = new Draws(seed, 'network delays')
    this.#losses = new Draws(seed, 'network losses')
    this.#census = census
    this.loss = loss
    const scheduler: MemoryScheduler = {
      nowMs: () => world.nowMs,
      schedule: (step) => this.#send(step),
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
    this.loss = 0
    this.setSlowness(1)
  }

  /** What is on its way goes on at the new speed. */
  setSlowness(slowness: number): void {
    this.slowness = slowness
    const late = [...this.#underWay]
    this.#underWay.clear()
    for (const [step, run] of late) {
      step.isForgotten = true
      this.#send(run)
    }
  }

  #send(run: () => void): void {
    const step = this.#world.after(this.#world.outside, this.#delay(), 'network', () => {
      this.#underWay.delete(step)
      run()
    })
    this.#underWay.set(step, run)
  }

  join(owner: Owner, id: MemberId, events: TransportEvents): Transport {
    const inner = this.inner.join(id, this.#arriving(owner, events))
    return new OwnedTransport(this.#world, owner, inner, this)
  }

  #delay(): number {
    const mean = this.#latencyMs * this.slowness
    return Math.min(this.#delays.exponential(mean), mean * LONGEST, LONGEST_MS) + 0.01
  }

  #arriving(owner: Owner, events: TransportEvents): TransportEvents {
    const world = this.#world
    return {
      onMessage: (message: Message) => {
        if (this.loss > 0 && this.#losses.chance(this.loss)) {
          this.#census.count('message lost')
          return
        }
        world.soon(owner, 'message', () => events.onMessage(message))
      },
      onUnreachable: (id) => void world.soon(owner, 'unreachable', () => events.onUnreachable(id)),
      onRemoved: () => void world.soon(owner, 'removed', () => events.onRemoved()),
      onForeign: (id) => void world.soon(owner, 'foreign', () => events.onForeign(id)),
      onCall: (from, request) => within(world, owner, 'call', () => events.onCall(from, request)),
      onSnapshot: (message, checkpoint, bytes) =>
        new OwnedSink(world, owner, () => events.onSnapshot(message, checkpoint, bytes)),
    }
  }
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
  readonly #inner: Transport
  readonly #network: SimNetwork

  constructor(world: World, owner: Owner, inner: Transport, network: SimNetwork) {
    this.#world = world
    this.#owner = owner
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
    this.#inner.send(messages)
  }

  call(to: MemberId, request: Uint8Array, timeoutMs: number): Promise<CallResult> {
    return this.#home(this.#inner.call(to, request, timeoutMs))
  }

  sendSnapshot(to: MemberId, snapshot: OutgoingSnapshot): Promise<boolean> {
    const records = this.#read(snapshot.records)
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
  #read(records: AsyncIterable<readonly BackendRecord[]>): AsyncIterable<readonly BackendRecord[]> {
    const world = this.#world
    const owner = this.#owner
    const inner = records[Symbol.asyncIterator]()
    const iterator: AsyncIterator<readonly BackendRecord[]> = {
      next: () => within(world, owner, 'read', () => inner.next()),
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
