import { describe, expect, test } from 'vitest'

import { Membership } from '../../src/server/membership.ts'
import {
  hasCaughtUp,
  problemWithAdding,
  problemWithPromoting,
  problemWithRemoving,
  Reconfiguration,
  type ReplicationStatus,
  type VoterHealth,
} from '../../src/server/reconfiguration.ts'
import { ManualClock } from './support/doubles.ts'

/** One letter for each voter: u(p), d(own), n(ever started); the first one is asked. */
function voters(letters: string): VoterHealth[] {
  return [...letters].map((letter, i) => ({
    id: `m${i}`,
    isStarted: letter !== 'n',
    isConnected: letter === 'u',
  }))
}

const NOT_STARTED = 'member-not-enough-started'

describe('adding a voter', () => {
  test.each<[letters: string, problem: string | undefined]>([
    ['u', undefined],
    ['n', NOT_STARTED],
    ['uu', undefined],
    ['ud', 'unhealthy'],
    ['un', NOT_STARTED],
    ['uuu', undefined],
    ['uud', 'unhealthy'],
    ['udd', 'unhealthy'],
    ['uun', NOT_STARTED],
    ['uuuu', undefined],
    ['uuud', undefined],
    ['uuun', undefined],
    ['uudd', 'unhealthy'],
    ['uudn', 'unhealthy'],
    ['uunn', NOT_STARTED],
    ['uuuuu', undefined],
    ['uuuud', undefined],
    ['uuudd', 'unhealthy'],
  ])('to %s: %s', (letters, problem) => {
    expect(problemWithAdding('voter', voters(letters))).toBe(problem)
  })

  test('never costs the quorum, even when the newcomer does not come up', () => {
    for (const letters of ['uu', 'uuu', 'uuuu', 'uuud', 'uuuud', 'uuuuu', 'uuuudd', 'uuuuudd']) {
      if (problemWithAdding('voter', voters(letters)) !== undefined) continue
      const up = [...letters].filter((letter) => letter === 'u').length
      expect(up).toBeGreaterThan((letters.length + 1) / 2)
    }
  })
})

test('adding a learner needs a quorum that is connected, but not one that has started', () => {
  expect(problemWithAdding('learner', voters('un'))).toBe('unhealthy')
  expect(problemWithAdding('learner', voters('uuun'))).toBeUndefined()
  expect(problemWithAdding('learner', voters('n'))).toBeUndefined()
  const unnamedButUp = voters('uu').map((voter) => ({ ...voter, isStarted: false }))
  expect(problemWithAdding('learner', unnamedButUp)).toBeUndefined()
  expect(problemWithAdding('voter', unnamedButUp)).toBe(NOT_STARTED)
})

describe('removing a voter', () => {
  test.each<[letters: string, target: number, isUp: boolean, problem: string | undefined]>([
    ['u', 0, true, NOT_STARTED],
    ['uu', 1, true, undefined],
    ['uu', 0, true, undefined],
    ['ud', 1, false, undefined],
    // The one that is left is not connected.
    ['ud', 0, true, 'unhealthy'],
    // It is back, but not yet for long.
    ['ud', 1, true, 'unhealthy'],
    ['un', 0, true, NOT_STARTED],
    ['un', 1, false, undefined],
    ['uuu', 2, true, undefined],
    ['uud', 2, false, undefined],
    ['uud', 1, true, 'unhealthy'],
    ['uun', 1, true, NOT_STARTED],
    ['uun', 2, false, undefined],
    ['udd', 1, false, undefined],
    ['uuuud', 0, true, undefined],
    ['uuudd', 1, true, 'unhealthy'],
  ])('of %s number %i (up: %s): %s', (letters, target, isUp, problem) => {
    expect(problemWithRemoving(`m${target}`, isUp, voters(letters))).toBe(problem)
  })

  test('that is unknown, and therefore not up, is left to applying to refuse', () => {
    expect(problemWithRemoving('unknown', false, voters('uuu'))).toBeUndefined()
    expect(problemWithRemoving('unknown', false, voters('u'))).toBeUndefined()
  })
})

test.each<[letters: string, problem: string | undefined]>([
  ['u', undefined],
  ['n', NOT_STARTED],
  ['un', undefined],
  ['uun', undefined],
  ['unn', NOT_STARTED],
  ['udd', undefined],
])('promoting beside %s: %s', (letters, problem) => {
  expect(problemWithPromoting(voters(letters))).toBe(problem)
})

function leaderStatus(match: Readonly<Record<string, number>>): ReplicationStatus {
  return { id: 'm0', role: 'leader', lastIndex: 1000, progress: progressOf(match) }
}

function progressOf(match: Readonly<Record<string, number>>): ReplicationStatus['progress'] {
  return new Map(Object.entries(match).map(([id, index]) => [id, { match: index }]))
}

test.each<[own: number, learner: number | undefined, ready: boolean]>([
  [1000, 900, true],
  [1000, 899, false],
  [10, 9, true],
  [10, 8, false],
  [5, 4, false],
  [5, 5, true],
  [1000, undefined, false],
  [1000, 0, false],
])('a leader with %i entries and a learner with %s: ready %s', (own, learner, ready) => {
  const match = learner === undefined ? { m0: own } : { m0: own, l1: learner }
  expect(hasCaughtUp('l1', leaderStatus(match))).toBe(ready)
})

test('a leader that is not in its own progress counts with all its log', () => {
  expect(hasCaughtUp('l1', leaderStatus({ l1: 900 }))).toBe(true)
  expect(hasCaughtUp('l1', leaderStatus({ l1: 899 }))).toBe(false)
})

describe('reconfiguration', () => {
  class Subject {
    readonly clock = new ManualClock()
    readonly membership = new Membership('c1')
    readonly activeSince = new Map<string, number>()
    status: ReplicationStatus = leaderStatus({ m0: 1000, m1: 1000, m2: 1000, l1: 1000 })

    constructor() {
      for (const id of ['m0', 'm1', 'm2']) this.add(id, 'voter')
      this.clock.advance(10_000)
      for (const id of ['m1', 'm2']) this.activeSince.set(id, this.clock.nowMs())
    }

    add(id: string, kind: 'voter' | 'learner', name = id): void {
      const fields = { id, name, peerUrls: [`http://${id}:1`], clientUrls: [] }
      this.membership.apply(
        kind === 'voter'
          ? { type: 'add-voter', member: { ...fields, isLearner: false } }
          : { type: 'add-learner', member: { ...fields, isLearner: true }, maxLearners: 9 },
      )
    }

    get(strict = true): Reconfiguration {
      const { membership, clock, activeSince } = this
      const ports = {
        membership,
        clock,
        raftStatus: () => this.status,
        activeSinceMs: (id: string) => activeSince.get(id),
      }
      return new Reconfiguration(ports, { memberId: 'm0', strict })
    }
  }

  test('takes a connection for healthy after more than five seconds', () => {
    const subject = new Subject()
    const checks = (): unknown[] => [
      subject.get().mayAdd('voter'),
      subject.get().mayAdd('learner'),
      subject.get().mayRemove('m1'),
      subject.get().mayRemove('m0'),
    ]
    const unhealthy = Array<string>(4).fill('unhealthy')
    expect(checks()).toEqual(unhealthy)
    subject.clock.advance(5000)
    expect(checks()).toEqual(unhealthy)
    subject.clock.advance(1)
    expect(checks()).toEqual(Array(4).fill(undefined))
  })

  test('lets a voter that is down go at any time', () => {
    const subject = new Subject()
    subject.activeSince.delete('m1')
    expect(subject.get().mayRemove('m1')).toBeUndefined()
    expect(subject.get().mayRemove('m2')).toBe('unhealthy')
    expect(subject.get().mayRemove('unknown')).toBeUndefined()
  })

  test('lets a learner go at any time, and does not count it', () => {
    const subject = new Subject()
    subject.add('l1', 'learner', '')
    expect(subject.get().mayRemove('l1')).toBeUndefined()
    subject.clock.advance(6000)
    expect(subject.get().mayAdd('voter')).toBeUndefined()
    subject.activeSince.set('l1', 0)
    subject.activeSince.delete('m1')
    expect(subject.get().mayAdd('voter')).toBe('unhealthy')
  })

  test('counts voters without a name as not started', () => {
    const subject = new Subject()
    subject.clock.advance(6000)
    subject.add('m3', 'voter', '')
    subject.add('m4', 'voter', '')
    expect(subject.get().mayAdd('voter')).toBe(NOT_STARTED)
    expect(subject.get().mayRemove('m1')).toBe(NOT_STARTED)
    subject.membership.publish('m3', 'three', [])
    expect(subject.get().mayAdd('voter')).toBe('unhealthy')
    expect(subject.get().mayRemove('m1')).toBe('unhealthy')
  })

  test('promotes a learner that is connected and has caught up, as the leader only', () => {
    const subject = new Subject()
    subject.add('l1', 'learner')
    expect(subject.get().mayPromote('l1')).toBe('learner-not-ready')
    subject.activeSince.set('l1', subject.clock.nowMs())
    expect(subject.get().mayPromote('l1')).toBeUndefined()
    subject.status = leaderStatus({ m0: 1000, l1: 800 })
    expect(subject.get().mayPromote('l1')).toBe('learner-not-ready')
    expect(subject.get(false).mayPromote('l1')).toBe('learner-not-ready')
    subject.status = { ...leaderStatus({}), role: 'follower' }
    expect(subject.get().mayPromote('l1')).toBe('not-leader')
  })

  test('promotes only where those that have started are a quorum', () => {
    const subject = new Subject()
    subject.add('l1', 'learner')
    subject.activeSince.set('l1', 0)
    for (const id of ['m3', 'm4', 'm5']) subject.add(id, 'voter', '')
    expect(subject.get().mayPromote('l1')).toBeUndefined()
    subject.add('m6', 'voter', '')
    subject.add('m7', 'voter', '')
    expect(subject.get().mayPromote('l1')).toBe(NOT_STARTED)
    expect(subject.get(false).mayPromote('l1')).toBeUndefined()
  })

  test('leaves it to applying to refuse the promotion of a voter or a stranger', () => {
    const subject = new Subject()
    subject.status = leaderStatus({ m0: 1000, m1: 1 })
    expect(subject.get().mayPromote('m1')).toBeUndefined()
    expect(subject.get().mayPromote('unknown')).toBeUndefined()
  })

  test('that is not strict checks nothing but whether a learner is ready', () => {
    const subject = new Subject()
    subject.activeSince.clear()
    const lenient = subject.get(false)
    expect(lenient.mayAdd('voter')).toBeUndefined()
    expect(lenient.mayAdd('learner')).toBeUndefined()
    expect(lenient.mayRemove('m0')).toBeUndefined()
  })
})
