/** Damage among many tables: the one that has it is told, wherever it stands among them. */

import { appendFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { Level } from 'level'
import { expect, test } from 'vitest'

import { findDamage, newestLogFile } from '../../src/storage/level-files.ts'
import { fastTemporaryDirectory } from '../support/storage.ts'

/** A closed database of several tables, of different lengths. */
async function manyTables(): Promise<{ readonly directory: string; readonly tables: string[] }> {
  const directory = await fastTemporaryDirectory()
  const level = new Level<string, string>(directory, { compression: false, maxFileSize: 1 << 20 })
  // Each compaction makes tables of what was written since, none of which reaches into another.
  for (const [round, records] of [100, 2500, 10, 1400].entries()) {
    const keys = Array.from({ length: records }, (_, i) => `${round} ${String(i).padStart(6, '0')}`)
    await level.batch(keys.map((key) => ({ type: 'put', key, value: key.repeat(100) })))
    await (
      level as unknown as { compactRange(start: string, end: string): Promise<void> }
    ).compactRange(`${round}`, `${round}~`)
  }
  await level.close()
  const tables = (await readdir(directory)).filter((name) => name.endsWith('.ldb'))
  return { directory, tables: tables.toSorted() }
}

const DAMAGES: readonly (readonly [phrase: RegExp, damage: (path: string) => Promise<void>])[] = [
  [/^table \S+ cannot be read: ENOENT/, (path) => rm(path)],
  [/^table \S+ has \d+ bytes instead of \d+$/, (path) => truncate(path, 1000)],
  [/^table \S+ has \d+ bytes instead of \d+$/, (path) => appendFile(path, 'x')],
  [/^table \S+ is damaged: the checksum of its block at \d+ does not match$/, flipMiddle],
]

async function flipMiddle(path: string): Promise<void> {
  const content = await readFile(path)
  const middle = Math.floor(content.length / 2)
  content[middle] = (content[middle] ?? 0) ^ 4
  await writeFile(path, content)
}

test('damage to any one of many tables is found, and the table is named', async () => {
  const { directory, tables } = await manyTables()
  expect(tables.length).toBe(4)
  expect(await findDamage(directory)).toBeUndefined()
  for (const table of tables) {
    const path = join(directory, table)
    const whole = await readFile(path)
    for (const [phrase, damage] of DAMAGES) {
      await damage(path)
      const found = await findDamage(directory)
      expect(found).toMatch(phrase)
      expect(found).toContain(table)
      await writeFile(path, whole)
    }
  }
  expect(await findDamage(directory)).toBeUndefined()
})

test('the newest log file is that of the highest number, whatever its length', () => {
  const names = [
    'CURRENT',
    '999999.log',
    '1000000.log',
    '1000002.ldb',
    'LOG',
    'LOG.old',
    '000007.log',
  ]
  expect(newestLogFile(names)).toBe('1000000.log')
  expect(newestLogFile(['000007.log'])).toBe('000007.log')
  expect(newestLogFile(['CURRENT', 'LOG'])).toBeUndefined()
})
