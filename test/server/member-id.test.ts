import { expect, test } from 'vitest'
import { clusterIdOf, memberIdOf } from '../../src/server/member-id.ts'

test("the default member and cluster have etcd's well-known ids", () => {
  const id = memberIdOf(['http://localhost:2380'], 'etcd-cluster')
  expect(id).toBe('8e9e05c52164694d')
  expect(clusterIdOf([id])).toBe('cdf818194e3a8c32')
})

test('the order of URLs and of members does not matter', () => {
  const [one, two] = ['http://10.0.0.1:2380', 'http://10.0.0.2:2380'] as const
  expect(memberIdOf([two, one], 't')).toBe(memberIdOf([one, two], 't'))
  expect(clusterIdOf(['ff00000000000000', '0000000000000001'])).toBe(
    clusterIdOf(['0000000000000001', 'ff00000000000000']),
  )
})

test('the token and the time of an addition make ids different', () => {
  const urls = ['http://localhost:2380']
  const ids = [memberIdOf(urls, ''), memberIdOf(urls, 'a'), memberIdOf(urls, '', 1_700_000_000)]
  expect(new Set(ids).size).toBe(3)
  expect(memberIdOf(urls, '', 1_700_000_000)).toBe(memberIdOf(urls, '1700000000'))
})

test('a member added at run time has the id that etcd gives it in that second', () => {
  expect(memberIdOf(['http://127.0.0.1:35411'], '', 1_795_444_570)).toBe('010d28b93c9fdc1c')
})
