import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isValidConfState, membersOf, nextConfState } from '../../src/raft/conf-change.ts'
import type { ConfChange, ConfChangeStep, ConfState } from '../../src/raft/types.ts'
import { changed, confStateOf, EMPTY_CONF_STATE, LEAVE_JOINT } from './support/conf-changes.ts'

const ids = ['1', '2', '3', '4', '5', '6']

const step: fc.Arbitrary<ConfChangeStep> = fc.record({
  type: fc.constantFrom('add-voter', 'add-learner', 'remove'),
  id: fc.constantFrom(...ids),
})

const change: fc.Arbitrary<ConfChange> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(LEAVE_JOINT) },
  {
    weight: 4,
    arbitrary: fc.record({
      steps: fc.array(step, { minLength: 1, maxLength: 5 }),
      transition: fc.constantFrom('auto', 'joint-implicit', 'joint-explicit'),
    }),
  },
)

/** Each id is a voter, a learner or nobody. */
const start = fc
  .tuple(fc.constant('voter'), ...ids.slice(1).map(() => fc.constantFrom('voter', 'learner', '')))
  .map((roles) => {
    const are = (role: string): string[] => ids.filter((_, at) => roles[at] === role)
    return confStateOf(are('voter'), are('learner'))
  })

function applied(state: ConfState, one: ConfChange): ConfState {
  const result = nextConfState(state, one)
  if (!result.ok) throw new Error(result.error)
  return result.confState
}

describe('membership changes', () => {
  test('do what a dumb version over sets does, and never break a configuration', () => {
    let joint = 0
    fc.assert(
      fc.property(start, fc.array(change, { maxLength: 8 }), (first, changes) => {
        let state = first
        for (const one of changes) {
          const result = nextConfState(state, one)
          const expected = changed(state, one)
          expect(result.ok ? result.confState : undefined).toEqual(expected)
          if (!result.ok) continue
          state = result.confState
          if (state.votersOutgoing.length > 0) joint++
          expect(isValidConfState(state)).toBe(true)
          expect(state.voters.some((id) => state.learners.includes(id))).toBe(false)
          expect(state.learnersNext.every((id) => state.votersOutgoing.includes(id))).toBe(true)
          expect(state.learnersNext.some((id) => state.voters.includes(id))).toBe(false)
          expect(membersOf(state)).toEqual([...new Set(membersOf(state))].sort())
        }
      }),
      { numRuns: 3000 },
    )
    expect(joint).toBeGreaterThan(1000)
  })

  test('two configurations that follow each other share a member in any two majorities', () => {
    const overlap = (a: readonly string[], b: readonly string[]): boolean => {
      if (a.length === 0 || b.length === 0) return true
      const common = a.filter((id) => b.includes(id)).length
      const majority = (list: readonly string[]): number => Math.floor(list.length / 2) + 1
      // The least that two majorities share, when each avoids the other where it can.
      const inA = Math.max(0, majority(a) - (a.length - common))
      const inB = Math.max(0, majority(b) - (b.length - common))
      return inA + inB > common
    }
    fc.assert(
      fc.property(start, fc.array(change, { maxLength: 8 }), (first, changes) => {
        let state = first
        for (const one of changes) {
          const result = nextConfState(state, one)
          if (!result.ok) continue
          const [before, after] = [state, result.confState]
          const pairs = [before.voters, before.votersOutgoing].flatMap((a) =>
            [after.voters, after.votersOutgoing].map((b) => [a, b] as const),
          )
          // A quorum of each is a majority of both its halves: one pair that overlaps is enough.
          const some = pairs.some(([a, b]) => a.length > 0 && b.length > 0 && overlap(a, b))
          expect(some).toBe(true)
          state = after
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('to enter a joint configuration and leave it ends where simple steps would', () => {
    fc.assert(
      fc.property(start, fc.array(step, { minLength: 1, maxLength: 5 }), (first, steps) => {
        const entered = nextConfState(first, { steps, transition: 'joint-explicit' })
        if (!entered.ok) return
        let simple: ConfState = first
        // Those that add voters go first, so that there is always one.
        const last = new Map(steps.map((one) => [one.id, one]))
        const order = [...last.values()].sort((a) => (a.type === 'add-voter' ? -1 : 1))
        for (const one of order) simple = applied(simple, { steps: [one], transition: 'auto' })
        expect(applied(entered.confState, LEAVE_JOINT)).toEqual(simple)
      }),
      { numRuns: 2000 },
    )
  })

  test('a voter of the outgoing half becomes a learner when that is left', () => {
    const steps = [{ type: 'add-learner', id: '2' }] as const
    const joint = applied(confStateOf(['1', '2', '3']), { steps, transition: 'joint-implicit' })
    expect(joint).toEqual({
      voters: ['1', '3'],
      votersOutgoing: ['1', '2', '3'],
      learners: [],
      learnersNext: ['2'],
      autoLeave: true,
    })
    expect(applied(joint, LEAVE_JOINT)).toEqual(confStateOf(['1', '3'], ['2']))
  })

  test('auto goes through a joint configuration only where more than one voter changes', () => {
    const two = [
      { type: 'add-voter', id: '4' },
      { type: 'remove', id: '3' },
    ] as const
    const replaced = applied(confStateOf(['1', '2', '3']), { steps: two, transition: 'auto' })
    expect(replaced).toMatchObject({ votersOutgoing: ['1', '2', '3'], autoLeave: true })
    const one = [
      { type: 'add-voter', id: '4' },
      { type: 'add-learner', id: '5' },
    ] as const
    const added = applied(confStateOf(['1', '2', '3']), { steps: one, transition: 'auto' })
    expect(added).toEqual(confStateOf(['1', '2', '3', '4'], ['5']))
  })

  test('what cannot be is refused', () => {
    const three = confStateOf(['1', '2', '3'])
    expect(nextConfState(three, LEAVE_JOINT)).toEqual({ ok: false, error: 'not-joint' })
    const steps = [{ type: 'add-voter', id: '4' }] as const
    const joint = applied(three, { steps, transition: 'joint-explicit' })
    expect(nextConfState(joint, { steps, transition: 'auto' })).toEqual({
      ok: false,
      error: 'joint',
    })
    const last = { steps: [{ type: 'remove', id: '1' }], transition: 'auto' } as const
    expect(nextConfState(confStateOf(['1'], ['2']), last)).toEqual({
      ok: false,
      error: 'no-voters',
    })
    const first = { steps, transition: 'joint-implicit' } as const
    expect(nextConfState(EMPTY_CONF_STATE, first)).toEqual({ ok: false, error: 'no-voters' })
  })

  test.each([
    ['a learner that votes', { ...confStateOf(['1']), learners: ['1'] }],
    ['a learner that votes with the outgoing half', { ...joint(), learners: ['2'] }],
    ['a voter twice', confStateOf(['1', '1'])],
    ['a member without an id', confStateOf(['1', ''])],
    ['one that leaves nothing', { ...confStateOf(['1']), autoLeave: true }],
    ['a next learner that never voted', { ...joint(), learnersNext: ['3'] }],
    ['a next learner that votes on', { ...joint(), learnersNext: ['1'] }],
    ['learners alone', confStateOf([], ['1'])],
  ])('%s is no configuration', (_, state) => {
    expect(isValidConfState(state)).toBe(false)
  })

  function joint(): ConfState {
    return { ...confStateOf(['1']), votersOutgoing: ['1', '2'] }
  }

  test('nobody at all is the configuration before bootstrap', () => {
    expect(isValidConfState(EMPTY_CONF_STATE)).toBe(true)
  })
})
