/**
 * The data directory: where a member keeps what it must not lose.
 *
 *   <data-dir>/            0700
 *     member/
 *       format             'quorate data 2'
 *       log/               the Raft log (raft-log-store.ts)
 *       state/             records and checkpoint (state-database.ts)
 *       state.*            while a state from another member is taken over (state-directory.ts)
 *     member.tmp/          a first start that did not finish
 *
 * Invariant: `member` exists only with all databases complete in it. A first start builds it
 * under another name, makes it durable and renames it, so a directory that a crash left half
 * built has acknowledged nothing and is removed.
 */

import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

import type { Logger } from '../base/ports.ts'
import { syncPath, syncTree } from './fsync.ts'
import { corrupt, unwritable } from './level.ts'
import type { StorageFailure } from './ports.ts'
import { openRaftLogStore } from './raft-log-store.ts'
import { hasState } from './state-directory.ts'
import { openStateStore } from './state-store.ts'

const FORMAT = 'quorate data 2\n'
const FORMATS = /^quorate data \d+\n$/
const MEMBER = 'member'
const UNFINISHED = 'member.tmp'
/** What a volume's root has before anybody uses it. */
const IGNORED_NAMES: ReadonlySet<string> = new Set(['lost+found'])

export interface DataDirectory {
  /** Pass to openRaftLogStore. */
  readonly log: string
  /** Pass to openStateStore. */
  readonly state: string
  /** It was created by this call. */
  readonly isNew: boolean
}

export type OpenedDataDirectory =
  { readonly ok: true; readonly directory: DataDirectory } | StorageFailure

/**
 * Checks the directory at `path`, or makes it. It takes no lock: opening the Raft log, which
 * comes next, is refused while another process holds it.
 */
export async function openDataDirectory(
  path: string,
  logger: Logger,
): Promise<OpenedDataDirectory> {
  const root = resolve(path)
  try {
    await mkdir(root, { recursive: true, mode: 0o700 })
    const names = (await readdir(root)).filter((name) => !IGNORED_NAMES.has(name))
    if (names.includes(MEMBER)) return await checkMember(root, logger)
    const strange = names.find((name) => name !== UNFINISHED)
    if (strange !== undefined) return foreign(root, `it holds "${strange}"`)
    const failure = await createMember(root, logger)
    return failure ?? opened(root, true)
  } catch (error) {
    return unwritable(root, error)
  }
}

function opened(root: string, isNew: boolean): OpenedDataDirectory {
  const member = join(root, MEMBER)
  return { ok: true, directory: { log: join(member, 'log'), state: join(member, 'state'), isNew } }
}

function foreign(root: string, why: string): StorageFailure {
  const message = `data directory ${root} does not belong to Quorate: ${why}`
  return { ok: false, error: 'foreign', message }
}

async function checkMember(root: string, logger: Logger): Promise<OpenedDataDirectory> {
  const member = join(root, MEMBER)
  const names = await readdir(member)
  if (names.includes('wal') || names.includes('snap')) {
    return foreign(root, 'it is the data directory of an etcd server')
  }
  const format = await readFile(join(member, 'format'), 'utf8').catch(() => undefined)
  if (format === undefined && !names.includes('log')) {
    return foreign(root, 'its member directory has no format file')
  }
  if (format !== undefined && format !== FORMAT && FORMATS.test(format)) {
    const message = `data directory ${root} is another version's: its format is "${format.trim()}"`
    return { ok: false, error: 'foreign', message }
  }
  if (format !== FORMAT) return corrupt(root, 'member/format is missing or unknown')
  if (!names.includes('log')) return corrupt(root, 'member/log is missing')
  if (!hasState(names)) return corrupt(root, 'member/state is missing')
  const writable = await probeWrite(member)
  if (writable !== undefined) return writable
  const { mode } = await stat(root)
  if ((mode & 0o077) !== 0) {
    const permissions = (mode & 0o777).toString(8)
    logger.warn('data directory is open to other users', { path: root, permissions })
  }
  return opened(root, false)
}

/** A read-only directory is told apart here, before a database trips over it. */
async function probeWrite(member: string): Promise<StorageFailure | undefined> {
  const probe = join(member, 'write-probe')
  try {
    await writeFile(probe, '', { mode: 0o600 })
    await rm(probe)
    return undefined
  } catch (error) {
    return unwritable(member, error)
  }
}

async function createMember(root: string, logger: Logger): Promise<StorageFailure | undefined> {
  const unfinished = join(root, UNFINISHED)
  const holder = await removeUnfinished(unfinished, logger)
  if (holder !== undefined) return holder
  await mkdir(unfinished, { mode: 0o700 })
  const built = await buildDatabases(unfinished, logger)
  if (built !== undefined) return built
  await writeFile(join(unfinished, 'format'), FORMAT, { mode: 0o600 })
  await syncTree(unfinished)
  await rename(unfinished, join(root, MEMBER))
  await syncPath(root)
  await syncPath(dirname(root))
  return undefined
}

/** Removes what a first start left that was interrupted; refuses while one is under way. */
async function removeUnfinished(
  unfinished: string,
  logger: Logger,
): Promise<StorageFailure | undefined> {
  const names = await readdir(unfinished).catch(() => undefined)
  if (names === undefined) return undefined
  if (names.includes('log')) {
    const log = await openRaftLogStore(join(unfinished, 'log'), { onFatal: ignore, logger })
    if (log.ok) await log.store.close()
    else if (log.error === 'in-use') return log
  }
  logger.warn('removing an unfinished data directory', { path: unfinished })
  await rm(unfinished, { recursive: true })
  return undefined
}

async function buildDatabases(
  unfinished: string,
  logger: Logger,
): Promise<StorageFailure | undefined> {
  const options = { onFatal: ignore, logger }
  const log = await openRaftLogStore(join(unfinished, 'log'), options)
  if (!log.ok) return log
  const state = await openStateStore(join(unfinished, 'state'), options)
  if (state.ok) await state.store.close()
  await log.store.close()
  return state.ok ? undefined : state
}

function ignore(): void {
  return undefined
}
