/**
 * Damage to a log on disk: whatever is flipped or cut, the log either opens with everything that
 * was acknowledged or is refused with a sentence. It never opens with a hole.
 */

import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { Level } from 'level'
import { describe, expect, test } from 'vitest'

import { openRaftLogStore } from '../../src/storage/raft-log-store.ts'
import type { OpenedRaftLog } from '../../src/storage/raft-log-store.ts'
import {
  entriesFrom,
  fastTemporaryDirectory,
  flipped,
  imageOf,
  mustOpenLog,
  plain,
  quietOptions,
  restoreImage,
} from '../support/storage.ts'
import { cutLog, ZEROS_BEHIND } from '../support/level-log.ts'
import type { Image } from '../support/storage.ts'

const BLOCKS = 8
const ENTRIES_PER_BLOCK = 2
const MARKER = 'durable-mark'

interface Written {
  readonly directory: string
  /** The files after all blocks. */
  readonly image: Image
  /** The marker after each block. */
  readonly markers: readonly Buffer[]
}

/** A log of BLOCKS acknowledged group commits, as a killed process leaves it. */
async function writtenLog(): Promise<Written> {
  const directory = join(await fastTemporaryDirectory(), 'log')
  const { store } = await mustOpenLog(directory)
  const markers: Buffer[] = []
  for (let block = 0; block < BLOCKS; block++) {
    await store.append({
      entries: entriesFrom(1 + block * ENTRIES_PER_BLOCK, ENTRIES_PER_BLOCK, 1, 40),
      hardState: { term: 1, vote: '8e9e05c52164694d', commit: block },
    })
    markers.push(await markerWithSequence(directory, block + 1))
  }
  const image = await imageOf(directory)
  await store.close()
  return { directory, image, markers }
}

/** The marker is written behind the append; this waits until it has arrived. */
async function markerWithSequence(directory: string, sequence: number): Promise<Buffer> {
  for (;;) {
    const marker = (await imageOf(directory)).get(MARKER)
    if (marker?.length === 28 && marker.readUInt32BE(12) === sequence) return marker
  }
}

const ALL = plain(entriesFrom(1, BLOCKS * ENTRIES_PER_BLOCK, 1, 40))

function logFileOf(image: Image): [string, Buffer] {
  const found = [...image].filter(([name, content]) => name.endsWith('.log') && content.length > 0)
  const file = found[0]
  if (file === undefined || found.length > 1) throw new Error('one log file expected')
  return file
}

async function openAndClose(directory: string): Promise<OpenedRaftLog> {
  const opened = await openRaftLogStore(directory, quietOptions())
  if (opened.ok) await opened.store.close()
  return opened
}

/** Everything is there, or the refusal says so in words. Returns which. */
function expectWholeOrRefused(opened: OpenedRaftLog, where: string): 'whole' | 'refused' {
  if (opened.ok) {
    expect(plain(opened.recovered.entries), where).toEqual(ALL)
    expect(opened.recovered.hardState.commit, where).toBe(BLOCKS - 1)
    return 'whole'
  }
  expect(opened.error, where).toBe('corrupt')
  expect(opened.message, where).toMatch(/^data in \S+ is corrupt: \S.+/)
  return 'refused'
}

describe.each([0, ZEROS_BEHIND])('a log cut at any byte, %i zeros behind it', (zerosBehind) => {
  test('is refused when acknowledged blocks are gone, and opens without a torn tail', async () => {
    const { directory, image, markers } = await writtenLog()
    const [name, content] = logFileOf(image)
    const counts = new Set<number>()
    for (let length = 0; length <= content.length; length++) {
      // The marker of a power cut lags behind: try one that saw all blocks and one that saw four.
      const seen = length % 2 === 0 ? BLOCKS : 4
      const marker = markers[seen - 1] ?? Buffer.alloc(0)
      await restoreImage(directory, image, {
        [name]: cutLog(content, length, zerosBehind),
        [MARKER]: marker,
      })
      const opened = await openAndClose(directory)
      if (opened.ok) {
        const count = opened.recovered.entries.length / ENTRIES_PER_BLOCK
        expect(count).toBeGreaterThanOrEqual(seen)
        expect(plain(opened.recovered.entries)).toEqual(ALL.slice(0, count * ENTRIES_PER_BLOCK))
        counts.add(count)
      } else {
        expect(opened.message).toMatch(/had been acknowledged$/)
        counts.add(-1)
      }
    }
    expect([...counts].sort((a, b) => a - b)).toEqual([-1, 4, 5, 6, 7, 8])
  })

  test('opens with a warning and a true prefix when the marker is lost as well', async () => {
    const { directory, image } = await writtenLog()
    const [name, content] = logFileOf(image)
    const cut = cutLog(content, content.length - 10, zerosBehind)
    for (const marker of [undefined, Buffer.from('garbage')]) {
      await restoreImage(directory, image, { [name]: cut })
      if (marker === undefined) await rm(join(directory, MARKER))
      else await writeFile(join(directory, MARKER), marker)
      const options = quietOptions()
      const opened = await openRaftLogStore(directory, options)
      if (!opened.ok) throw new Error(opened.message)
      await opened.store.close()
      expect(plain(opened.recovered.entries)).toEqual(ALL.slice(0, -ENTRIES_PER_BLOCK))
      expect(options.logger.warnings).toEqual(['raft log has no durable mark'])
    }
  })
})

describe('a compaction cut short by a crash', () => {
  test.each([0, ZEROS_BEHIND])(
    'leaves the log as before or as after, at every byte, with %i zeros behind',
    async (zerosBehind) => {
      const { directory, image } = await writtenLog()
      await restoreImage(directory, image)
      const { store } = await mustOpenLog(directory)
      await store.append({ entries: entriesFrom(17, 2) })
      const appended = logFileOf(await imageOf(directory))[1].length
      await store.compact(7)
      await store.compact(12)
      const compacted = await imageOf(directory)
      await store.close()
      const [name, content] = logFileOf(compacted)
      const seen = new Set<number>()
      for (let length = appended; length <= content.length; length++) {
        await restoreImage(directory, compacted, { [name]: cutLog(content, length, zerosBehind) })
        const opened = await openAndClose(directory)
        if (!opened.ok) throw new Error(opened.message)
        const { entries, compacted: index } = opened.recovered
        expect(entries.map((entry) => entry.index)).toEqual(range(index + 1, 18))
        seen.add(index)
      }
      expect([...seen]).toEqual([0, 7, 12])
    },
  )

  test('may lose an earlier slice and keep a later one', async () => {
    const { directory, image } = await writtenLog()
    await restoreImage(directory, image)
    const first = await mustOpenLog(directory)
    await first.store.compact(12)
    await first.store.close()
    // The deletes of blocks 1 to 3 come undone: what lies before the anchor is void all the same.
    const db = new Level<Buffer, Buffer>(directory, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    })
    const anchor = Buffer.from([0])
    const key = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 2])
    expect(await db.get(key)).toBeUndefined()
    expect(await db.get(anchor)).toBeDefined()
    await db.put(key, Buffer.from('a block that came back'))
    await db.close()
    const opened = await openAndClose(directory)
    if (!opened.ok) throw new Error(opened.message)
    expect(opened.recovered.compacted).toBe(12)
    expect(plain(opened.recovered.entries)).toEqual(ALL.slice(12))
  })
})

describe('a reset cut short by a crash', () => {
  test.each([
    [5, 0],
    [16, ZEROS_BEHIND],
    [400, 0],
  ])(
    'to %i leaves the log as before or as after, at every byte, with %i zeros behind',
    async (at, zerosBehind) => {
      const { directory, image } = await writtenLog()
      await restoreImage(directory, image)
      const { store } = await mustOpenLog(directory)
      const hardState = { term: 7, vote: '', commit: 3 }
      await store.append({ entries: [], hardState })
      const before = await markerWithSequence(directory, BLOCKS + 1)
      const [, { length: appended }] = logFileOf(await imageOf(directory))
      await store.reset(at)
      await store.append({ entries: entriesFrom(at + 1, 2, 7) })
      await markerWithSequence(directory, BLOCKS + 3)
      const whole = await imageOf(directory)
      await store.close()
      const [name, content] = logFileOf(whole)
      const seen = new Set<string>()
      for (let length = appended; length <= content.length; length++) {
        const changed = { [name]: cutLog(content, length, zerosBehind), [MARKER]: before }
        await restoreImage(directory, whole, changed)
        const opened = await openAndClose(directory)
        if (!opened.ok) throw new Error(opened.message)
        const { entries, compacted, hardState: found } = opened.recovered
        expect(found).toEqual(hardState)
        if (compacted === 0) expect(plain(entries)).toEqual(ALL)
        else if (entries.length > 0) {
          expect(plain(entries)).toEqual(plain(entriesFrom(at + 1, 2, 7)))
        }
        seen.add(`${compacted}+${entries.length}`)
      }
      expect([...seen]).toEqual([`0+${ALL.length}`, `${at}+0`, `${at}+2`])
    },
  )
})

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

describe('one flipped bit', () => {
  test.each([0, ZEROS_BEHIND])(
    'in the database log, %i zeros behind it, is never a hole',
    async (zerosBehind) => {
      const { directory, image } = await writtenLog()
      const [name, content] = logFileOf(image)
      const outcomes = { whole: 0, refused: 0 }
      for (let bit = 0; bit < content.length * 8; bit += 7) {
        const changed = cutLog(flipped(content, bit), content.length, zerosBehind)
        await restoreImage(directory, image, { [name]: changed })
        outcomes[expectWholeOrRefused(await openAndClose(directory), `${name} bit ${bit}`)]++
      }
      expect(outcomes.whole).toBe(0)
      expect(outcomes.refused).toBeGreaterThan(1000)
    },
  )

  test('in any file, tables included, is never a hole', async () => {
    const { directory, image: log } = await writtenLog()
    await restoreImage(directory, log)
    await openAndClose(directory)
    const image = await imageOf(directory)
    expect([...image.keys()].some((name) => name.endsWith('.ldb'))).toBe(true)
    const outcomes = { whole: 0, refused: 0 }
    for (const [name, content] of image) {
      for (let bit = 0; bit < content.length * 8; bit += 7) {
        await restoreImage(directory, image, { [name]: flipped(content, bit) })
        outcomes[expectWholeOrRefused(await openAndClose(directory), `${name} bit ${bit}`)]++
      }
    }
    expect(outcomes.refused).toBeGreaterThan(100)
    expect(outcomes.whole).toBeGreaterThan(10)
  })
})

describe('a log with lost files', () => {
  test('is refused whichever file is missing, except the marker', async () => {
    const { directory, image: log } = await writtenLog()
    await restoreImage(directory, log)
    await openAndClose(directory)
    const image = await imageOf(directory)
    for (const name of image.keys()) {
      await restoreImage(directory, image)
      await rm(join(directory, name))
      const outcome = expectWholeOrRefused(await openAndClose(directory), name)
      expect([name, outcome]).toEqual([name, name === MARKER ? 'whole' : 'refused'])
    }
  })

  test('is refused when it was put back from an older copy', async () => {
    const { directory, image, markers } = await writtenLog()
    const { store } = await mustOpenLog(join(directory, '..', 'other'))
    for (let block = 0; block < BLOCKS; block++) {
      await store.append({ entries: entriesFrom(1 + block, 1, 9) })
    }
    const other = await imageOf(join(directory, '..', 'other'))
    await store.close()
    await restoreImage(directory, other, { [MARKER]: markers.at(-1) ?? Buffer.alloc(0) })
    const opened = await openAndClose(directory)
    expect(opened.ok ? '' : opened.message).toMatch(/is not the one that was written$/)
    expect(image.size).toBeGreaterThan(0)
  })
})
