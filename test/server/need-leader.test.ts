import { expect, test } from 'vitest'
import { NeedLeader } from '../../src/server/need-leader.ts'
import { ManualClock } from './support/doubles.ts'

test('calls are overdue after three elections without a leader, counted anew each time', () => {
  const clock = new ManualClock()
  const need = new NeedLeader<string>(clock, 1000)
  for (const call of ['one', 'two', 'gone']) need.add(call)
  need.delete('gone')
  const after = (ms: number, hasLeader: boolean): string[] => {
    clock.advance(ms)
    return need.takeOverdue(hasLeader)
  }
  expect(after(5000, true)).toEqual([])
  expect(after(100, false)).toEqual([])
  expect(after(2900, false)).toEqual([])
  expect(after(50, true)).toEqual([])
  expect(after(100, false)).toEqual([])
  expect(after(2999, false)).toEqual([])
  expect(after(1, false)).toEqual(['one', 'two'])
  expect(after(5000, false)).toEqual([])
})
