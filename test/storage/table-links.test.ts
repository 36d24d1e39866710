/** Second names for the files of LevelDB, on a real disk: when they come, and when they go. */

import { existsSync } from 'node:fs'
import { mkdir, readdir, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { Level } from 'level'
import { describe, expect, test, vi } from 'vitest'

import { TableLinks } from '../../src/storage/table-links.ts'
import { entriesFrom, mustOpenLog, plain, temporaryDirectory } from '../support/storage.ts'

const TABLE = '000012.ldb'

async function linksIn(directory: string): Promise<string[]> {
  return (await readdir(join(directory, 'links'))).sort()
}

describe('a table', () => {
  test('gets a second name, which goes when the first is gone', async () => {
    const directory = await temporaryDirectory()
    for (const name of [TABLE, '000013.log', 'CURRENT', 'MANIFEST-000011']) {
      await writeFile(join(directory, name), name)
    }
    const links = await TableLinks.open(directory)
    await vi.waitFor(async () => expect(await linksIn(directory)).toEqual([TABLE, '000013.log']))
    expect((await stat(join(directory, TABLE))).nlink).toBe(2)
    await unlink(join(directory, TABLE))
    await vi.waitFor(async () => expect(await linksIn(directory)).toEqual(['000013.log']))
    await links.close()
    expect((await stat(join(directory, '000013.log'))).nlink).toBe(1)
    expect(existsSync(join(directory, 'links'))).toBe(false)
  })

  test('loses it at once when another cannot have one', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, TABLE), '')
    const links = await TableLinks.open(directory)
    await vi.waitFor(async () => expect(await linksIn(directory)).toEqual([TABLE]))
    await writeFile(join(directory, 'links', '000020.ldb'), 'in the way')
    await writeFile(join(directory, '000020.ldb'), '')
    await vi.waitFor(() => expect(existsSync(join(directory, 'links'))).toBe(false))
    expect((await stat(join(directory, TABLE))).nlink).toBe(1)
    await links.close()
  })

  test('keeps its one name where there can be no links', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, TABLE), '')
    await writeFile(join(directory, 'links'), 'not a directory')
    const links = await TableLinks.open(directory)
    await links.close()
    expect((await stat(join(directory, TABLE))).nlink).toBe(1)
  })
})

test('what a killed process left is gone when the database is open', async () => {
  const directory = join(await temporaryDirectory(), 'log')
  const first = await mustOpenLog(directory)
  await first.store.close()
  await mkdir(join(directory, 'links'))
  for (const name of ['000003.log', '000099.ldb']) {
    await writeFile(join(directory, 'links', name), 'of another file')
  }
  const { store } = await mustOpenLog(directory)
  expect(await linksIn(directory)).toEqual([])
  await store.close()
})

test('a database that is used and opened again keeps all, and leaves no links', async () => {
  const directory = join(await temporaryDirectory(), 'log')
  const entries = entriesFrom(1, 40, 1, 1024 * 1024)
  const { store } = await mustOpenLog(directory)
  for (const entry of entries) {
    await store.append({ entries: [entry] })
    if (entry.index % 8 === 0) await store.compact(entry.index - 4)
  }
  await vi.waitFor(async () => expect((await linksIn(directory)).length).toBeGreaterThan(1))
  await store.close()
  expect(await readdir(directory)).not.toContain('links')
  const level = new Level(directory)
  await level.open()
  await level.close()
  const again = await mustOpenLog(directory)
  expect(plain(again.recovered.entries)).toEqual(plain(entries.slice(36)))
  await again.store.close()
})
