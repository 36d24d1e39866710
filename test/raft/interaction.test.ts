/**
 * Runs the scripts of testdata/. With UPDATE_SCRIPTS=1 it writes what it sees instead: keep such
 * a change only if you can explain every line of it.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Environment } from './interaction/environment.ts'
import { formatScript, parseScript } from './interaction/script.ts'

const folder = new URL('./testdata/', import.meta.url)
const updates = process.env['UPDATE_SCRIPTS'] === '1'

describe('interaction scripts', () => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.txt'))

  test.each(names.sort())('%s', (name) => {
    const file = new URL(name, folder)
    const source = readFileSync(file, 'utf8')
    const environment = new Environment()
    const seen = parseScript(source).map(({ preamble, commands }) => ({
      preamble,
      commands,
      expected: commands.flatMap((command) => environment.run(command)),
    }))
    if (updates) writeFileSync(file, formatScript(seen))
    else expect(formatScript(seen)).toBe(source)
  })

  test('there are scripts to run', () => {
    expect(names.length).toBeGreaterThanOrEqual(8)
  })
})
