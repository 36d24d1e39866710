/** What the transport tells of itself for metrics. Bytes are those of whole frames. */

import type { MemberId } from '../raft/types.ts'

export interface PeerObserver {
  /** Both directions to this member are connected. */
  onActive(id: MemberId): void
  onInactive(id: MemberId): void
  onSent(id: MemberId, bytes: number): void
  onReceived(id: MemberId, bytes: number): void
  /** Messages that were dropped on their way out. */
  onSendFailures(id: MemberId, count: number): void
  /** Something came in that is not what it should be. */
  onReceiveFailure(id: MemberId): void
  onRoundTrip(id: MemberId, seconds: number): void
  onSnapshotSendStarted(id: MemberId): void
  onSnapshotSendEnded(id: MemberId, ok: boolean, seconds: number): void
  onSnapshotReceiveStarted(id: MemberId): void
  onSnapshotReceiveEnded(id: MemberId, ok: boolean, seconds: number): void
}

const ignore = (): void => undefined

export const NO_OBSERVER: PeerObserver = {
  onActive: ignore,
  onInactive: ignore,
  onSent: ignore,
  onReceived: ignore,
  onSendFailures: ignore,
  onReceiveFailure: ignore,
  onRoundTrip: ignore,
  onSnapshotSendStarted: ignore,
  onSnapshotSendEnded: ignore,
  onSnapshotReceiveStarted: ignore,
  onSnapshotReceiveEnded: ignore,
}
