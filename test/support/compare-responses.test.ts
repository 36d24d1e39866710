import { describe, expect, it } from 'vitest'
import { differenceBetween, hasUnknownSortOption } from './compare-responses.ts'
import { endsEtcd, maySlipThroughDuplicateCheck, peculiaritiesOf } from './etcd-versions.ts'
import type { CallResult, Message } from './grpc-client.ts'

const rules = (major: number, minor: number) =>
  peculiaritiesOf({ path: 'etcd', version: [major, minor, 0], versionText: `${major}.${minor}.0` })
const header = (revision: string, memberId = '1'): Message => ({
  cluster_id: '9',
  member_id: memberId,
  revision,
  raft_term: memberId,
})
const ok = (response: Message): CallResult => ({ ok: true, response })
const kv = (key: string, version: string): Message => ({ key: Buffer.from(key), version })

function compare(method: string, request: Message, left: CallResult, right: CallResult): boolean {
  return differenceBetween(method, request, left, right, rules(3, 6)) === undefined
}

describe('differenceBetween', () => {
  it('overlooks who answered, and nothing else in the header', () => {
    const left = ok({ header: header('5') })
    expect(compare('KV.Put', {}, left, ok({ header: header('5', '2') }))).toBe(true)
    expect(compare('KV.Put', {}, left, ok({ header: header('6') }))).toBe(false)
    expect(compare('KV.Put', {}, left, ok({ header: null }))).toBe(false)
  })

  it('sees a nested header that is missing or filled', () => {
    const answer = (nested: Message | null): CallResult =>
      ok({ header: header('5'), responses: [{ response_put: { header: nested } }] })
    expect(compare('KV.Txn', {}, answer(header('5')), answer(null))).toBe(false)
    expect(compare('KV.Txn', {}, answer(header('5')), answer(header('5', '2')))).toBe(false)
  })

  it('sees another code, another text, and an error against an answer', () => {
    const error = (code: number, message: string): CallResult => ({ ok: false, code, message })
    expect(compare('KV.Put', {}, error(3, 'a'), error(3, 'a'))).toBe(true)
    expect(compare('KV.Put', {}, error(3, 'a'), error(5, 'a'))).toBe(false)
    expect(compare('KV.Put', {}, error(3, 'a'), error(3, 'b'))).toBe(false)
    expect(compare('KV.Put', {}, error(3, 'a'), ok({ header: header('1') }))).toBe(false)
  })

  const many = (order: string, versions: string): Message[] =>
    [...order].map((key, n) => kv(key, versions[n] ?? ''))
  const range = (kvs: Message[], more = false): CallResult =>
    ok({ header: header('1'), kvs, more, count: '14' })

  it('takes keys with equal sort values in any order when there are too many for a stable sort', () => {
    const byVersion = { sort_target: 'VERSION' }
    const expected = range(many('abcdefghijklmn', '11111112222222'))
    const permuted = range(many('bacdefghijklnm', '11111112222222'))
    expect(compare('KV.Range', byVersion, expected, permuted)).toBe(true)
    expect(compare('KV.Range', { sort_target: 'KEY' }, expected, permuted)).toBe(false)
    const otherValues = range(many('abcdefhgijklmn', '11111121222222'))
    expect(compare('KV.Range', byVersion, expected, otherValues)).toBe(false)
    const otherKey = range(many('zbcdefghijklmn', '11111112222222'))
    expect(compare('KV.Range', byVersion, expected, otherKey)).toBe(false)
  })

  it('lets a limit cut the last run of equal sort values anywhere, and no other run', () => {
    const byVersion = { sort_target: 'VERSION', limit: 3 }
    const expected = range(many('abc', '122'), true)
    expect(compare('KV.Range', byVersion, expected, range(many('adb', '122'), true))).toBe(true)
    expect(compare('KV.Range', byVersion, expected, range(many('dbc', '122'), true))).toBe(false)
  })

  it('holds a range of few keys to one order', () => {
    const few = (kvs: Message[]): CallResult => ok({ header: header('1'), kvs, count: '2' })
    const byVersion = { sort_target: 'VERSION' }
    const left = few(many('ab', '11'))
    expect(compare('KV.Range', byVersion, left, few(many('ab', '11')))).toBe(true)
    expect(compare('KV.Range', byVersion, left, few(many('ba', '11')))).toBe(false)
  })

  it('relaxes the hash for old releases only, and only after a compaction', () => {
    const hash = (value: number, compacted: string): CallResult =>
      ok({ header: header('1'), hash: value, compact_revision: compacted, hash_revision: '1' })
    const same = (minor: number, compacted: string): boolean =>
      differenceBetween(
        'Maintenance.HashKV',
        {},
        hash(1, compacted),
        hash(2, compacted),
        rules(3, minor),
      ) === undefined
    expect([same(6, '4'), same(6, '-1'), same(4, '4'), same(4, '-1')]).toEqual([
      false,
      false,
      true,
      false,
    ])
    expect(rules(3, 7)).toBe(rules(3, 6))
  })
})

describe('requests that etcd must be spared', () => {
  const openDelete = {
    request_delete_range: { key: Buffer.from('a'), range_end: Buffer.from([0]) },
  }
  const put = (more: Message = {}): Message => ({ request_put: { key: Buffer.from('k'), ...more } })

  it('are found at any depth', () => {
    const nested = { success: [{ request_txn: { failure: [put({ ignore_value: true })] } }] }
    expect(maySlipThroughDuplicateCheck(nested)).toBe(false)
    const both = { success: [...nested.success, openDelete] }
    expect(maySlipThroughDuplicateCheck(both)).toBe(true)
    expect(endsEtcd(both)).toBe(true)
    expect(endsEtcd({ success: [put(), openDelete] })).toBe(false)
  })

  it('an unknown sort option is found in a nested range', () => {
    const op = (order: string | number): Message => ({
      success: [{ request_range: { key: Buffer.from('k'), sort_order: order } }],
    })
    expect(hasUnknownSortOption({ success: [{ request_txn: op(7) }] })).toBe(true)
    expect(hasUnknownSortOption({ success: [{ request_txn: op('NONE') }] })).toBe(false)
  })
})
