import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/base/assert.ts'
import { Inflights } from '../../src/raft/inflights.ts'

type Step =
  | { readonly do: 'add'; readonly bytes: number }
  | { readonly do: 'free'; readonly to: number }
  | { readonly do: 'reset' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), bytes: fc.nat(60) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('free' as const), to: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const) }) },
)

describe('the window of messages in flight', () => {
  test('counts messages and bytes exactly, as a list does', () => {
    const limits = { messages: 4, bytes: 100 }
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const window = new Inflights(limits)
        let list: { index: number; bytes: number }[] = []
        let index = 0
        for (const one of steps) {
          const sum = list.reduce((bytes, each) => bytes + each.bytes, 0)
          if (one.do === 'reset') {
            window.reset()
            list = []
          } else if (one.do === 'free') {
            window.freeTo(one.to)
            list = list.filter((each) => each.index > one.to)
          } else {
            const fits = list.length < 4 && (list.length === 0 || sum + one.bytes <= 100)
            expect(!window.full && one.bytes <= window.room).toBe(fits && (sum < 100 || sum === 0))
            if (window.full || one.bytes > window.room) continue
            index++
            window.add(index, one.bytes)
            list.push({ index, bytes: one.bytes })
          }
          expect(window.count).toBe(list.length)
          expect(window.bytes).toBe(list.reduce((bytes, each) => bytes + each.bytes, 0))
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('one message goes however large it is, and then nothing', () => {
    const window = new Inflights({ messages: 9, bytes: 10 })
    window.add(1, 1000)
    expect(window.full).toBe(true)
    expect(() => window.add(2, 1)).toThrow(AssertionError)
    window.freeTo(1)
    expect(window.full).toBe(false)
    expect(window.bytes).toBe(0)
  })
})
