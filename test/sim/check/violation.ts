/** What a checker has found: a value, so that tests can name what they expect. */

export type ViolationKind =
  // The order of revisions
  | 'real-time-order'
  | 'revision-claimed-twice'
  | 'unexplained-write'
  | 'applied-twice'
  | 'lost-write'
  | 'wrong-response'
  | 'wrong-error'
  | 'read-of-compacted'
  | 'not-linearizable'
  // Reads of one member
  | 'serializable-from-the-future'
  | 'serializable-went-back'
  // Watches
  | 'watch-filter'
  | 'watch-order'
  | 'watch-duplicate'
  | 'watch-split'
  | 'watch-gap'
  | 'watch-resume'
  | 'watch-progress'
  | 'watch-prev-kv'
  | 'watch-event-differs'
  | 'watch-phantom'
  | 'watch-below-start'
  | 'watch-compacted'
  | 'watch-protocol'
  | 'watch-behind'
  // Leases and locks
  | 'lease-early'
  | 'lease-late'
  | 'lease-partial'
  | 'lease-revived'
  | 'lease-missing'
  | 'lock-twice'
  | 'lock-not-owner'
  // Elections
  | 'election-wrong-leader'
  | 'election-missed-leader'
  | 'election-went-back'
  | 'election-wrong-error'
  // Space
  | 'space-ignored'
  | 'space-not-needed'
  // Members
  | 'members-disagree'
  | 'final-state-differs'
  | 'hash-kv-differs'

export interface Violation {
  readonly kind: ViolationKind
  /** One sentence for people. */
  readonly sentence: string
  /** Ids of the operations it is about. */
  readonly operations: readonly number[]
  readonly watch?: number
  readonly revision?: number
}
