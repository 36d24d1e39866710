import { expect, test } from 'vitest'

import { chooseCheckpoint } from '../../src/storage/checkpoint-record.ts'

const older = { sequence: 4, checkpoint: Buffer.from('older') }
const newer = { sequence: 5, checkpoint: Buffer.from('newer') }

test.each([
  [[newer, older], newer, [1]],
  [[older, newer], newer, [0]],
  [[newer, newer], newer, []],
  [[newer, 'absent'], newer, [1]],
  [['damaged', older], older, [0]],
] as const)('of the copies %j the newest good one is taken', (copies, copy, stale) => {
  expect(chooseCheckpoint(copies)).toEqual({ kind: 'found', copy, stale })
})

test('no good copy is damage, unless there never was one', () => {
  expect(chooseCheckpoint(['absent', 'absent'])).toEqual({ kind: 'none' })
  expect(chooseCheckpoint(['damaged', 'absent'])).toEqual({ kind: 'damaged' })
  expect(chooseCheckpoint(['damaged', 'damaged'])).toEqual({ kind: 'damaged' })
})
