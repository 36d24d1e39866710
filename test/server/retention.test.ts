import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseRetention } from '../../src/server/retention.ts'

const periodic = (text: string) => parseRetention('periodic', text)
const revision = (text: string) => parseRetention('revision', text)

test('a bare number is hours of time, and the same number of revisions', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 }), fc.constantFrom('', '+', '0'), (n, sign) => {
      const retentionMs = n * 3_600_000
      expect(periodic(`${sign}${n}`)).toEqual({
        ok: true,
        value: { mode: 'periodic', retentionMs },
      })
      expect(revision(`${sign}${n}`)).toEqual({
        ok: true,
        value: { mode: 'revision', retention: n },
      })
    }),
  )
})

test('a duration is the sum of its parts', () => {
  const part = fc.integer({ min: 0, max: 1000 })
  fc.assert(
    fc.property(part, part, part, (h, m, s) => {
      const retentionMs = ((h * 60 + m) * 60 + s) * 1000
      const value = retentionMs === 0 ? undefined : { mode: 'periodic', retentionMs }
      expect(periodic(`${h}h${m}m${s}s`)).toEqual({ ok: true, value })
    }),
  )
})

test.each(['', '0', '00', '0s', '0h0m', '-0s'])('%j turns it off', (text) => {
  expect(periodic(text)).toEqual({ ok: true, value: undefined })
  if (!/[hms]/.test(text)) expect(revision(text)).toEqual({ ok: true, value: undefined })
})

test('no time is shorter than a timer can be', () => {
  expect(periodic('1ns')).toMatchObject({ value: { retentionMs: 1 } })
})

test.each(['x', '-1', '-1s', '1.5', '1d', ' 1', '1e3', '99999999999h', '99999999999999999'])(
  '%j is no time to keep',
  (text) => {
    expect(periodic(text).ok).toBe(false)
  },
)

test.each(['x', '-1', '1s', '1.5', '99999999999999999'])('%j is no number of revisions', (text) => {
  expect(revision(text).ok).toBe(false)
})
