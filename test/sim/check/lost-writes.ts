/**
 * Whether a revision that was answered to one write shows up with what another one put: then the
 * first was acknowledged and lost. The other checks see only that answers do not fit; this names
 * the cause, so it is asked when they have found something.
 */

import { eventsText, kvText } from './differences.ts'
import type { History, KeyValue } from './history.ts'
import type { RevisionOrder } from './revision-order.ts'
import { kvsOf, leavesOf, type Step } from './steps.ts'
import type { Violation } from './violation.ts'
import { isOfEverything, toldRevisions } from './write-log.ts'

export function lostWrites(history: History, order: RevisionOrder): Violation[] {
  const writers = writersByValue(order)
  const found = new Map<number, Violation>()
  for (const kv of allKvs(history)) {
    const revision = kv.modRevision
    const maker = order.madeBy.get(revision)
    if (maker?.outcome.type !== 'ok' || found.has(revision)) continue
    const other = writers.get(nameOf(kv))
    if (other === undefined || other === maker || puts(maker, kv)) continue
    const sentence = `revision ${revision} was answered to ${maker.what}, but it is ${kvText(kv)}, by ${other.what}`
    found.set(revision, {
      kind: 'lost-write',
      sentence,
      operations: [maker.id, other.id],
      revision,
    })
  }
  for (const violation of unseenWrites(history, order)) {
    if (!found.has(violation.revision)) found.set(violation.revision, violation)
  }
  return [...found.values()]
}

/** Revisions of which a watch of everything was told other changes alone. */
function* unseenWrites(
  { watches }: History,
  { log, madeBy }: RevisionOrder,
): Generator<Violation & { readonly revision: number }> {
  for (const watch of watches) {
    if (!isOfEverything(watch)) continue
    for (const { revision, events } of toldRevisions(watch)) {
      const maker = madeBy.get(revision)
      if (maker?.outcome.type !== 'ok') continue
      const keys = new Set(log[revision]?.map(({ kv }) => kv.key))
      if (events.some(({ kv }) => keys.has(kv.key))) continue
      const sentence = `revision ${revision} was answered to ${maker.what}, but watch ${watch.id} was told ${eventsText(events)}`
      yield { kind: 'lost-write', sentence, operations: [maker.id], watch: watch.id, revision }
    }
  }
}

function writersByValue({ steps }: RevisionOrder): Map<string, Step> {
  const writers = new Map<string, Step>()
  for (const step of [...steps.known, ...steps.unknown]) {
    for (const leaf of leavesOf(step.request)) {
      if (leaf.type === 'put' && !leaf.ignoreValue) writers.set(nameOf(leaf), step)
    }
  }
  return writers
}

function* allKvs({ operations, watches, finals }: History): Generator<KeyValue> {
  for (const { outcome } of operations) if (outcome.type === 'ok') yield* kvsOf(outcome.result)
  for (const { responses } of watches) {
    for (const { events = [] } of responses) {
      for (const { type, kv } of events) if (type === 'put') yield kv
    }
  }
  for (const { kvs } of finals) yield* kvs
}

function nameOf({ key, value }: { readonly key: string; readonly value: string }): string {
  return `${key}\u{ffff}${value}`
}

function puts(step: Step, kv: KeyValue): boolean {
  return [...leavesOf(step.request)].some(
    (leaf) =>
      leaf.type === 'put' && leaf.key === kv.key && (leaf.ignoreValue || leaf.value === kv.value),
  )
}
