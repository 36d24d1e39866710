import { describe, expect, test } from 'vitest'

import { AssertionError } from '../../src/base/assert.ts'
import { Membership, type Member } from '../../src/server/membership.ts'

const member = (id: string): Member => ({
  id,
  name: '',
  peerUrls: [`http://${id}:2380`],
  clientUrls: [],
  isLearner: false,
})

describe('membership', () => {
  test('lists its members by id', () => {
    const membership = new Membership('c1')
    for (const id of ['c', 'a', 'b']) membership.add(member(id))
    expect(membership.members.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
    expect(membership.get('b')).toEqual(member('b'))
    expect(membership.get('d')).toBeUndefined()
  })

  test('adding a known member replaces it', () => {
    const membership = new Membership('c1')
    membership.add(member('a'))
    membership.add({ ...member('a'), peerUrls: ['http://moved:1'] })
    expect(membership.members).toMatchObject([{ peerUrls: ['http://moved:1'] }])
  })

  test('a removed id is gone for good, also after a restart', () => {
    const membership = new Membership('c1')
    membership.add(member('a'))
    membership.remove('a')
    expect(membership.members).toEqual([])
    const restored = new Membership('c1', membership.state())
    for (const one of [membership, restored]) {
      expect(() => one.add(member('a'))).toThrow(AssertionError)
    }
  })

  test('its state does not depend on the order of what led there', () => {
    const one = new Membership('c1')
    const other = new Membership('c1')
    for (const id of ['a', 'b', 'c', 'd']) one.add(member(id))
    for (const id of ['d', 'c', 'b', 'a']) other.add(member(id))
    for (const id of ['a', 'b']) one.remove(id)
    for (const id of ['b', 'a']) other.remove(id)
    expect(one.state()).toEqual(other.state())
  })

  test('state and constructor are inverse', () => {
    const membership = new Membership('c1')
    for (const id of ['a', 'b']) membership.add(member(id))
    membership.remove('b')
    membership.publish('a', 'one', ['http://c:1'])
    membership.setClusterVersion('3.6.0')
    const state = membership.state()
    expect(new Membership('c1', state).state()).toEqual(state)
    expect(state).toMatchObject({
      members: [{ id: 'a', name: 'one', clientUrls: ['http://c:1'] }],
      clusterVersion: '3.6.0',
    })
  })
})
