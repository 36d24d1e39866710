/** What storage tests share: a folder that is removed, a silent log, entries from small numbers. */

import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { onTestFinished } from 'vitest'

import type { Logger } from '../../src/base/ports.ts'
import type { Entry } from '../../src/raft/types.ts'
import type { Files } from '../../src/storage/files.ts'
import { openRaftLogStore } from '../../src/storage/raft-log-store.ts'
import type { OpenedRaftLog } from '../../src/storage/raft-log-store.ts'
import { openStateStore } from '../../src/storage/state-store.ts'
import type { OpenedStateStore } from '../../src/storage/state-store.ts'

export { imageOf, restoreImage, type Image } from './image.ts'

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'quorate-storage-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

export interface RecordedLogger extends Logger {
  readonly warnings: string[]
}

export function recordedLogger(): RecordedLogger {
  const warnings: string[] = []
  const ignore = (): void => undefined
  return {
    warnings,
    debug: ignore,
    info: ignore,
    warn: (message) => void warnings.push(message),
    error: ignore,
  }
}

/** Fails the test when a store reports a failure that the test does not expect. */
export function unexpectedFatal(error: Error): never {
  throw error
}

export function quietOptions(onFatal: (error: Error) => void = unexpectedFatal): {
  readonly onFatal: (error: Error) => void
  readonly logger: RecordedLogger
} {
  return { onFatal, logger: recordedLogger() }
}

export type LogOpened = Extract<OpenedRaftLog, { ok: true }>
export type StateOpened = Extract<OpenedStateStore, { ok: true }>

export async function mustOpenLog(directory: string): Promise<LogOpened> {
  const opened = await openRaftLogStore(directory, quietOptions())
  if (!opened.ok) throw new Error(opened.message)
  return opened
}

export async function mustOpenState(directory: string, files?: Files): Promise<StateOpened> {
  const opened = await openStateStore(directory, { ...quietOptions(), ...(files && { files }) })
  if (!opened.ok) throw new Error(opened.message)
  return opened
}

/** `count` entries from `index` on whose data tell index and term. */
export function entriesFrom(index: number, count: number, term = 1, dataBytes = 0): Entry[] {
  return Array.from({ length: count }, (_, i) => ({
    index: index + i,
    term,
    type: (index + i) % 7 === 0 ? 'EntryConfChange' : 'EntryNormal',
    data: Buffer.from(`entry ${index + i} of term ${term}`.padEnd(dataBytes, '.')),
  }))
}

/** Entries with data as text, for comparing what views and copies hold. */
export function plain(entries: readonly Entry[]): unknown[] {
  return entries.map(({ data, ...rest }) => ({ ...rest, data: Buffer.from(data).toString() }))
}

export function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** Folders that tests write many times are in memory where the system has such a place. */
export async function fastTemporaryDirectory(): Promise<string> {
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const directory = await mkdtemp(join(base, 'quorate-storage-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

export function flipped(content: Buffer, bit: number): Buffer {
  const copy = Buffer.from(content)
  const byte = bit >> 3
  copy[byte] = (copy[byte] ?? 0) ^ (1 << (bit & 7))
  return copy
}
