/**
 * The write log of a history: what each revision changed, from witnesses that tell all of it. Those
 * are the members' own logs, where a simulator can look into them, and the watches of everything: a
 * recorder of real processes opens one or more of them at revision 1, unfiltered, and resumes each
 * on another member when it breaks.
 */

import {
  isEverything,
  type History,
  type KvEvent,
  type RevisionChanges,
  type Watch,
} from './history.ts'

/** Whether the watch is told every change, as long as it is open. */
export function isOfEverything({ request }: Watch): boolean {
  return isEverything(request) && !request.noPut && !request.noDelete
}

export interface ToldRevision extends RevisionChanges {
  /** False: more of it may have been on its way when the watch broke. */
  readonly isWhole: boolean
}

/** A watch's events by revision, each key once; of the wanted revisions alone. */
export function toldRevisions(
  { responses }: Watch,
  isWanted: (revision: number) => boolean = () => true,
): ToldRevision[] {
  const byRevision = new Map<number, KvEvent[]>()
  for (const { events = [] } of responses) {
    for (const event of events) {
      const { modRevision, key } = event.kv
      if (!isWanted(modRevision)) continue
      const told = byRevision.get(modRevision)
      if (told === undefined) byRevision.set(modRevision, [event])
      else if (!told.some(({ kv }) => kv.key === key)) told.push(event)
    }
  }
  const cut = cutRevision(responses)
  return [...byRevision].map(([revision, events]) => ({
    revision,
    events,
    isWhole: revision !== cut,
  }))
}

/** The revision whose events end in a fragment that nothing followed. */
function cutRevision(responses: Watch['responses']): number | undefined {
  const last = responses.findLast(({ type }) => type === 'events')
  return last?.fragment ? last.events?.at(-1)?.kv.modRevision : undefined
}

/** A sentence about the revisions up to `last` that no witness tells; undefined when all are told. */
export function missingFromWriteLog(history: History, last: number): string | undefined {
  const isTold = new Uint8Array(last + 1)
  for (const { changes } of history.logs) for (const { revision } of changes) isTold[revision] = 1
  for (const watch of history.watches) {
    if (!isOfEverything(watch)) continue
    for (const { revision, isWhole } of toldRevisions(watch)) if (isWhole) isTold[revision] = 1
  }
  const missing: number[] = []
  for (let revision = 2; revision <= last; revision++) {
    if (isTold[revision] === 0) missing.push(revision)
  }
  if (missing.length === 0) return undefined
  const some = missing.slice(0, 5).join(', ')
  return `the write log lacks ${missing.length} revisions: ${some}${missing.length > 5 ? ', …' : ''}`
}
