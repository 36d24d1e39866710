/**
 * What the stores ask of the file system and of LevelDB. The real one is used unless a store is
 * given another: the simulator has one that crashes, fails and forgets as real disks do.
 */

import { close, open as openCallback, write } from 'node:fs'
import { readdir, readFile, rename, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

import { isNotFound } from './fail-stop.ts'
import { syncPath, syncTree } from './fsync.ts'
import { extendLogFile, findDamage } from './level-files.ts'
import { directoryBytes, openLevel } from './level.ts'
import type { LevelOptions, OpenedLevel } from './level.ts'
import { startSliceWorker, type SliceThreads } from './parallel-read.ts'

/** A small file that is written again and again from its start, without a sync. */
export interface RewrittenFile {
  /** Calls back when the file system has it. `bytes` are left alone until then. */
  rewrite(bytes: Uint8Array, done: (error: Error | null) => void): void
  close(): Promise<void>
}

export interface Files {
  /** See level.ts. */
  openLevel(directory: string, options: LevelOptions): Promise<OpenedLevel>
  /** See level-files.ts. */
  findDamage(directory: string): Promise<string | undefined>
  /** See level-files.ts. Only speed depends on it. */
  extendLogFile(directory: string, bytes: number): Promise<void>
  /** Bytes of all files directly in it; 0 when it does not exist. */
  directoryBytes(directory: string): Promise<number>
  /** What it holds; nothing when it does not exist. */
  names(directory: string): Promise<readonly string[]>
  /** Renames a directory. Resolves when that is durable. */
  move(from: string, to: string): Promise<void>
  /** With everything in it; nothing happens when it does not exist. */
  remove(path: string): Promise<void>
  /** Everything below it is durable, and the names. */
  syncTree(path: string): Promise<void>
  /** Undefined when it cannot be read. */
  read(path: string): Promise<Buffer | undefined>
  openRewritten(path: string): Promise<RewrittenFile>
  /** Where threads can read its databases. */
  readonly threads?: SliceThreads
}

/** More than three threads are faster than the one that takes what they read. */
const THREADS_MAX = 3
/** About what is read while threads start. */
const PARALLEL_BYTES = 32 * 1024 * 1024
/** A thread may be 5 MiB ahead. */
const SLICE_BYTES = 4 * 1024 * 1024

export const REAL_FILES: Files = {
  openLevel,
  findDamage,
  extendLogFile,
  directoryBytes,
  syncTree,
  names: (directory) =>
    readdir(directory).catch((error: unknown): string[] => {
      if (isNotFound(error)) return []
      throw error
    }),
  move: async (from, to) => {
    await rename(from, to)
    await syncPath(dirname(from))
  },
  remove: (path) => rm(path, { recursive: true, force: true }),
  read: (path) => readFile(path).catch(() => undefined),
  openRewritten: async (path) => {
    const open = promisify(openCallback)
    const descriptor = await open(path, 'r+', 0o600).catch(() => open(path, 'w+', 0o600))
    return {
      rewrite: (bytes, done) =>
        write(descriptor, bytes, 0, bytes.length, 0, (error) => done(error)),
      close: () => promisify(close)(descriptor),
    }
  },
  threads: {
    count: Math.min(THREADS_MAX, availableParallelism() - 1),
    fromBytes: PARALLEL_BYTES,
    sliceBytes: SLICE_BYTES,
    start: startSliceWorker,
  },
}
