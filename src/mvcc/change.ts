/** What a write transaction did, for those who are told: the watch hub and the applier. */

import type { Key } from '../base/key.ts'
import type { EncodedKeyValue } from './kv.ts'
import type { Revision } from './revision.ts'

export type Change =
  | {
      readonly type: 'put'
      readonly key: Key
      readonly record: EncodedKeyValue
      /** The version replaced; absent when the key was created. */
      readonly previous?: Revision
    }
  | {
      readonly type: 'delete'
      readonly key: Key
      /** Key and mod_revision, as a delete event carries it; not what is stored. */
      readonly record: EncodedKeyValue
      /** The version deleted; absent only in changes read back from history. */
      readonly previous?: Revision
    }

/** The end of a write transaction. */
export interface Commit {
  /** The store's current revision from now on; unchanged when nothing was written. */
  readonly revision: number
  /** In the order they were made; change number i has revision {main: revision, sub: i}. */
  readonly changes: readonly Change[]
}
