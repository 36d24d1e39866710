import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MUTANTS } from './catalogue.ts'
import { applyPatch, patchesOf, type Mutant } from './mutant.ts'
import { TABLE_BEGIN, TABLE_END, withRows } from './table.ts'

const source = (file: string): string =>
  readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8')

test.each(MUTANTS)('$name still has its place in the sources', (mutant) => {
  for (const patch of patchesOf(mutant)) {
    const text = source(patch.file)
    expect(applyPatch(text, patch)).not.toBe(text)
  }
})

test('no two mutants have the same name', () => {
  const names = MUTANTS.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})

test('a place that is gone, or there twice, is an error', () => {
  const patch = { file: 'x.ts', was: 'a < b', is: 'a <= b' }
  expect(applyPatch('if (a < b)', patch)).toBe('if (a <= b)')
  expect(() => applyPatch('if (a > b)', patch)).toThrow('0 times')
  expect(() => applyPatch('a < b && a < b', patch)).toThrow('2 times')
})

test('a row is made anew when its mutant was tried, stays otherwise, and goes with its mutant', () => {
  const mutant = (name: string): Mutant => ({ name, bug: 'b', file: 'x.ts', was: 'a', is: 'b' })
  const old = '| old | b | c | 1 | 2 |\n| gone | b | c | 1 | 2 |'
  const text = `x\n${TABLE_BEGIN}\n${old}\n${TABLE_END}\ny`
  const caught = {
    type: 'caught',
    schedules: 3,
    seed: 9,
    profile: 'churn',
    by: 'watch: x',
  } as const
  const rows = withRows(
    text,
    [mutant('new'), mutant('old')],
    new Map([['new', { ...caught, sentence: '' }]]),
  )
  expect(rows).toContain('| new | b | watch: x | 3 | 9, churn |\n| old | b | c | 1 | 2 |')
  expect(rows).not.toContain('gone')
})
