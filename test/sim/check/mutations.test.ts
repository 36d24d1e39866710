/**
 * The checkers against histories with one known flaw each: every one is found, by the check that is
 * there for it. QUORATE_TEST_FACTOR multiplies the number of histories: with 5, a thousand of
 * each kind.
 */

import { describe, expect, test } from 'vitest'
import { checkHistory } from './check-history.ts'
import type { History } from './history.ts'
import { report } from './report.ts'
import { searchLinearization } from './search.ts'
import { ANSWER_MUTATIONS } from './support/answer-mutations.ts'
import { MEMBER_MUTATIONS } from './support/member-mutations.ts'
import { draftOf, type Draft, type Mutation } from './support/mutation.ts'
import { OFFICE_MUTATIONS } from './support/office-mutations.ts'
import { Random } from './support/random.ts'
import { randomHistory } from './support/random-history.ts'
import { VALUE_MUTATIONS } from './support/value-mutations.ts'
import { WATCH_MUTATIONS } from './support/watch-mutations.ts'

const FACTOR = Number(process.env['QUORATE_TEST_FACTOR'] ?? 1)
const SEED = Number(process.env['QUORATE_TEST_SEED'] ?? 1)
const HISTORIES = 200 * FACTOR
/** Flaws that are put into one correct history, each by itself. */
const FLAWS_EACH = 5
const OPTIONS = { converged: true, leases: { lateMs: 20 } }
/** Not every history has a place for every flaw. */
const ATTEMPTS_MAX = 40

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  ...ANSWER_MUTATIONS,
  ...WATCH_MUTATIONS,
  ...MEMBER_MUTATIONS,
  ...VALUE_MUTATIONS,
  ...OFFICE_MUTATIONS,
}

/** Correct histories are made once for all flaws that need the same. */
const drafts = new Map<string, Draft>()

describe('flaws that are found', () => {
  test.each(Object.entries(MUTATIONS))(
    '%s',
    (_, mutation) => {
      let found = 0
      for (let seed = SEED; found < HISTORIES; seed++) {
        expect(seed - SEED, 'histories without a place for it').toBeLessThan(
          ATTEMPTS_MAX * HISTORIES,
        )
        const history = mutated(mutation, seed)
        if (history === undefined) continue
        found++
        expectFound(mutation, history, seed)
      }
    },
    900_000,
  )
})

function mutated(mutation: Mutation, seed: number): History | undefined {
  const { history, order } = draftFor(mutation, Math.ceil(seed / FLAWS_EACH))
  return mutation.mutate({ history, order, random: new Random(seed) })
}

function draftFor({ needs }: Mutation, seed: number): Draft {
  const options = { operations: 60, ...needs, seed }
  const name = JSON.stringify(options)
  const known = drafts.get(name)
  if (known !== undefined) return known
  const draft = draftOf(randomHistory(options), new Random(seed))
  drafts.set(name, draft)
  return draft
}

function expectFound(mutation: Mutation, history: History, seed: number): void {
  const { violations } = checkHistory(history, OPTIONS)
  const kinds = new Set(violations.map(({ kind }) => kind))
  if (!mutation.kinds.some((kind) => kinds.has(kind))) {
    expect.fail(`seed ${seed}: not found, but ${report(history, violations)}`)
  }
  if (!mutation.isForSearch && !mutation.isForValues) return
  const ofValues = mutation.isForValues === true
  const revisions = ofValues ? 'ignored' : 'judged'
  const verdict = searchLinearization(history, { converged: true, revisions })
  expect(verdict.type, `seed ${seed}, searched`).toBe('violated')
}
