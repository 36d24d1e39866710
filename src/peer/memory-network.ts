/**
 * The Transport without a network, for tests and the simulator: members in one process, links that
 * can be cut. Everything happens when the scheduler says so, so that a scheduler with a seed makes
 * a run that can be repeated.
 *
 * As on TCP, what is sent over a link that is cut is lost, the sender is told, and a link that was
 * cut has lost what was under way on it. Nothing is ever late on its own: slowness is a matter for
 * the scheduler.
 */

import { assert, AssertionError } from '../base/assert.ts'
import type { BackendRecord } from '../base/ports.ts'
import type { MemberId, Message } from '../raft/types.ts'
import { isBulk, type StreamMessage } from './message-codec.ts'
import type { CallResult, OutgoingSnapshot, Peer, Transport, TransportEvents } from './ports.ts'

/** Who sends something to whom. */
export interface Way {
  readonly from: MemberId
  readonly to: MemberId
}

export interface MemoryScheduler {
  nowMs(): number
  /** Runs it later, never from within this call. In any order with others. `way` is where it goes. */
  schedule(step: () => void, way?: Way): void
  /** Runs it at least so much later; the returned function forgets it. */
  after(delayMs: number, step: () => void): () => void
}

/** One direction between two members, for one kind of traffic: what is on its way, in order. */
interface Lane {
  readonly inFlight: Message[]
}

export class MemoryNetwork {
  readonly scheduler: MemoryScheduler
  readonly #members = new Map<MemberId, MemoryTransport>()
  readonly #cuts = new Set<string>()

  constructor(scheduler: MemoryScheduler) {
    this.scheduler = scheduler
  }

  /** The id must not be in use; it is free again after `stop`. */
  join(memberId: MemberId, events: TransportEvents): Transport {
    assert(!this.#members.has(memberId), 'each member joins once', { memberId })
    const transport = new MemoryTransport(this, memberId, events)
    this.#members.set(memberId, transport)
    this.update()
    return transport
  }

  /** From now on nothing gets from one to the other; the way back is not touched. */
  cut(from: MemberId, to: MemberId): void {
    this.#cuts.add(linkOf(from, to))
    this.update()
  }

  heal(from: MemberId, to: MemberId): void {
    this.#cuts.delete(linkOf(from, to))
    this.update()
  }

  /** The other end of an open link, or undefined. */
  open(from: MemberId, to: MemberId): MemoryTransport | undefined {
    if (this.#cuts.has(linkOf(from, to))) return undefined
    const receiver = this.#members.get(to)
    const sender = this.#members.get(from)
    if (receiver === undefined || sender === undefined || !sender.isPeer(to)) return undefined
    return receiver.refuses(from) ? undefined : receiver
  }

  /** The member that `from` is turned away by because it has been removed. */
  isTurnedAway(from: MemberId, to: MemberId): boolean {
    if (this.#cuts.has(linkOf(from, to)) || this.#cuts.has(linkOf(to, from))) return false
    const isPeer = this.#members.get(from)?.isPeer(to) === true
    return isPeer && this.#members.get(to)?.refuses(from) === true
  }

  leave(memberId: MemberId): void {
    this.#members.delete(memberId)
    this.update()
  }

  /** Something about who reaches whom has changed. */
  update(): void {
    for (const member of this.#members.values()) member.update()
  }
}

function linkOf(from: MemberId, to: MemberId): string {
  return `${from}>${to}`
}

type LaneName = 'messages' | 'append'

/** What one member knows of its way to one other. */
interface MemoryLink {
  readonly lanes: Readonly<Record<LaneName, Lane>>
  /** Counted up when the link closes: what started before it has been lost. */
  generation: number
  isOpen: boolean
  activeSinceMs: number | undefined
  isSnapshotUnderWay: boolean
  /** Ends the snapshot under way. */
  onClosed: () => void
}

/** Who sends on it learns of it, whatever the receiver does. */
function close(link: MemoryLink): void {
  link.generation++
  link.onClosed()
}

class MemoryTransport implements Transport {
  readonly #network: MemoryNetwork
  readonly #memberId: MemberId
  readonly #events: TransportEvents
  readonly #links = new Map<MemberId, MemoryLink>()
  readonly #unreachable = new Set<MemberId>()
  /** Calls that wait for an answer. */
  readonly #calls = new Set<(result: CallResult) => void>()
  /** Snapshots that come in, as long as their sink is in use. */
  readonly #incoming = new Set<Promise<unknown>>()
  #removed: ReadonlySet<MemberId> = new Set()
  #strangers: ReadonlySet<MemberId> = new Set()
  #isRemovedTold = false
  #isStopped = false

  constructor(network: MemoryNetwork, memberId: MemberId, events: TransportEvents) {
    this.#network = network
    this.#memberId = memberId
    this.#events = events
  }

  setPeers(peers: readonly Peer[]): void {
    if (this.#isStopped) return
    const ids = new Set(peers.map(({ id }) => id).filter((id) => id !== this.#memberId))
    for (const [id, link] of this.#links) {
      if (ids.has(id)) continue
      this.#links.delete(id)
      close(link)
    }
    for (const id of ids) if (!this.#links.has(id)) this.#links.set(id, newLink())
    this.#strangers = new Set(peers.flatMap(({ id, isStranger }) => (isStranger ? [id] : [])))
    this.#network.update()
  }

  setRemoved(ids: readonly MemberId[]): void {
    this.#removed = new Set(ids)
    this.#network.update()
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      assert(message.type !== 'MsgSnap' && message.from === this.#memberId, 'a message to send')
      this.#send(message)
    }
  }

  async call(to: MemberId, request: Uint8Array, timeoutMs: number): Promise<CallResult> {
    if (this.#isStopped) return { ok: false, error: 'stopped' }
    const link = this.#links.get(to)
    if (link?.isOpen !== true) return { ok: false, error: 'unreachable' }
    return new Promise((resolve) => {
      const { scheduler } = this.#network
      const settle = (result: CallResult): void => {
        if (!this.#calls.delete(settle)) return
        forget()
        resolve(result)
      }
      const forget = scheduler.after(timeoutMs, () => settle({ ok: false, error: 'timeout' }))
      this.#calls.add(settle)
      const { generation } = link
      const way = { from: this.#memberId, to }
      scheduler.schedule(() => {
        const receiver = this.#reached(to, link, generation)
        void receiver?.answer(this.#memberId, request).then((result) => {
          // The way back is that of the same connection.
          scheduler.schedule(
            () => {
              if (this.#reached(to, link, generation) !== undefined) settle(result)
            },
            { from: to, to: this.#memberId },
          )
        })
      }, way)
    })
  }

  async sendSnapshot(to: MemberId, snapshot: OutgoingSnapshot): Promise<boolean> {
    const link = this.#links.get(to)
    const records = snapshot.records[Symbol.asyncIterator]()
    if (link?.isOpen !== true || link.isSnapshotUnderWay) {
      await records.return?.()
      return false
    }
    link.isSnapshotUnderWay = true
    const { generation } = link
    const isOpen = (): boolean => this.#reached(to, link, generation) !== undefined
    const closed = new Promise<boolean>((resolve) => (link.onClosed = () => resolve(false)))
    await this.#step(to)
    const receiver = this.#reached(to, link, generation)
    const received = receiver?.receive(snapshot, records, isOpen, () => this.#step(to))
    const isSent = await Promise.race([received, closed])
    link.isSnapshotUnderWay = false
    await records.return?.()
    return isSent === true && isOpen()
  }

  activeSinceMs(id: MemberId): number | undefined {
    return this.#links.get(id)?.activeSinceMs
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    for (const link of this.#links.values()) close(link)
    this.#links.clear()
    this.#network.leave(this.#memberId)
    for (const settle of [...this.#calls]) settle({ ok: false, error: 'stopped' })
    await Promise.all(this.#incoming)
  }

  isPeer(id: MemberId): boolean {
    return this.#links.has(id)
  }

  refuses(from: MemberId): boolean {
    return this.#removed.has(from)
  }

  update(): void {
    for (const [id, link] of this.#links) {
      const isOpen = this.#network.open(this.#memberId, id) !== undefined
      if (link.isOpen && !isOpen) this.#onBroken(id, link)
      link.isOpen = isOpen
      const isActive = isOpen && this.#network.open(id, this.#memberId) !== undefined
      if (!isActive) link.activeSinceMs = undefined
      else link.activeSinceMs ??= this.#network.scheduler.nowMs()
      const isTurnedAway = this.#network.isTurnedAway(this.#memberId, id)
      if (isTurnedAway && !this.#strangers.has(id)) this.#tellRemoved()
    }
  }

  async answer(from: MemberId, request: Uint8Array): Promise<CallResult> {
    try {
      return { ok: true, response: await this.#events.onCall(from, request) }
    } catch (error) {
      if (error instanceof AssertionError) throw error
      return { ok: false, error: 'refused' }
    }
  }

  /** Whether it has arrived and is durable. */
  receive(
    snapshot: OutgoingSnapshot,
    records: AsyncIterator<readonly BackendRecord[]>,
    isOpen: () => boolean,
    step: () => Promise<void>,
  ): Promise<boolean> {
    const received = this.#receive(snapshot, records, isOpen, step)
    this.#incoming.add(received)
    void received.finally(() => this.#incoming.delete(received))
    return received
  }

  deliver(message: Message): void {
    const { from } = message
    const isKnown = this.#links.has(from) && !this.#strangers.has(from)
    if (!isKnown) this.#events.onStranger({ id: from, urls: [] })
    this.#events.onMessage(message)
  }

  async #receive(
    snapshot: OutgoingSnapshot,
    records: AsyncIterator<readonly BackendRecord[]>,
    isOpen: () => boolean,
    step: () => Promise<void>,
  ): Promise<boolean> {
    const { message, checkpoint, bytes } = snapshot
    const sink = this.#events.onSnapshot(message, checkpoint, bytes)
    if (sink === undefined) return false
    try {
      for (;;) {
        const next = await records.next()
        await step()
        if (!isOpen() || this.#isStopped) break
        if (next.done === true) {
          await sink.finish()
          return true
        }
        await sink.write(next.value)
      }
    } catch (error) {
      if (error instanceof AssertionError) throw error
    }
    await sink.abort()
    return false
  }

  #send(message: StreamMessage): void {
    const link = this.#links.get(message.to)
    if (link?.isOpen !== true) {
      this.#tellUnreachable(message.to)
      return
    }
    const lane = link.lanes[isBulk(message) ? 'append' : 'messages']
    lane.inFlight.push(message)
    const { generation } = link
    this.#network.scheduler.schedule(() => {
      // The oldest on this way, whichever of them the scheduler meant.
      const receiver = this.#reached(message.to, link, generation)
      const next = receiver === undefined ? undefined : lane.inFlight.shift()
      if (next !== undefined) receiver?.deliver(next)
    }, message)
  }

  /** The other end, if the link has been open all the time since that generation. */
  #reached(to: MemberId, link: MemoryLink, generation: number): MemoryTransport | undefined {
    return link.generation === generation ? this.#network.open(this.#memberId, to) : undefined
  }

  #onBroken(id: MemberId, link: MemoryLink): void {
    close(link)
    link.lanes.messages.inFlight.length = 0
    link.lanes.append.inFlight.length = 0
    this.#tellUnreachable(id)
  }

  #step(to: MemberId): Promise<void> {
    const way = { from: this.#memberId, to }
    return new Promise((resolve) => this.#network.scheduler.schedule(resolve, way))
  }

  #tellUnreachable(id: MemberId): void {
    if (this.#unreachable.has(id)) return
    this.#unreachable.add(id)
    this.#network.scheduler.schedule(() => {
      this.#unreachable.delete(id)
      if (!this.#isStopped) this.#events.onUnreachable(id)
    })
  }

  #tellRemoved(): void {
    if (this.#isRemovedTold) return
    this.#isRemovedTold = true
    this.#network.scheduler.schedule(() => {
      if (!this.#isStopped) this.#events.onRemoved()
    })
  }
}

function newLink(): MemoryLink {
  return {
    lanes: { messages: { inFlight: [] }, append: { inFlight: [] } },
    generation: 0,
    isOpen: false,
    activeSinceMs: undefined,
    isSnapshotUnderWay: false,
    onClosed: () => undefined,
  }
}
