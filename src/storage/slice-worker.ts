/** The program of a thread that reads slices of a database, which the process has open. */

import { parentPort, workerData } from 'node:worker_threads'

import { assert } from '../base/assert.ts'
import { reasonOf } from './fail-stop.ts'
import { shareLevel } from './level.ts'
import { SliceReader } from './slice-reader.ts'
import type { ReaderCommand, SendReport, Slice } from './slice-reader.ts'

export interface SliceWorkerData {
  readonly directory: string
  readonly slices: readonly Slice[]
}

assert(parentPort !== null, 'this is the program of a worker thread')
const port = parentPort
const { directory, slices } = workerData as SliceWorkerData
const send: SendReport = (report, handed = []) => port.postMessage(report, handed)

try {
  const db = await shareLevel(directory)
  const reader = new SliceReader(db, send)
  port.on('message', (command: ReaderCommand) => reader.obey(command))
  await reader.read(slices)
  await db.close()
} catch (error) {
  send({ type: 'failed', reason: reasonOf(error) })
}
port.close()
