/** What several threads read is put in order; none of it is ever left out. */

import { EventEmitter } from 'node:events'

import { expect, onTestFinished, test } from 'vitest'

import { REAL_FILES } from '../../src/storage/files.ts'
import type { SliceThread, SliceThreads } from '../../src/storage/parallel-read.ts'
import type { StateStore } from '../../src/storage/ports.ts'
import { packRecords } from '../../src/storage/record-parcel.ts'
import type { ReaderCommand, ReaderReport } from '../../src/storage/slice-reader.ts'
import { openStateStore } from '../../src/storage/state-store.ts'
import { ViewEndedError } from '../../src/storage/transfer-errors.ts'
import { bytes, fastTemporaryDirectory, quietOptions } from '../support/storage.ts'

/** A thread that reports what the test says. */
class ScriptedThread extends EventEmitter implements SliceThread {
  readonly commands: ReaderCommand[] = []

  postMessage(command: ReaderCommand): void {
    this.commands.push(command)
  }

  report(...reports: readonly (ReaderReport | string)[]): void {
    for (const report of reports) {
      this.emit('message', typeof report === 'string' ? parcelOf(report) : report)
    }
  }

  exit(): void {
    this.emit('exit')
  }
}

const SLICE_END: ReaderReport = { type: 'slice-end' }

function parcelOf(key: string): ReaderReport {
  return { type: 'parcel', parcel: packRecords([{ key: bytes(key), value: bytes('') }]) }
}

interface Bench {
  readonly store: StateStore
  readonly fatal: string[]
  /** Started, when the first record is asked for. */
  readonly threads: readonly ScriptedThread[]
  readonly directory: string
}

/** A store that two threads read, in four slices or so. */
async function newBench(startable = Infinity): Promise<Bench> {
  const directory = await fastTemporaryDirectory()
  const fatal: string[] = []
  const started: ScriptedThread[] = []
  const threads: SliceThreads = {
    count: 2,
    fromBytes: 0,
    sliceBytes: 100,
    start: () => {
      if (started.length === startable) throw new Error('no thread is left')
      const thread = new ScriptedThread()
      started.push(thread)
      return thread
    },
  }
  const options = {
    ...quietOptions((error) => void fatal.push(error.message)),
    files: { ...REAL_FILES, threads, directoryBytes: async () => 400 },
  }
  const opened = await openStateStore(directory, options)
  if (!opened.ok) throw new Error(opened.message)
  const { store } = opened
  onTestFinished(() => store.close())
  for (const key of ['a', 'z']) store.put(bytes(key), bytes(key))
  return { store, fatal, threads: started, directory }
}

/** The keys as they come; the last is the name of the error, if there is one. */
function reading(store: StateStore): { readonly keys: string[]; readonly done: Promise<void> } {
  const keys: string[] = []
  const read = async (): Promise<void> => {
    for await (const batch of store.readAll()) {
      keys.push(...batch.map(({ key }) => Buffer.from(key).toString()))
    }
  }
  return { keys, done: read() }
}

async function started(bench: Bench): Promise<readonly [ScriptedThread, ScriptedThread]> {
  await expect.poll(() => bench.threads.length).toBe(2)
  return bench.threads as unknown as readonly [ScriptedThread, ScriptedThread]
}

test('slices are taken by turns, whichever thread is faster', async () => {
  const bench = await newBench()
  const { keys, done } = reading(bench.store)
  const [first, second] = await started(bench)
  second.report('3', SLICE_END, '6', SLICE_END)
  second.exit()
  first.report('1', '2', SLICE_END)
  first.report('4', '5', SLICE_END)
  first.exit()
  await done
  expect(keys).toEqual(['1', '2', '3', '4', '5', '6'])
  expect(first.commands.filter(({ type }) => type === 'used')).toHaveLength(4)
  expect(second.commands.filter(({ type }) => type === 'used')).toHaveLength(2)
})

test.each([
  ['without a word', 'a thread that reads it has ended', undefined],
  ['with an error', 'out of memory', new Error('out of memory')],
])('a thread that ends too soon, %s, is fatal', async (_how, reason, error) => {
  const bench = await newBench()
  const { keys, done } = reading(bench.store)
  const failing = expect(done).rejects.toThrow(reason)
  const [first, second] = await started(bench)
  second.report('2', SLICE_END)
  if (error !== undefined) second.emit('error', error)
  second.exit()
  first.report('1', SLICE_END, SLICE_END)
  first.exit()
  await failing
  expect(keys).toEqual(['1', '2'])
  expect(bench.fatal).toEqual([`reading the state store in ${bench.directory} failed: ${reason}`])
})

test('a failure that a thread tells of is fatal, when the others have ended', async () => {
  const bench = await newBench()
  const { done } = reading(bench.store)
  const failing = expect(done).rejects.toThrow('no such file')
  const [first, second] = await started(bench)
  first.report('1', { type: 'failed', reason: 'no such file' })
  first.exit()
  await expect.poll(() => second.commands).toEqual([{ type: 'end' }])
  expect(bench.fatal).toEqual([])
  second.exit()
  await failing
  expect(bench.fatal).toEqual([
    `reading the state store in ${bench.directory} failed: no such file`,
  ])
})

test('the store is closed when all threads have ended, and the rest is not taken for read', async () => {
  const bench = await newBench()
  const { keys, done } = reading(bench.store)
  const ending = expect(done).rejects.toThrow(ViewEndedError)
  const [first, second] = await started(bench)
  first.report('1')
  await expect.poll(() => keys).toEqual(['1'])
  let isClosed = false
  const closing = bench.store.close().then(() => {
    isClosed = true
  })
  await expect.poll(() => second.commands).toEqual([{ type: 'end' }])
  first.report('2', SLICE_END, SLICE_END)
  first.exit()
  // Longer than a close takes that waits for nobody.
  await (await newBench()).store.close()
  expect(isClosed).toBe(false)
  second.exit()
  await closing
  await ending
  expect(keys).toEqual(['1'])
  expect(bench.fatal).toEqual([])
})

test('a store that is closed before the threads have started starts none', async () => {
  const bench = await newBench()
  // To give it up takes a while, in which the slices are planned.
  await bench.store.stage()
  const { done } = reading(bench.store)
  const ending = expect(done).rejects.toThrow(ViewEndedError)
  await bench.store.flush()
  await bench.store.close()
  await ending
  expect(bench.threads).toEqual([])
})

test.each([0, 1])(
  'where only %i threads can be had, the store reads alone, when they have ended',
  async (startable) => {
    const bench = await newBench(startable)
    const { keys, done } = reading(bench.store)
    await expect.poll(() => bench.threads.length).toBe(startable)
    const [thread] = bench.threads
    if (thread !== undefined) {
      await expect.poll(() => thread.commands).toEqual([{ type: 'end' }])
      expect(keys).toEqual([])
      thread.exit()
    }
    await done
    expect(keys).toEqual(['a', 'z'])
    expect(bench.fatal).toEqual([])
  },
)

test('a report that cannot be read is fatal', async () => {
  const bench = await newBench()
  const { done } = reading(bench.store)
  const failing = expect(done).rejects.toThrow('cannot be read')
  const [first, second] = await started(bench)
  first.report('1')
  first.emit('messageerror', new Error('it cannot be read'))
  first.report('3', SLICE_END, SLICE_END)
  await expect.poll(() => second.commands).toEqual([{ type: 'end' }])
  first.exit()
  second.exit()
  await failing
  expect(bench.fatal).toHaveLength(1)
})
