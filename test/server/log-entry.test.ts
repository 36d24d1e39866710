import { expect, test } from 'vitest'
import { confChangeOf, requestOf } from '../../src/server/log-entry.ts'

test('an entry that cannot be read is told by its place and the reason', () => {
  const entry = { index: 7, term: 2, data: Buffer.from('0aff', 'hex') }
  const sentence = 'an entry of the log cannot be read (index=7, term=2, reason=unexpected EOF)'
  expect(() => requestOf({ ...entry, type: 'EntryNormal' })).toThrow(sentence)
  expect(() => confChangeOf({ ...entry, type: 'EntryConfChange' })).toThrow(sentence)
})
