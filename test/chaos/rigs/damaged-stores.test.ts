/** A few of the places that `npm run chaos -- disks damaged-stores` damages, and whether it would tell. */

import { expect, test } from 'vitest'
import { damageAll, everyCut, flips, raftLog, state, type Subject } from './damaged-stores.ts'

test('damage to a Raft log is refused', async () => {
  const log = await raftLog(8 * 1024)
  const { counts, sentences } = await damageAll(log, flips(log.files, 200, /\.log$/))
  expect(counts).toEqual({ whole: 0, refused: 200, older: 0, wrong: 0 })
  expect(sentences.size).toBeGreaterThan(0)
})

test('a cut Raft log opens with all that its witness has seen, or is refused', async () => {
  const log = await raftLog(8 * 1024, { isMarkerLate: true })
  const name = [...log.files.keys()].find((file) => file.endsWith('.log')) ?? ''
  const { counts } = await damageAll(log, everyCut(log.files, name, 37))
  expect(counts.wrong).toBe(0)
  expect(counts.refused).toBeGreaterThan(50)
  expect(counts.older).toBeGreaterThan(50)
})

test('no damage to a state makes another state of it', async () => {
  const records = await state(300)
  const { counts } = await damageAll(records, flips(records.files, 200, /./))
  expect(counts.wrong).toBe(0)
  expect(counts.whole).toBeGreaterThan(20)
  expect(counts.refused).toBeGreaterThan(20)
})

test('a store that goes on with less is called wrong', async () => {
  const short = await raftLog(2 * 1024)
  const long = await raftLog(4 * 1024)
  const careless: Subject = { files: short.files, look: long.look }
  const { counts, findings } = await damageAll(careless, [{ name: 'none', type: 'cut', length: 0 }])
  expect(counts.wrong).toBe(1)
  expect(findings[0]).toMatch(/it opens with \d+ entries/)
})
