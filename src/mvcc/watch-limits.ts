/** Bounds of what watching may cost in memory and in one go. */

export interface WatchLimits {
  /** Bytes of events that wait on one stream, in its queue and with whoever sends. */
  readonly streamBytes: number
  /** The same on all streams together; beyond it a stream gets one output at a time. */
  readonly totalBytes: number
  /** Events of later revisions are added to an output that still waits, up to this size. */
  readonly outputBytes: number
  /** The newest revisions, kept in memory for those who are a little behind. */
  readonly recentRevisions: number
  readonly recentBytes: number
  /** Revisions read from the store in one round, so that the next watcher's turn comes soon. */
  readonly roundRevisions: number
}

export const WATCH_LIMITS: WatchLimits = {
  streamBytes: 256 * 1024,
  totalBytes: 256 * 1024 * 1024,
  outputBytes: 64 * 1024,
  recentRevisions: 4096,
  recentBytes: 8 * 1024 * 1024,
  roundRevisions: 10_000,
}
