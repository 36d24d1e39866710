/** A short run of each kind: one that must be clean, and one that must be found out. */

import { describe, expect, it } from 'vitest'
import { FAULTS } from './catalogue.ts'
import { sentences } from './keep.ts'
import type { Fault } from './ports.ts'
import { runOnce } from './run.ts'

function faults(...names: readonly string[]): Fault[] {
  return names.map((name) => FAULTS.find((fault) => fault.name === name)!)
}

/** The machine may be busy: how much load there is decides nothing here. */
const ANY_LOAD = { minLoad: 0, afterMs: 300 }

describe.concurrent('real processes under faults', () => {
  it('kill -9 of the leader, a cut one way and compactions leave a correct history', async () => {
    const chosen = faults('cut-one-way', 'compact', 'kill-leader')
    const result = await runOnce({ faults: chosen, nodes: 3, seed: 4, ...ANY_LOAD })
    expect(result.judgement.isGood, sentences(result)).toBe(true)
    expect(result.acknowledged).toBeGreaterThan(100)
    expect(result.watchEvents).toBeGreaterThan(300)
  }, 60_000)

  it('a cluster that forgot what it had acknowledged is found out', async () => {
    const result = await runOnce({ faults: faults('forget-all'), nodes: 1, seed: 1, ...ANY_LOAD })
    expect(result.judgement.lost).toBeGreaterThan(0)
    expect(result.judgement.isGood).toBe(true)
  }, 60_000)
})
