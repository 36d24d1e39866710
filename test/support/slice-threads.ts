/** Threads that read slices, without a thread: what crosses is cloned and moved, as between two. */

import { EventEmitter } from 'node:events'

import { shareLevel } from '../../src/storage/level.ts'
import type { SliceThread, SliceThreads } from '../../src/storage/parallel-read.ts'
import { SliceReader } from '../../src/storage/slice-reader.ts'
import type { ReaderCommand, ReaderReport } from '../../src/storage/slice-reader.ts'
import type { SliceWorkerData } from '../../src/storage/slice-worker.ts'

/** Three of them, for databases of any size, in slices of a few records. */
export const THREADLESS: SliceThreads = {
  count: 3,
  fromBytes: 0,
  sliceBytes: 64,
  start: startWithoutThread,
}

function startWithoutThread({ directory, slices }: SliceWorkerData): SliceThread {
  const events = new EventEmitter()
  const cross = (event: string, value?: ReaderReport): void => {
    setImmediate(() => events.emit(event, value))
  }
  const opening = shareLevel(directory).then((db) => {
    const send = (report: ReaderReport, handed: readonly ArrayBuffer[] = []): void =>
      cross('message', structuredClone(report, { transfer: [...handed] }))
    return { db, reader: new SliceReader(db, send) }
  })
  const work = async (): Promise<void> => {
    const { db, reader } = await opening
    await reader.read(slices)
    await db.close()
    cross('exit')
  }
  void work()
  return Object.assign(events, {
    postMessage: (command: ReaderCommand, handed: readonly ArrayBuffer[]) => {
      const moved = structuredClone(command, { transfer: [...handed] })
      void opening.then(({ reader }) => setImmediate(() => reader.obey(moved)))
    },
  })
}
