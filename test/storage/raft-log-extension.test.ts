/** LevelDB's log file is made longer ahead of time: where it is, and that nothing is lost by it. */

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { REAL_FILES } from '../../src/storage/files.ts'
import { openRaftLogStore } from '../../src/storage/raft-log-store.ts'
import {
  entriesFrom,
  fastTemporaryDirectory,
  imageOf,
  mustOpenLog,
  plain,
  quietOptions,
  restoreImage,
} from '../support/storage.ts'

const MIB = 1024 * 1024
const EXTENDED = 20 * MIB

async function logSizes(directory: string): Promise<Map<string, number>> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.log'))
  // LevelDB deletes what it has written again as a table, at any time.
  const stats = await Promise.all(
    names.map((name) => stat(join(directory, name)).catch(() => undefined)),
  )
  return new Map(names.flatMap((name, i) => (stats[i] ? [[name, stats[i].size]] : [])))
}

describe('the log file of the Raft log', () => {
  test('is extended at open, and what is written into it is read back', async () => {
    const directory = join(await fastTemporaryDirectory(), 'log')
    const { store } = await mustOpenLog(directory)
    await store.append({ entries: entriesFrom(1, 3) })
    expect([...(await logSizes(directory)).values()]).toEqual([EXTENDED])
    const killed = await imageOf(directory)
    await store.close()
    const zeros = Buffer.alloc(EXTENDED)
    for (const [name, content] of killed) {
      if (!name.endsWith('.log')) continue
      content.copy(zeros)
      await restoreImage(directory, killed, { [name]: zeros })
    }
    const again = await mustOpenLog(directory)
    expect(plain(again.recovered.entries)).toEqual(plain(entriesFrom(1, 3)))
    await again.store.close()
  })

  test('is extended again when LevelDB has begun another one', async () => {
    const directory = join(await fastTemporaryDirectory(), 'log')
    const { store } = await mustOpenLog(directory)
    const [first] = (await logSizes(directory)).keys()
    const entries = entriesFrom(1, 40, 1, MIB)
    let extended = 0
    for (const entry of entries) {
      await store.append({ entries: [entry] })
      const sizes = [...(await logSizes(directory))]
      extended += sizes.filter(([name, size]) => name !== first && size === EXTENDED).length
    }
    expect(extended).toBeGreaterThan(10)
    await store.close()
    const again = await mustOpenLog(directory)
    expect(plain(again.recovered.entries)).toEqual(plain(entries))
    await again.store.close()
  })

  test('may stay as it is: a file system that refuses costs speed alone', async () => {
    const directory = join(await fastTemporaryDirectory(), 'log')
    const options = quietOptions()
    const files = {
      ...REAL_FILES,
      extendLogFile: (): Promise<void> => Promise.reject(new Error('EFBIG')),
    }
    const opened = await openRaftLogStore(directory, { ...options, files })
    if (!opened.ok) throw new Error(opened.message)
    const entries = entriesFrom(1, 2, 1, MIB)
    for (const entry of entries) await opened.store.append({ entries: [entry] })
    await opened.store.close()
    expect(options.logger.warnings[0]).toBe('cannot extend the log file')
    const again = await mustOpenLog(directory)
    expect(plain(again.recovered.entries)).toEqual(plain(entries))
    await again.store.close()
  })

  test('that is longer already is never cut', async () => {
    const directory = join(await fastTemporaryDirectory(), 'log')
    const { store } = await mustOpenLog(directory)
    await store.append({ entries: entriesFrom(1, 1) })
    await REAL_FILES.extendLogFile(directory, MIB)
    expect([...(await logSizes(directory)).values()]).toEqual([EXTENDED])
    await store.close()
  })
})
