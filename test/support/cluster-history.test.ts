import { describe, expect, it } from 'vitest'
import type { HistoryEvent } from './cluster-history.ts'
import { endOfPrefix, problemsOf, skippedRevisions, upTo } from './cluster-history.ts'
import type { AcknowledgedWrite } from './cluster-load.ts'

const event = (revision: number, value: string, version = 1, key = value): HistoryEvent => ({
  type: 'PUT',
  key,
  value,
  revision,
  version,
})
const acknowledged = (revision: number, value: string, key = value): AcknowledgedWrite => ({
  key,
  value,
  revision,
  at: 0,
  tookMs: 0,
})
const history = [event(5, 'a'), event(6, 'b'), event(8, 'c')]

describe('problemsOf', () => {
  const load = {
    acknowledged: [acknowledged(5, 'a'), acknowledged(8, 'c')],
    unknown: [{ key: 'b', value: 'b' }],
  }

  it('has nothing to say of a history with every acknowledged write, with or without the unknown', () => {
    expect(problemsOf(history, load)).toEqual([])
    expect(problemsOf([event(5, 'a'), event(8, 'c')], load)).toEqual([])
  })

  it('finds a lost write, and one that is at another revision', () => {
    expect(problemsOf(history.slice(0, 2), load)).toEqual([
      expect.stringMatching(/^lost: c=c at 8/),
    ])
    const moved = [event(5, 'a'), event(9, 'c')]
    expect(problemsOf(moved, load)).toEqual([expect.stringMatching(/^lost: c=c at 8/)])
  })

  it('finds a value that was applied twice, although nobody knows of its outcome', () => {
    const twice = [...history, event(9, 'b', 2)]
    expect(problemsOf(twice, load)).toEqual(['b is at 6 and at 9'])
  })

  it('finds what nobody wrote, what is out of order, and a version that was left out', () => {
    expect(problemsOf([...history, event(9, 'd')], load)).toEqual(['nobody wrote d'])
    expect(problemsOf([history[0]!, history[2]!, history[1]!], load)).toEqual([
      'revision 6 after 8',
    ])
    const skipped = [event(5, 'a'), event(8, 'c', 2)]
    expect(problemsOf(skipped, load)).toEqual(['c has version 2, not 1'])
  })

  it('keeps a long list short', () => {
    const many = Array.from({ length: 30 }, (_, n) => event(n + 1, `x${n}`))
    expect(problemsOf(many, { acknowledged: [], unknown: [] })).toHaveLength(11)
  })
})

it('skippedRevisions finds the events behind a hole', () => {
  expect(skippedRevisions(history.slice(0, 2))).toEqual([])
  expect(skippedRevisions(history)).toEqual([8])
  expect(skippedRevisions([])).toEqual([])
})

it('upTo keeps the revision itself', () => {
  expect(upTo(history, 6)).toEqual(history.slice(0, 2))
})

it('endOfPrefix is the first key behind all that begin with it', () => {
  expect(endOfPrefix('load/')).toEqual(Buffer.from('load0'))
})
