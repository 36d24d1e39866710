/** Moments in the life of a member at which something may be made to go wrong. */

import type { RawNode } from '../../src/raft/raw-node.ts'
import type { MemberId, Ready } from '../../src/raft/types.ts'

export const MOMENTS = [
  /** A vote for another member leaves. */
  'votes',
  'campaigns',
  'leads',
  /** A write to the log begins. */
  'writes',
  /** Entries are accepted: the answer leaves. */
  'accepts',
  /** A leader has committed something; nobody else knows. */
  'commits',
  'changes members',
  /** A snapshot is about to be put in place. */
  'installs',
  /** Old history is gone, and may come back in a crash. */
  'has cut history',
] as const

/** Too frequent for an ambush: a member asks its leader whether it may read. */
export type Moment = (typeof MOMENTS)[number] | 'asks'

type Listener = (moment: Moment, id: MemberId) => void

export class Moments {
  readonly #listeners = new Set<Listener>()
  readonly #commits = new WeakMap<RawNode, number>()

  /** The returned function ends it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  onCut(id: MemberId): void {
    for (const listener of this.#listeners) listener('has cut history', id)
  }

  onReady(raw: RawNode, ready: Ready): void {
    if (this.#listeners.size === 0) return
    for (const moment of this.#momentsOf(raw, ready)) {
      for (const listener of this.#listeners) listener(moment, raw.id)
    }
  }

  #momentsOf(raw: RawNode, { messages, append, snapshot, softState, ...ready }: Ready): Moment[] {
    const moments: Moment[] = []
    for (const { type, ...message } of messages) {
      if (type === 'MsgReadIndex') moments.push('asks')
      const isGranted = 'reject' in message && !message.reject
      if (type === 'MsgVoteResp' && isGranted) moments.push('votes')
      if (type === 'MsgAppResp' && isGranted) moments.push('accepts')
    }
    if (softState?.role === 'candidate') moments.push('campaigns')
    if (softState?.role === 'leader') moments.push('leads')
    if (append !== undefined) moments.push('writes')
    const before = this.#commits.get(raw) ?? 0
    this.#commits.set(raw, raw.committed)
    const isCommit = raw.committed > before && messages.some(({ type }) => type === 'MsgApp')
    if (isCommit) moments.push('commits')
    const changed = [...(append?.entries ?? []), ...ready.committedEntries]
    if (changed.some(({ type }) => type === 'EntryConfChange')) moments.push('changes members')
    if (snapshot !== undefined) moments.push('installs')
    return moments
  }
}
