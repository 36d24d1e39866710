/** A database that threads read, as they are compiled. */

import { fileURLToPath } from 'node:url'

import { Level } from 'level'
import { expect, it } from 'vitest'

import type * as StateStoreModule from '../../src/storage/state-store.ts'
import type { StateStore } from '../../src/storage/ports.ts'
import type * as FilesModule from '../../src/storage/files.ts'
import type { SliceThreads } from '../../src/storage/parallel-read.ts'
import { bytes, quietOptions, temporaryDirectory } from '../support/storage.ts'

const RECORDS = 40_000
const VALUE_BYTES = 1000

async function compiled<Module>(name: string): Promise<Module> {
  const path = fileURLToPath(new URL(`../../dist/storage/${name}.js`, import.meta.url))
  return (await import(path)) as Module
}

interface Opened {
  readonly store: StateStore
  readonly fatal: string[]
  /** How many there have been, and are. */
  readonly threads: { started: number; running: number }
}

/** As it is opened on a machine of several processors. */
async function open(directory: string): Promise<Opened> {
  const { openStateStore } = await compiled<typeof StateStoreModule>('state-store')
  const { REAL_FILES } = await compiled<typeof FilesModule>('files')
  const real = REAL_FILES.threads as SliceThreads
  const running = { started: 0, running: 0 }
  const threads: SliceThreads = {
    ...real,
    count: 3,
    start: (data) => {
      const thread = real.start(data)
      running.started++
      running.running++
      thread.on('exit', () => void running.running--)
      return thread
    },
  }
  const fatal: string[] = []
  const opened = await openStateStore(directory, {
    ...quietOptions((error) => void fatal.push(error.message)),
    files: { ...REAL_FILES, threads },
  })
  if (!opened.ok) throw new Error(opened.message)
  return { store: opened.store, fatal, threads: running }
}

function keyOf(record: number): Buffer {
  const key = Buffer.alloc(17)
  key.writeBigUInt64BE(BigInt(record))
  return key
}

async function filled(): Promise<string> {
  const directory = await temporaryDirectory()
  const { store } = await open(directory)
  for (let i = 0; i < RECORDS; i++) {
    store.put(keyOf(i), Buffer.alloc(VALUE_BYTES, i))
    if (i % 1000 === 0) await store.flush()
  }
  await store.saveCheckpoint(bytes('saved'))
  await store.close()
  return directory
}

async function count(batches: ReturnType<StateStore['readAll']>): Promise<number> {
  let next = 0
  for await (const batch of batches) {
    for (const { key, value } of batch) {
      if (!keyOf(next).equals(key)) throw new Error(`record ${next} is not the next`)
      if (value.length !== VALUE_BYTES || value[7] !== (next & 255)) {
        throw new Error(`record ${next} has another value`)
      }
      next++
    }
  }
  return next
}

it('three threads read 40 MiB, and have let go of them when the store is closed', async () => {
  const directory = await filled()
  const { store, threads } = await open(directory)
  expect(await count(store.readAll())).toBe(RECORDS)
  expect(threads).toEqual({ started: 3, running: 0 })
  await store.close()
  // Without multithreading LevelDB's lock tells of a handle that is still there.
  const alone = new Level(directory)
  await alone.open()
  await alone.close()
})

it('a damaged record in the last slice is told as by a scan', async () => {
  const directory = await filled()
  const key = Buffer.concat([Buffer.of(2), keyOf(RECORDS - 5)])
  const raw = new Level<Buffer, Buffer>(directory, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  })
  const value = await raw.get(key)
  if (value === undefined) throw new Error('the record is there')
  value[500] = (value[500] ?? 0) ^ 1
  await raw.put(key, value)
  await raw.close()
  const { store, fatal, threads } = await open(directory)
  const sentence = `state record ${keyOf(RECORDS - 5).toString('hex')} in ${directory} is corrupt`
  await expect(count(store.readAll())).rejects.toThrow(sentence)
  expect(fatal).toEqual([sentence])
  expect(threads).toEqual({ started: 3, running: 0 })
  await store.close()
})

it('a store that is closed in the middle ends its threads first', async () => {
  const directory = await filled()
  for (const batches of [1, 2, 20]) {
    const { store, fatal, threads } = await open(directory)
    const reading = store.readAll()[Symbol.asyncIterator]()
    for (let i = 0; i < batches; i++) await reading.next()
    expect(threads.running).toBeGreaterThan(0)
    await store.close()
    expect(threads).toEqual({ started: 3, running: 0 })
    await expect(reading.next()).rejects.toThrow('was closed')
    expect(fatal).toEqual([])
  }
})
