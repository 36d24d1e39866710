/** What storage tests share: a folder that is removed, a silent log, entries from small numbers. */

import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

import { onTestFinished } from 'vitest'

import type { Logger } from '../../src/base/ports.ts'
import type { Entry } from '../../src/raft/types.ts'
import type { Files } from '../../src/storage/files.ts'
import { openRaftLogStore } from '../../src/storage/raft-log-store.ts'
import type { OpenedRaftLog } from '../../src/storage/raft-log-store.ts'
import { openStateStore } from '../../src/storage/state-store.ts'
import type { OpenedStateStore } from '../../src/storage/state-store.ts'
import { recordsOf } from './level-log.ts'

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

/**
 * The files of a database, and of those in it, by their path, as a killed process leaves them;
 * without locks and info logs, and without the zeros behind the records of log files.
 */
export type Image = ReadonlyMap<string, Buffer>

export async function imageOf(directory: string): Promise<Image> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  const paths = entries
    .filter((entry) => entry.isFile() && !/^(LOCK|LOG.*)$/.test(entry.name))
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .filter((path) => !/(^|\/)links\//.test(path))
  const files = await Promise.all(
    paths.map(async (path): Promise<[string, Buffer]> => {
      const content = await readFile(join(directory, path))
      return [path, path.endsWith('.log') ? recordsOf(content) : content]
    }),
  )
  return new Map(files)
}

/** Makes `directory` hold exactly `image`, with `changed` in place of some files. */
export async function restoreImage(
  directory: string,
  image: Image,
  changed: Readonly<Record<string, Buffer>> = {},
): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  for (const [path, content] of image) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), changed[path] ?? content)
  }
}

export function flipped(content: Buffer, bit: number): Buffer {
  const copy = Buffer.from(content)
  const byte = bit >> 3
  copy[byte] = (copy[byte] ?? 0) ^ (1 << (bit & 7))
  return copy
}
