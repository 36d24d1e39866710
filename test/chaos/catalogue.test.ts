import { describe, expect, it } from 'vitest'
import { FAULTS, matrix, missing, seedOf } from './catalogue.ts'
import { emptyRow, isGood, table } from './summary.ts'

describe('the matrix', () => {
  it('has each fault alone, and each two that can be together once', () => {
    const names = matrix(FAULTS, { nodes: 3 }).map(({ faults }) => faults.map(({ name }) => name))
    const here = FAULTS.filter(({ nodes }) => nodes.includes(3)).map(({ name }) => name)
    expect(names.filter(({ length }) => length === 1).flat()).toEqual(here)
    const texts = names.map((two) => two.toSorted().join())
    expect(new Set(texts).size).toBe(texts.length)
    expect(texts).toContain('delay,kill-leader')
  })

  it('pairs no control, and no two changes of members', () => {
    const pairs = matrix(FAULTS, {}).filter(({ faults }) => faults.length === 2)
    expect(pairs.some(({ faults }) => faults.some((fault) => fault.mustBeCaught))).toBe(false)
    const both = pairs.filter(({ faults }) => faults.every(({ alone }) => alone === 'members'))
    expect(both).toEqual([])
  })

  it('gives a scenario the same seed whatever else is run', () => {
    const all = matrix(FAULTS, { nodes: 3 })
    const few = matrix(FAULTS, { nodes: 3, only: ['kill-leader', 'delay'] })
    const seedIn = (scenarios: typeof all): number[] =>
      scenarios
        .filter(({ faults }) => faults.map(({ name }) => name).join() === 'kill-leader,delay')
        .map((scenario) => seedOf(scenario, 1, 0))
    expect(seedIn(few)).toEqual(seedIn(all))
    expect(new Set(all.map((scenario) => seedOf(scenario, 1, 0))).size).toBe(all.length)
  })
})

describe('the summary', () => {
  const [scenario] = matrix(FAULTS, { only: ['kill-all'], pairs: false })

  it('fails with a violation, a lost write or a problem, and with a control that was not caught', () => {
    const row = { ...emptyRow(scenario!), runs: 2 }
    expect(isGood([row])).toBe(true)
    expect(isGood([{ ...row, violations: 1 }])).toBe(false)
    expect(isGood([{ ...row, lost: 1 }])).toBe(false)
    expect(isGood([{ ...row, problems: 1 }])).toBe(false)
    expect(isGood([{ ...row, undecided: 1 }])).toBe(false)
    expect(isGood([{ ...row, caught: 1 }])).toBe(false)
    expect(isGood([{ ...row, caught: 2 }])).toBe(true)
  })

  it('shows what was skipped, and why', () => {
    const row = { ...emptyRow(scenario!), skipped: 'no root' }
    expect(table([row])).toContain('kill-all — SKIPPED: no root')
    const needs = [() => 'no root', () => undefined]
    const faults = [{ ...scenario!.faults[0]!, needs }]
    expect(missing({ faults, nodes: 3 })).toBe('no root')
  })
})
