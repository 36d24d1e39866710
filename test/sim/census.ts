/** How often what makes it hard has happened. */

/** A run of many seeds in which one of these never happened has not tested what it says. */
export const RARE = [
  'two candidates in one term',
  'leader change',
  'leader change while a snapshot is on its way',
  'snapshot installed',
  'snapshot received by a learner',
  'crash while a snapshot comes in',
  'append in flight torn off by a crash',
  'append in flight kept by a crash',
  'unsynced state lost in a crash',
  'log compaction lost in a crash',
  'later state kept by a crash, earlier state lost',
  'member that ended on a failed write',
  'start refused while the disk is full',
  'start refused on a damaged disk',
  'all members crashed at once',
  'majority lost and recovered',
  'minority lost for good',
  'member paused while it led',
  'disk stalled longer than an election timeout',
  'one-way cut',
  'message lost',
  'message delivered twice',
  'message overtaken by later ones',
  'answer of long ago delivered again',
  'only some traffic dropped',
  'clock rate changed',
  'leadership transferred',
  'learner promoted',
  'voter added',
  'member removed',
  'leader removed',
  'member replaced',
  'member with a damaged disk replaced',
  'checkpoint copy damaged',
  'learner promoted by several, or removed meanwhile',
  'removed member back with its disk',
  'all members crashed during a change of members',
  'cut off when a change of members began',
  'connections broken',
  'links clogged one after another',
  'messages later than an election timeout',
  'monotonic clock jumped',
  'wall clock changed',
  'membership change with unknown outcome',
  'write with unknown outcome',
  'write of unknown outcome that took effect',
  'read with unknown outcome',
  'lease expired',
  'lease expired after a leader change',
  'renewed at a follower',
  'lock waited for',
  'lock lost with its lease',
  'campaign that waited for its turn',
  'campaign lost with its lease',
  'proclaimed by who led no more',
  'next leader heard by an observer',
  'proclamation heard by an observer',
  'refused for want of space',
  'alarm for want of space disarmed',
  'put that found space again',
  'txn that failed its compare',
  'read of a compacted revision refused',
  'watch ended by a compaction',
  'slow watch that caught up',
  'watch resumed on another member',
  'progress asked for and told',
  'lease that outlived leaders',
  'leader that handed over and was not reached',
  'hash of a history found again',
  'restart that replayed the log',
  'divergent log entries replaced',
  'membership change rolled back',
  'read that waited for the first commit of a term',
  'read index asked again',
  'live watch that fell behind and caught up',
] as const

export type Rare = (typeof RARE)[number]

export class Census {
  readonly counts = new Map<string, number>()

  count(what: Rare, by = 1): void {
    this.#add(what, by)
  }

  /** What need not happen. */
  tally(what: string, by = 1): void {
    this.#add(what, by)
  }

  add(others: Iterable<readonly [string, number]>): void {
    for (const [what, by] of others) this.#add(what, by)
  }

  get missing(): Rare[] {
    return RARE.filter((what) => !this.counts.has(what))
  }

  #add(what: string, by: number): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by)
  }
}
