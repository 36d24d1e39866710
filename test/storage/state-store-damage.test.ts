/**
 * Damage to a state store on disk: it opens with a checkpoint and every record that was written
 * before it, or is refused with a sentence. A record that is given is the one that was written.
 */

import { join } from 'node:path'

import { Level } from 'level'
import { describe, expect, test } from 'vitest'

import { decodeCheckpoint, encodeCheckpoint } from '../../src/storage/checkpoint-record.ts'
import type { StateStore } from '../../src/storage/ports.ts'
import { openStateStore } from '../../src/storage/state-store.ts'
import {
  bytes,
  fastTemporaryDirectory,
  flipped,
  imageOf,
  mustOpenState,
  quietOptions,
  restoreImage,
} from '../support/storage.ts'
import type { Image } from '../support/storage.ts'

const RECORDS: Readonly<Record<string, readonly number[]>> = {
  one: [0, 10],
  two: [10, 20],
  later: [20, 25],
}

function put(store: StateStore, [from = 0, to = 0]: readonly number[] = []): void {
  for (let i = from; i < to; i++) store.put(bytes(`key ${i}`), bytes(`value of key ${i}`))
}

/** Two checkpoints with records before each and some after, as a killed process leaves them. */
async function writtenState(): Promise<{ readonly directory: string; readonly image: Image }> {
  const directory = join(await fastTemporaryDirectory(), 'state')
  const { store } = await mustOpenState(directory)
  put(store, RECORDS['one'])
  await store.saveCheckpoint(bytes('one'))
  put(store, RECORDS['two'])
  await store.saveCheckpoint(bytes('two'))
  put(store, RECORDS['later'])
  await store.flush()
  const image = await imageOf(directory)
  await store.close()
  return { directory, image }
}

/** Opens, checks what it gives, and tells the checkpoint's name or 'refused'. */
async function openAndCheck(directory: string, where: string): Promise<string> {
  const opened = await openStateStore(directory, quietOptions())
  if (!opened.ok) {
    expect(opened.message, where).toMatch(/^data in \S+ is corrupt: \S.+/)
    return 'refused'
  }
  const found = new Set<string>()
  for await (const batch of opened.store.scan(bytes(''), bytes('\xff'))) {
    for (const { key, value } of batch) {
      expect(Buffer.from(value).toString(), where).toBe(`value of ${Buffer.from(key).toString()}`)
      found.add(Buffer.from(key).toString())
    }
  }
  await opened.store.close()
  const name = opened.checkpoint === undefined ? 'none' : Buffer.from(opened.checkpoint).toString()
  const needed = name === 'none' ? 0 : (RECORDS[name]?.[1] ?? Infinity)
  for (let i = 0; i < needed; i++) expect(found.has(`key ${i}`), `${where} key ${i}`).toBe(true)
  return name
}

describe('a damaged state store', () => {
  test('cut anywhere in a log has its last checkpoint, with all of its records', async () => {
    const { directory, image } = await writtenState()
    const names = new Set<string>()
    for (const [name, content] of image) {
      if (!name.endsWith('.log')) continue
      for (let length = 0; length <= content.length; length += 3) {
        await restoreImage(directory, image, { [name]: content.subarray(0, length) })
        names.add(await openAndCheck(directory, `${name} cut at ${length}`))
      }
    }
    // Neither the records of "two" nor its copies are in a log file any more.
    expect([...names]).toEqual(['two'])
  })

  test('has every record of a checkpoint in a table before the checkpoint is written', async () => {
    const directory = join(await fastTemporaryDirectory(), 'state')
    const { store } = await mustOpenState(directory)
    put(store, [0, 10])
    await store.saveCheckpoint(bytes('one'))
    const image = await imageOf(directory)
    await store.close()
    for (const [name, content] of image) {
      if (name.endsWith('.log')) expect(content.includes('value of key')).toBe(false)
      const isOfRecords = name.endsWith('.ldb') && !name.startsWith('checkpoint')
      if (isOfRecords) expect(content.includes('value of key 9')).toBe(true)
    }
    expect([...image.keys()].some((name) => name.endsWith('.ldb'))).toBe(true)
  })

  test('with one bit flipped in any file is whole, older, or refused', async () => {
    const { directory, image } = await writtenState()
    const counts: Record<string, number> = {}
    for (const [name, content] of image) {
      for (let bit = 0; bit < content.length * 8; bit += 13) {
        await restoreImage(directory, image, { [name]: flipped(content, bit) })
        const outcome = await openAndCheck(directory, `${name} bit ${bit}`)
        counts[outcome] = (counts[outcome] ?? 0) + 1
      }
    }
    expect(Object.keys(counts).sort()).toEqual(expect.arrayContaining(['refused', 'two']))
    expect(counts['none']).toBeUndefined()
  })

  test.each([0, 1])('repairs checkpoint copy %i from the other', async (position) => {
    const { directory } = await writtenState()
    await damageCopies(directory, [position])
    const options = quietOptions()
    const opened = await openStateStore(directory, options)
    if (!opened.ok) throw new Error(opened.message)
    expect(Buffer.from(opened.checkpoint ?? bytes('none')).toString()).toBe('two')
    expect(options.logger.warnings).toEqual(['repaired one copy of the checkpoint from the other'])
    await opened.store.close()
    await damageCopies(directory, [1 - position])
    expect(await openAndCheck(directory, 'the repaired copy')).toBe('two')
  })

  test('is refused when both copies of the checkpoint are damaged', async () => {
    const { directory } = await writtenState()
    await damageCopies(directory, [0, 1])
    const opened = await openStateStore(directory, quietOptions())
    expect(opened).toMatchObject({ ok: false, error: 'corrupt' })
    expect(opened.ok ? '' : opened.message).toContain('both copies of its checkpoint are damaged')
  })

  test('reports a record whose checksum does not match, from get and from scan', async () => {
    const { directory } = await writtenState()
    await rawPut(directory, Buffer.from('\x02key 3'), Buffer.from('value of key 3...'))
    for (const read of ['get', 'scan']) {
      const fatal: string[] = []
      const opened = await openStateStore(
        directory,
        quietOptions((error) => void fatal.push(error.message)),
      )
      if (!opened.ok) throw new Error(opened.message)
      const { store } = opened
      if (read === 'get') expect(() => store.get(bytes('key 3'))).toThrow('is corrupt')
      else await expect(drain(store)).rejects.toThrow('is corrupt')
      expect(fatal).toEqual([`state record 6b65792033 in ${directory} is corrupt`])
      await store.close()
    }
  })
})

async function drain(store: StateStore): Promise<void> {
  const batches = store.scan(bytes(''), bytes('\xff'))
  for await (const batch of batches) expect(batch.length).toBeGreaterThan(0)
}

async function rawPut(directory: string, key: Buffer, value: Buffer): Promise<void> {
  const db = new Level<Buffer, Buffer>(directory, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  })
  await db.put(key, value)
  await db.close()
}

async function damageCopies(directory: string, positions: readonly number[]): Promise<void> {
  for (const position of positions) {
    const good = encodeCheckpoint({ sequence: 2, checkpoint: bytes('two') })
    await rawPut(join(directory, 'checkpoint'), Buffer.from([position + 1]), flipped(good, 170))
  }
}

test('a checkpoint record with any bit flipped or any length cut is recognised', () => {
  const good = encodeCheckpoint({ sequence: 7, checkpoint: bytes('checkpoint') })
  expect(decodeCheckpoint(good)).toMatchObject({ sequence: 7 })
  for (let bit = 0; bit < good.length * 8; bit++) {
    expect(decodeCheckpoint(flipped(good, bit)), `bit ${bit}`).toBeUndefined()
  }
  for (let length = 0; length < good.length; length++) {
    expect(decodeCheckpoint(good.subarray(0, length)), `length ${length}`).toBeUndefined()
  }
})
