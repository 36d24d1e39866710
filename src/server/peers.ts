/**
 * What this member has to do with the others: messages, questions, whole states, and who they are.
 *
 *   raft node ─► messages, snapshots due ─► transport ─► the other members
 *   the other members ─► transport ─► messages ─► raft node
 *                                 ├► questions ─► peer-calls
 *                                 └► a state ─► snapshot receiver
 */

import type { Clock, Logger } from '../base/ports.ts'
import type { WatchHub } from '../mvcc/watch-hub.ts'
import type { ClusterDescription } from '../peer/cluster-query.ts'
import type { Peer, SnapshotSink, Transport, TransportEvents } from '../peer/ports.ts'
import { NO_MEMBER, type MemberId, type Message, type MsgSnap } from '../raft/types.ts'
import type { SnapshotMetadata } from '../raft/types.ts'
import type { StateStore } from '../storage/ports.ts'
import type { Applier } from './applier.ts'
import { answerPeer, PeerCalls, type PeerAnswers } from './peer-calls.ts'
import type { RaftNode } from './raft-node.ts'
import type { SlicedReads } from './sliced-reads.ts'
import { SnapshotReceiver } from './snapshot-receiver.ts'
import { SnapshotSender } from './snapshot-sender.ts'

export interface PeersPorts {
  readonly memberId: MemberId
  readonly clusterId: string
  readonly transport: Transport
  /** Whom to talk to before the members are known from the log. */
  readonly initialPeers: readonly Peer[]
  readonly raftNode: RaftNode
  readonly applier: Applier
  readonly state: StateStore
  readonly hub: WatchHub
  readonly reads: SlicedReads
  readonly clock: Clock
  readonly logger: Logger
  readonly callTimeoutMs: number
  readonly appliedBytes: () => number
  readonly pauseBackground: () => Promise<void>
  /** The others say that this member has been removed, which its own log may never tell it. */
  readonly onRemoved: () => void
  /** Everybody at the other members' URLs is of another cluster. */
  readonly onForeign: () => void
}

/** How long a member that has been removed is still talked to. */
const FAREWELL_MS = 2000
/** So many strangers are answered: more than a cluster has members. */
export const STRANGERS_MAX = 16

interface Farewell {
  readonly peer: Peer
  readonly untilMs: number
}

export class Peers implements TransportEvents {
  readonly calls: PeerCalls
  readonly #ports: PeersPorts
  readonly #sender: SnapshotSender
  readonly #receiver: SnapshotReceiver
  #answers: PeerAnswers | undefined
  #knowsMembers = false
  #hasConnected = false
  #peers: ReadonlyMap<MemberId, Peer> = new Map()
  /** Removed ids that have been seen to. */
  readonly #removed = new Set<MemberId>()
  #leaving: Farewell[] = []
  /** They talk to this member, which has not heard of them. */
  readonly #strangers = new Map<MemberId, Peer>()
  /** Those in whose place somebody of another cluster has answered. */
  readonly #foreign = new Set<MemberId>()

  constructor(ports: PeersPorts) {
    const { memberId, clusterId, transport, raftNode, applier, state } = ports
    const { hub, reads, clock, logger, pauseBackground } = ports
    this.#ports = ports
    this.calls = new PeerCalls(transport, ports.callTimeoutMs)
    this.#sender = new SnapshotSender({
      memberId,
      applier,
      state,
      transport,
      clock,
      logger,
      term: () => raftNode.term,
      appliedBytes: ports.appliedBytes,
      report: (to, ok) => raftNode.reportSnapshot(to, ok),
      hasGoneOn: (id, index) => (raftNode.status().progress.get(id)?.match ?? index) >= index,
    })
    this.#receiver = new SnapshotReceiver({
      memberId,
      clusterId,
      applier,
      state,
      hub,
      reads,
      clock,
      logger,
      pauseBackground,
      offer: (message) => raftNode.offerSnapshot(message),
    })
  }

  /** Before the first message. */
  start(answers: PeerAnswers): void {
    this.#answers = answers
    this.updateMembers()
  }

  stop(): Promise<void> {
    this.#sender.stop()
    return this.#ports.transport.stop()
  }

  /** Entries behind this index are needed by a member that is being sent a snapshot. */
  get heldIndex(): number {
    return this.#sender.heldIndex
  }

  activeSinceMs(id: MemberId): number | undefined {
    return this.#ports.transport.activeSinceMs(id)
  }

  /** Whether some other member can be reached; told once, when it first is so. */
  takeFirstConnection(): boolean {
    if (this.#hasConnected) return false
    const { membership } = this.#ports.applier
    const ids = [...membership.members, ...this.#ports.initialPeers].map(({ id }) => id)
    this.#hasConnected = ids.some((id) => this.activeSinceMs(id) !== undefined)
    return this.#hasConnected
  }

  tick(): void {
    this.#sender.tick()
    this.#endFarewells()
  }

  /** The log has been replayed: from now on the members are those that it names. */
  onCaughtUp(): void {
    this.#knowsMembers = true
    this.updateMembers()
  }

  /** Called when the membership has changed. */
  updateMembers(): void {
    const { memberId, transport, applier, initialPeers } = this.#ports
    const { membership } = applier
    const peers = new Map<MemberId, Peer>()
    if (!this.#knowsMembers) for (const peer of initialPeers) peers.set(peer.id, peer)
    for (const { id, peerUrls } of membership.members) peers.set(id, { id, urls: peerUrls })
    for (const [id, stranger] of this.#strangers) {
      if (peers.has(id)) this.#strangers.delete(id)
      else peers.set(id, { ...stranger, isStranger: true })
    }
    for (const id of membership.removedIds) {
      this.#strangers.delete(id)
      peers.delete(id)
    }
    for (const { peer } of this.#farewells(membership.removedIds)) peers.set(peer.id, peer)
    peers.delete(memberId)
    this.#peers = peers
    transport.setPeers([...peers.values()])
    transport.setRemoved(membership.removedIds.filter((id) => !peers.has(id)))
  }

  /**
   * Those of the removed that are still talked to. Why: a leader that was removed waits until the
   * others know, and then names the next one; and each learns of its removal from its own log.
   */
  #farewells(removed: readonly MemberId[]): Farewell[] {
    const untilMs = this.#ports.clock.nowMs() + FAREWELL_MS
    for (const id of removed) {
      if (this.#removed.has(id)) continue
      this.#removed.add(id)
      const peer = this.#peers.get(id)
      if (peer !== undefined) this.#leaving.push({ peer, untilMs })
    }
    return this.#leaving
  }

  #endFarewells(): void {
    const nowMs = this.#ports.clock.nowMs()
    const still = this.#leaving.filter(({ untilMs }) => untilMs > nowMs)
    if (still.length === this.#leaving.length) return
    this.#leaving = still
    this.updateMembers()
  }

  send(messages: readonly Message[]): void {
    this.#ports.transport.send(messages)
  }

  sendSnapshots(ids: readonly MemberId[]): void {
    this.#sender.send(ids)
  }

  async install(snapshot: SnapshotMetadata): Promise<void> {
    await this.#receiver.install(snapshot)
    this.updateMembers()
  }

  /** Who is in the cluster, for a member that wants to join; undefined while that is not known. */
  describeCluster(): ClusterDescription | undefined {
    const { membership } = this.#ports.applier
    if (membership.members.length === 0) return undefined
    return { clusterId: this.#ports.clusterId, members: membership.members }
  }

  onInstalled(): void {
    this.#receiver.onInstalled()
  }

  onMessage(message: Message): void {
    this.#ports.raftNode.step(message)
  }

  onUnreachable(id: MemberId): void {
    if (id !== NO_MEMBER) this.#ports.raftNode.reportUnreachable(id)
  }

  onCall(_from: MemberId, request: Uint8Array): Promise<Uint8Array> {
    if (this.#answers === undefined) return Promise.reject(new Error('the member starts'))
    return answerPeer(request, this.#answers)
  }

  onSnapshot(message: MsgSnap, checkpoint: Uint8Array): SnapshotSink | undefined {
    return this.#receiver.receive(message, checkpoint)
  }

  onRemoved(): void {
    this.#ports.onRemoved()
  }

  /**
   * It is answered. Why: a leader that was added by an entry which is not here yet could never be
   * told what is missing here (etcd: rafthttp's remotes).
   */
  onStranger(peer: Peer): void {
    const known = this.#strangers.get(peer.id)
    if (known !== undefined && known.urls.join() === peer.urls.join()) return
    if (this.#ports.applier.membership.isRemoved(peer.id)) return
    // The newest come last; who came first goes when there are too many.
    this.#strangers.delete(peer.id)
    const [first] = this.#strangers.keys()
    if (this.#strangers.size >= STRANGERS_MAX && first !== undefined) this.#strangers.delete(first)
    this.#strangers.set(peer.id, peer)
    this.updateMembers()
  }

  onForeign(id: MemberId): void {
    this.#foreign.add(id)
    const isForeign = (peer: MemberId): boolean =>
      this.#foreign.has(peer) && this.activeSinceMs(peer) === undefined
    const members = [...this.#peers.keys()].filter((peer) => !this.#strangers.has(peer))
    if (members.every(isForeign)) this.#ports.onForeign()
  }
}
