import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { AssertionError } from '../../src/base/assert.ts'
import { Membership, type Member, type MembershipChange } from '../../src/server/membership.ts'

const member = (id: string, isLearner = false): Member => ({
  id,
  name: '',
  peerUrls: [`http://${id}:2380`],
  clientUrls: [],
  isLearner,
})

const addVoter = (id: string): MembershipChange => ({ type: 'add-voter', member: member(id) })
const addLearner = (id: string, maxLearners = 1): MembershipChange => ({
  type: 'add-learner',
  member: member(id, true),
  maxLearners,
})
const remove = (id: string): MembershipChange => ({ type: 'remove', id })
const promote = (id: string): MembershipChange => ({ type: 'promote', id })
const update = (id: string, ...peerUrls: string[]): MembershipChange => ({
  type: 'update',
  id,
  peerUrls,
})

function after(...changes: readonly MembershipChange[]): Membership {
  const membership = new Membership('c1')
  for (const change of changes) membership.apply(change)
  return membership
}

describe('membership', () => {
  test('lists its members by id', () => {
    const membership = after(addVoter('c'), addVoter('a'), addLearner('b'))
    expect(membership.members.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
    expect(membership.voters.map(({ id }) => id)).toEqual(['a', 'c'])
    expect(membership.learnerCount).toBe(1)
    expect(membership.get('b')).toEqual(member('b', true))
    expect(membership.get('d')).toBeUndefined()
  })

  test('a removed id is gone for good, also after a restart', () => {
    const membership = after(addVoter('a'), addVoter('z'), remove('a'))
    expect(membership.members).toEqual([member('z')])
    const restored = new Membership('c1', membership.state())
    for (const one of [membership, restored]) {
      expect(one.isRemoved('a')).toBe(true)
      expect(one.removedIds).toEqual(['a'])
      for (const change of [addVoter('a'), addLearner('a'), promote('a'), update('a')]) {
        expect(one.problemWith(change)).toBe('member-removed')
      }
      expect(() => one.apply(addVoter('a'))).toThrow(AssertionError)
    }
  })

  test('a change merges: what it does not name stays', () => {
    const membership = after(addVoter('a'), addLearner('b'))
    membership.publish('b', 'bee', ['http://c:1'])
    const learner = { ...member('b', true), name: 'bee', clientUrls: ['http://c:1'] }
    membership.apply(update('b', 'http://moved:1', 'http://moved:2'))
    const moved = { ...learner, peerUrls: ['http://moved:1', 'http://moved:2'] }
    expect(membership.get('b')).toEqual(moved)
    membership.apply(promote('b'))
    expect(membership.get('b')).toEqual({ ...moved, isLearner: false })
    membership.publish('b', 'bee2', [])
    expect(membership.get('b')).toMatchObject({ name: 'bee2', isLearner: false, clientUrls: [] })
  })

  test.each<[problem: string | undefined, change: MembershipChange]>([
    ['member-exists', addVoter('a')],
    ['member-exists', addLearner('b')],
    ['peer-url-exists', { type: 'add-voter', member: { ...member('x'), id: 'd' } }],
    ['too-many-learners', addLearner('d', 1)],
    ['too-many-learners', addLearner('d', 0)],
    [undefined, addLearner('d', 2)],
    [undefined, addVoter('d')],
    ['member-not-learner', promote('a')],
    ['member-not-found', promote('d')],
    [undefined, promote('b')],
    ['member-not-found', update('d', 'http://new:1')],
    ['peer-url-exists', update('a', 'http://new:1', 'http://x:2380')],
    [undefined, update('b', 'http://x:2380')],
    ['member-not-found', remove('d')],
    ['member-not-found', remove('')],
    ['member-not-enough-started', remove('a')],
    [undefined, remove('b')],
  ])('%s: %o', (problem, change) => {
    const membership = after(addVoter('a'), addLearner('b'))
    membership.apply(update('b', 'http://x:2380'))
    expect(membership.problemWith(change)).toBe(problem)
    if (problem !== undefined) expect(() => membership.apply(change)).toThrow(AssertionError)
  })

  test('the URL of a newcomer is told before the number of learners', () => {
    const membership = after(addLearner('b'))
    const taken = { ...member('d', true), peerUrls: ['http://new:1', 'http://b:2380'] }
    const change: MembershipChange = { type: 'add-learner', member: taken, maxLearners: 1 }
    expect(membership.problemWith(change)).toBe('peer-url-exists')
  })

  test('tells of every change of its members, after it is made', () => {
    const membership = after(addVoter('a'))
    const seen: unknown[] = []
    membership.onChanged((change) => {
      seen.push([change?.type, ...membership.members.map(({ id, name }) => id + name)])
    })
    membership.apply(addLearner('b'))
    membership.publish('a', '1', [])
    membership.publish('unknown', '1', [])
    membership.setClusterVersion('3.6.0')
    membership.apply(remove('b'))
    membership.adopt(after(addVoter('z')).state())
    expect(seen).toEqual([
      ['add-learner', 'a', 'b'],
      [undefined, 'a1', 'b'],
      ['remove', 'a1'],
      [undefined, 'z'],
    ])
  })

  test('adopting a state leaves nothing of the one before', () => {
    const membership = after(addVoter('a'), addVoter('b'), remove('b'))
    membership.setClusterVersion('3.5.0')
    const other = after(addVoter('c'), addVoter('d'), remove('d')).state()
    membership.adopt(other)
    expect(membership.state()).toEqual(other)
    expect(membership.isRemoved('b')).toBe(false)
  })

  test('its state does not depend on the order of what led there', () => {
    const ids = ['a', 'b', 'c', 'd']
    const one = after(...ids.map(addVoter), remove('a'), remove('b'))
    const other = after(...ids.toReversed().map(addVoter), remove('b'), remove('a'))
    expect(one.state()).toEqual(other.state())
  })

  test('state and constructor are inverse', () => {
    const membership = after(addVoter('a'), addVoter('b'), remove('b'))
    membership.publish('a', 'one', ['http://c:1'])
    membership.setClusterVersion('3.6.0')
    const state = membership.state()
    expect(new Membership('c1', state).state()).toEqual(state)
    expect(state).toMatchObject({
      members: [{ id: 'a', name: 'one', clientUrls: ['http://c:1'] }],
      clusterVersion: '3.6.0',
    })
  })

  test('whatever is asked for, ids are never used twice and URLs never shared', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd')
    const urls = fc.uniqueArray(fc.constantFrom('http://1', 'http://2', 'http://3', 'http://4'))
    const newcomer = fc.record({ id, peerUrls: urls })
    const change: fc.Arbitrary<MembershipChange> = fc.oneof(
      newcomer.map((one) => ({ type: 'add-voter' as const, member: { ...member(''), ...one } })),
      newcomer.map((one) => ({
        type: 'add-learner' as const,
        member: { ...member('', true), ...one },
        maxLearners: 2,
      })),
      fc.record({ type: fc.constantFrom('promote' as const, 'remove' as const), id }),
      fc.record({ type: fc.constant('update' as const), id, peerUrls: urls }),
    )
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const membership = new Membership('c1')
        for (const one of changes) {
          const before = membership.state()
          if (membership.problemWith(one) === undefined) membership.apply(one)
          else expect(() => membership.apply(one)).toThrow(AssertionError)
          const { members, removed } = membership.state()
          const all = members.flatMap(({ peerUrls }) => peerUrls)
          expect(new Set(all).size).toBe(all.length)
          expect(members.filter((known) => removed.includes(known.id))).toEqual([])
          expect(removed).toEqual(expect.arrayContaining([...before.removed]))
          expect(membership.learnerCount).toBeLessThanOrEqual(2)
        }
      }),
    )
  })
})
