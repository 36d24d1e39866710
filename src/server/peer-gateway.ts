/**
 * Where the other members' messages arrive before the server is there to take them: the peer port
 * is opened first, so that one that is taken ends the start early. What comes too early is dropped,
 * as the network might have done.
 */

import type { ClusterDescription } from '../peer/cluster-query.ts'
import type { Peer, SnapshotSink, TransportEvents } from '../peer/ports.ts'
import type { MemberId, Message, MsgSnap } from '../raft/types.ts'
import { STRANGERS_MAX, type Peers } from './peers.ts'

export class PeerGateway implements TransportEvents {
  #peers: Peers | undefined
  /** They are told of once, so what came too early is kept. */
  #strangers: Peer[] = []

  open(peers: Peers): void {
    this.#peers = peers
    for (const stranger of this.#strangers) peers.onStranger(stranger)
    this.#strangers = []
  }

  /** Who is in the cluster, for a member that wants to join; undefined while that is not known. */
  describeCluster(): ClusterDescription | undefined {
    return this.#peers?.describeCluster()
  }

  onMessage(message: Message): void {
    this.#peers?.onMessage(message)
  }

  onUnreachable(id: MemberId): void {
    this.#peers?.onUnreachable(id)
  }

  onCall(from: MemberId, request: Uint8Array): Promise<Uint8Array> {
    return this.#peers?.onCall(from, request) ?? Promise.reject(new Error('the member starts'))
  }

  onSnapshot(message: MsgSnap, checkpoint: Uint8Array): SnapshotSink | undefined {
    return this.#peers?.onSnapshot(message, checkpoint)
  }

  onRemoved(): void {
    this.#peers?.onRemoved()
  }

  onStranger(peer: Peer): void {
    if (this.#peers === undefined) {
      this.#strangers = [...this.#strangers, peer].slice(-STRANGERS_MAX)
    } else this.#peers.onStranger(peer)
  }

  onForeign(id: MemberId): void {
    this.#peers?.onForeign(id)
  }
}
