/**
 * The one place that names the database package. It opens a LevelDB directory and turns the
 * ways in which that fails into a tag and a sentence.
 *
 * Why a cast: `level` runs as `classic-level` on Node, but its types also describe browsers and
 * so lack `compactRange`, `getSync` and explicit snapshots.
 */

import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

import type { ClassicLevel, Iterator } from 'classic-level'
import { Level } from 'level'

import { isNotFound, reasonOf } from './fail-stop.ts'
import { findDamage } from './level-files.ts'
import type { StorageFailure } from './ports.ts'
import { removeLinks, TableLinks } from './table-links.ts'

/** Binary keys and values; reads give Buffers that the caller owns. */
export type LevelDatabase = ClassicLevel<Uint8Array, Uint8Array>

export type LevelIterator = Iterator<LevelDatabase, Uint8Array, Uint8Array>
export type LevelSnapshot = ReturnType<LevelDatabase['snapshot']>

export interface LevelOptions {
  readonly writeBufferSize: number
  readonly cacheSize: number
  readonly maxFileSize: number
  /** Tables kept open; connections of clients need files too. */
  readonly maxOpenFiles: number
  /**
   * Other threads of the process may open it as well (shareLevel). LevelDB's lock is no lock then
   * against a second open in the process itself.
   */
  readonly multithreading?: boolean
}

export type OpenedLevel = { readonly ok: true; readonly db: LevelDatabase } | StorageFailure

/**
 * Opens the database in `directory`, or creates it when the directory is absent or empty. A
 * directory that has files but no CURRENT is damaged: LevelDB would start an empty database in
 * it and delete what is left, so it is refused before LevelDB sees it.
 */
export async function openLevel(directory: string, options: LevelOptions): Promise<OpenedLevel> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const names = await readdir(directory)
    if (names.length > 0 && !names.includes('CURRENT')) {
      return corrupt(directory, 'its CURRENT file is missing')
    }
    const damage = await findDamage(directory)
    // Files that their owner is writing look damaged.
    if (damage !== undefined && (await isLocked(directory))) return inUse(directory)
    if (damage !== undefined) return corrupt(directory, damage)
    // An index block in clear is what lets findDamage check what it points to.
    const db = newLevel(directory, { compression: false, ...options })
    await removeLinks(directory)
    await db.open({ createIfMissing: names.length === 0 })
    db.attachResource(await TableLinks.open(directory))
    return { ok: true, db }
  } catch (error) {
    return explainOpenFailure(directory, error)
  }
}

/** A database that this process has open with `multithreading`, once more: to be closed first. */
export async function shareLevel(directory: string): Promise<LevelDatabase> {
  const db = newLevel(directory, { multithreading: true })
  await db.open({ createIfMissing: false })
  return db
}

function newLevel(
  directory: string,
  options: Partial<LevelOptions> & { readonly compression?: boolean },
): LevelDatabase {
  return new Level<Uint8Array, Uint8Array>(directory, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    ...options,
  }) as unknown as LevelDatabase
}

function inUse(directory: string): StorageFailure {
  const message = `data directory ${directory} is in use by another process`
  return { ok: false, error: 'in-use', message }
}

/** Whether a process holds LevelDB's lock, as far as the kernel tells (Linux alone). */
async function isLocked(directory: string): Promise<boolean> {
  try {
    const { ino } = await stat(join(directory, 'LOCK'))
    const locks = await readFile('/proc/locks', 'utf8')
    return locks.includes(`:${ino} `)
  } catch {
    return false
  }
}

export function corrupt(directory: string, where: string): StorageFailure {
  return { ok: false, error: 'corrupt', message: `data in ${directory} is corrupt: ${where}` }
}

export function unwritable(directory: string, error: unknown): StorageFailure {
  const message = `data directory ${directory} is not writable: ${reasonOf(error)}`
  return { ok: false, error: 'unwritable', message }
}

/** Errors of the file system as Node and as LevelDB spell them, which are not damage. */
const UNWRITABLE =
  /EACCES|EPERM|EROFS|ENOSPC|EDQUOT|ENOTDIR|EMFILE|ENFILE|EEXIST|Permission denied|Operation not permitted|Read-only file system|No space left|quota exceeded|Not a directory|Too many open files/i

function explainOpenFailure(directory: string, error: unknown): StorageFailure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const reason = reasonOf(cause)
  if (code === 'LEVEL_LOCKED') {
    return inUse(directory)
  }
  if (UNWRITABLE.test(reason)) return unwritable(directory, cause)
  return corrupt(directory, reason)
}

/** Bytes of all files directly in `directory`; what vanishes meanwhile counts nothing. */
export async function directoryBytes(directory: string): Promise<number> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (isNotFound(error)) return []
    throw error
  })
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        (stats) => (stats.isFile() ? stats.size : 0),
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
