/** Every bound of the way between members, and the times after which it gives up. */

export interface QueueLimits {
  readonly messages: number
  readonly bytes: number
}

export interface PeerLimits {
  /** Connections are pinged, and silence is counted, once in this time. */
  readonly tickMs: number
  /** A connection on which nothing was heard for so many ticks is closed. */
  readonly silenceTicks: number
  /** The same for snapshots, whose receiver may be slow. */
  readonly snapshotSilenceTicks: number
  /** How long a snapshot says nothing about its progress. */
  readonly progressTicks: number
  readonly connectTimeoutMs: number
  readonly handshakeTimeoutMs: number
  /** The first attempt to connect again comes after about this time, each later one after twice. */
  readonly reconnectMinMs: number
  readonly reconnectMaxMs: number
  /** Accepted connections, of all listeners together. */
  readonly maxConnections: number
  /** What waits for a peer on each of its streams; what comes on top is dropped. */
  readonly controlQueue: QueueLimits
  readonly bulkQueue: QueueLimits
  /** Calls under way to one peer, and from one. */
  readonly maxCalls: number
  /** Longest request, and longest response. */
  readonly maxCallBytes: number
  /** Records in one frame of a snapshot, unless a single one is longer. */
  readonly snapshotChunkBytes: number
  readonly maxCheckpointBytes: number
}

export const PEER_DEFAULTS: PeerLimits = {
  tickMs: 1000,
  silenceTicks: 5,
  snapshotSilenceTicks: 30,
  progressTicks: 10,
  connectTimeoutMs: 5000,
  handshakeTimeoutMs: 5000,
  reconnectMinMs: 50,
  reconnectMaxMs: 2000,
  maxConnections: 1024,
  controlQueue: { messages: 4096, bytes: 4 * 1024 * 1024 },
  bulkQueue: { messages: 4096, bytes: 64 * 1024 * 1024 },
  maxCalls: 256,
  maxCallBytes: 4 * 1024 * 1024,
  snapshotChunkBytes: 256 * 1024,
  maxCheckpointBytes: 512 * 1024 * 1024,
}

/** A single entry or record larger than this cannot be sent. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024
/** What one write of queued messages aims at. */
export const FRAME_TARGET_BYTES = 1024 * 1024
/** The first frame of a connection and its answer, with all the URLs that a hello may name. */
export const MAX_HELLO_BYTES = 64 * 1024
/** The answer to a question about the cluster. */
export const MAX_DESCRIPTION_BYTES = 1024 * 1024
