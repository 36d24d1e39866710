/** The databases of a state on a real disk: what is written how often, and what a failed barrier does. */

import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { REAL_FILES } from '../../src/storage/files.ts'
import type { LevelDatabase } from '../../src/storage/level.ts'
import type { StateStore } from '../../src/storage/ports.ts'
import { openStateStore } from '../../src/storage/state-store.ts'
import { bytes, fastTemporaryDirectory, mustOpenState, quietOptions } from '../support/storage.ts'

const ROUNDS = 20

function putRound(store: StateStore, round: number): void {
  for (let i = 0; i < 100; i++) {
    const key = `key ${String(round).padStart(3, '0')} ${String(i).padStart(3, '0')}`
    store.put(bytes(key), Buffer.alloc(500, i))
  }
}

describe('the databases of a state', () => {
  test('have no record in a table that is merged with another, whatever checkpoints come', async () => {
    const directory = join(await fastTemporaryDirectory(), 'state')
    const { store } = await mustOpenState(directory)
    for (let round = 0; round < ROUNDS; round++) {
      putRound(store, round)
      await store.saveCheckpoint(bytes(`checkpoint ${round}`))
    }
    const tables = (await readdir(directory)).filter((name) => name.endsWith('.ldb'))
    expect(tables).toHaveLength(ROUNDS)
    await store.close()
    const again = await mustOpenState(directory)
    expect(Buffer.from(again.checkpoint ?? []).toString()).toBe(`checkpoint ${ROUNDS - 1}`)
    await again.store.close()
  })

  test.each([
    ['told by the next write', failAtBarriers, 'Input/output error'],
    ['told by nothing', skipBarriers, 'no log file came after'],
  ])('write no copy of a checkpoint behind a failed barrier, %s', async (_how, spoil, reason) => {
    const directory = join(await fastTemporaryDirectory(), 'state')
    let isFailing = false
    const files = {
      ...REAL_FILES,
      openLevel: async (path: string, options: Parameters<typeof REAL_FILES.openLevel>[1]) => {
        const opened = await REAL_FILES.openLevel(path, options)
        if (opened.ok && path === directory) spoil(opened.db, () => isFailing)
        return opened
      },
    }
    const fatal: string[] = []
    const options = quietOptions((error) => void fatal.push(error.message))
    const opened = await openStateStore(directory, { ...options, files })
    if (!opened.ok) throw new Error(opened.message)
    const { store } = opened
    putRound(store, 1)
    await store.saveCheckpoint(bytes('one'))
    putRound(store, 2)
    isFailing = true
    void store.saveCheckpoint(bytes('two'))
    await expect.poll(() => fatal).toHaveLength(1)
    expect(fatal[0]).toContain(reason)
    await store.close()
    const again = await mustOpenState(directory)
    expect(Buffer.from(again.checkpoint ?? []).toString()).toBe('one')
    await again.store.close()
  })

  test('are refused when the one of the checkpoint is missing, or empty', async () => {
    const directory = join(await fastTemporaryDirectory(), 'state')
    const { store } = await mustOpenState(directory)
    putRound(store, 1)
    await store.saveCheckpoint(bytes('one'))
    await store.close()
    for (const lose of [
      () => rm(join(directory, 'checkpoint'), { recursive: true }),
      () => mkdir(join(directory, 'checkpoint')),
    ]) {
      await lose()
      const opened = await openStateStore(directory, quietOptions())
      const message = `data in ${directory} is corrupt: its checkpoint is missing`
      expect(opened).toEqual({ ok: false, error: 'corrupt', message })
    }
  })

  test('delete no record when they ask whether a barrier failed', async () => {
    const directory = join(await fastTemporaryDirectory(), 'state')
    const { store } = await mustOpenState(directory)
    const keys = ['a\0\0', 'a\0', 'a']
    for (const key of keys) {
      store.put(bytes(key), bytes(key))
      await store.saveCheckpoint(bytes(key))
    }
    for (const key of keys) expect(store.get(bytes(key))).toEqual(bytes(key))
    await store.close()
  })
})

/** As LevelDB does when a log file cannot be made: nothing happens, and nothing is told. */
function skipBarriers(db: LevelDatabase, isFailing: () => boolean): void {
  const compactRange = db.compactRange.bind(db)
  db.compactRange = async (start: Uint8Array, end: Uint8Array) => {
    if (!isFailing()) await compactRange(start, end)
  }
}

/** As it does when a table cannot be written: the barrier itself tells nothing, the next write fails. */
function failAtBarriers(db: LevelDatabase, isFailing: () => boolean): void {
  let hasFailed = false
  const compactRange = db.compactRange.bind(db)
  const del = db.del.bind(db)
  db.compactRange = async (start: Uint8Array, end: Uint8Array) => {
    await compactRange(start, end)
    hasFailed = isFailing()
  }
  db.del = async (key: Uint8Array) => {
    if (hasFailed) throw new Error('IO error: Input/output error')
    await del(key)
  }
}
