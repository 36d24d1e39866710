/**
 * A state from another member takes the place of the one in use: whatever moment a crash comes
 * at, a start finds one of the two, whole, with its own checkpoint.
 */

import type * as FileSystem from 'node:fs/promises'
import { cp, mkdir, mkdtemp, open, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'

import { openDataDirectory } from '../../src/storage/data-directory.ts'
import type { StateStore } from '../../src/storage/ports.ts'
import { openStateStore } from '../../src/storage/state-store.ts'
import { StagingError } from '../../src/storage/transfer-errors.ts'
import {
  bytes,
  fastTemporaryDirectory,
  mustOpenState,
  quietOptions,
  recordedLogger,
} from '../support/storage.ts'

type Step = 'before' | 'after'
type RenameHook = (step: Step, from: string, to: string) => Promise<void>

const hooks = vi.hoisted((): { onRename: RenameHook | undefined } => ({ onRename: undefined }))

vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof FileSystem>()
  const hooked = async (from: string, to: string): Promise<void> => {
    await hooks.onRename?.('before', from, to)
    await real.rename(from, to)
    await hooks.onRename?.('after', from, to)
  }
  return { ...real, rename: hooked }
})

afterEach(() => {
  hooks.onRename = undefined
})

const KEYS = ['a', 'b', 'c']

/** Every record and the checkpoint tell which state they belong to. */
function fill(store: StateStore, name: string): Promise<void> {
  for (const key of KEYS) store.put(bytes(`${key} of ${name}`), bytes(name))
  return store.saveCheckpoint(bytes(name))
}

async function gather(store: StateStore, name: string): ReturnType<StateStore['stage']> {
  const staged = await store.stage()
  await staged.write(KEYS.map((key) => ({ key: bytes(`${key} of ${name}`), value: bytes(name) })))
  return staged
}

/** Which state is found, after checking that it is all of it and nothing else. */
async function found(store: StateStore, checkpoint: Uint8Array | undefined): Promise<string> {
  const name = checkpoint === undefined ? 'none' : Buffer.from(checkpoint).toString()
  const keys: string[] = []
  for await (const batch of store.scan(bytes(''), bytes('\xff'))) {
    for (const { key, value } of batch) {
      keys.push(Buffer.from(key).toString())
      expect(Buffer.from(value).toString()).toBe(name)
    }
  }
  expect(keys).toEqual(KEYS.map((key) => `${key} of ${name}`))
  return name
}

/** Opens the state in a member directory; then nothing else may be there. */
async function foundAfterStart(member: string): Promise<string> {
  const opened = await openStateStore(join(member, 'state'), quietOptions())
  if (!opened.ok) return opened.message
  const name = await found(opened.store, opened.checkpoint)
  await opened.store.close()
  expect(await readdir(member)).toEqual(['state'])
  return name
}

/** Member directories with a state each, by name. */
async function builtStates(...names: readonly string[]): Promise<Record<string, string>> {
  const root = await fastTemporaryDirectory()
  const built: Record<string, string> = {}
  for (const name of names) {
    const directory = join(root, name)
    const { store } = await mustOpenState(directory)
    await fill(store, name)
    await store.close()
    built[name] = directory
  }
  return built
}

describe('a start', () => {
  const constellations: readonly (readonly [Record<string, string>, string])[] = [
    [{ state: 'old' }, 'old'],
    // The gathering is not through, and not a database yet.
    [{ state: 'old', 'state.staging': 'new' }, 'old'],
    [{ state: 'old', 'state.staging': 'rubbish' }, 'old'],
    // Gathered, and not begun to be installed.
    [{ state: 'old', 'state.staged': 'new' }, 'old'],
    [{ state: 'old', 'state.staged': 'new', 'state.staging': 'rubbish' }, 'old'],
    // Between the two renames.
    [{ 'state.old': 'old', 'state.staged': 'new' }, 'new'],
    [{ 'state.old': 'rubbish', 'state.staged': 'new' }, 'new'],
    // The old state is not removed, or not entirely.
    [{ state: 'new', 'state.old': 'old' }, 'new'],
    [{ state: 'new', 'state.old': 'rubbish' }, 'new'],
    [{ state: 'new', 'state.old': 'rubbish', 'state.staging': 'rubbish' }, 'new'],
    [{ state: 'new', 'state.old': 'rubbish', 'state.staged': 'old' }, 'new'],
  ]

  test.each(constellations)('on %j finds the %s state', async (places, expected) => {
    const built = await builtStates('old', 'new')
    const member = await fastTemporaryDirectory()
    for (const [place, name] of Object.entries(places)) {
      const target = join(member, place)
      const source = built[name]
      if (source === undefined) {
        await mkdir(target)
        await writeFile(join(target, '000005.ldb'), 'rubbish')
      } else await cp(source, target, { recursive: true })
    }
    expect(await foundAfterStart(member)).toBe(expected)
    expect(await foundAfterStart(member)).toBe(expected)
  })

  test.each(['state.old', 'state.staged', 'state.staging'])(
    'is refused where only %s is left',
    async (place) => {
      const built = await builtStates('old')
      const member = await fastTemporaryDirectory()
      await cp(built['old']!, join(member, place), { recursive: true })
      const directory = join(member, 'state')
      expect(await openStateStore(directory, quietOptions())).toEqual({
        ok: false,
        error: 'corrupt',
        message: `data in ${directory} is corrupt: it is missing beside what is left of an installed state`,
      })
      expect(await readdir(member)).toEqual([place])
    },
  )
})

describe('the data directory', () => {
  test('is whole between the two renames of an installation, and touches neither', async () => {
    const root = join(await fastTemporaryDirectory(), 'data')
    const created = await openDataDirectory(root, recordedLogger())
    if (!created.ok) throw new Error(created.message)
    const { state } = created.directory
    await rename(state, `${state}.old`)
    expect(await openDataDirectory(root, recordedLogger())).toMatchObject({ error: 'corrupt' })
    const built = await builtStates('new')
    await cp(built['new']!, `${state}.staged`, { recursive: true })
    expect(await openDataDirectory(root, recordedLogger())).toMatchObject({ ok: true })
    expect((await readdir(join(root, 'member'))).sort()).toEqual([
      'format',
      'log',
      'state.old',
      'state.staged',
    ])
    const opened = await mustOpenState(state)
    expect(await found(opened.store, opened.checkpoint)).toBe('new')
    await opened.store.close()
    expect((await readdir(join(root, 'member'))).sort()).toEqual(['format', 'log', 'state'])
  })
})

describe('a process killed', () => {
  test('at any rename of a gathering and an installation leaves one state, whole', async () => {
    const images: { readonly step: string; readonly path: string }[] = []
    const root = await fastTemporaryDirectory()
    const member = join(root, 'member')
    await mkdir(member)
    const { store } = await mustOpenState(join(member, 'state'))
    await fill(store, 'old')
    hooks.onRename = async (step, from, to) => {
      const path = await mkdtemp(join(root, 'image-'))
      await cp(member, path, { recursive: true })
      images.push({ step: `${step} ${ending(from)}>${ending(to)}`, path })
    }
    const staged = await gather(store, 'new')
    await staged.finish(bytes('new'))
    store.put(bytes('dropped'), bytes('dropped'))
    await store.install(staged)
    hooks.onRename = undefined
    expect(await found(store, bytes('new'))).toBe('new')
    await store.close()
    expect(await readdir(member)).toEqual(['state'])
    const outcomes: string[] = []
    for (const { step, path } of images) {
      outcomes.push(`${step} ${(await readdir(path)).join(' ')}: ${await foundAfterStart(path)}`)
    }
    expect(outcomes).toEqual([
      'before .staging>.staged state state.staging: old',
      'after .staging>.staged state state.staged: old',
      'before >.old state state.staged: old',
      'after >.old state.old state.staged: new',
      'before .staged> state.old state.staged: new',
      'after .staged> state state.old: new',
    ])
    expect(await foundAfterStart(member)).toBe('new')
  })
})

function ending(path: string): string {
  return path.slice(path.lastIndexOf('/state') + '/state'.length)
}

/** A store whose first fatal error can be waited for. */
async function doomedStore(): Promise<{
  readonly member: string
  readonly store: StateStore
  readonly fatal: Promise<Error>
  readonly calls: Error[]
}> {
  const member = await fastTemporaryDirectory()
  const calls: Error[] = []
  let settle: (error: Error) => void = () => undefined
  const fatal = new Promise<Error>((resolve) => {
    settle = resolve
  })
  const onFatal = (error: Error): void => {
    calls.push(error)
    settle(error)
  }
  const opened = await openStateStore(join(member, 'state'), quietOptions(onFatal))
  if (!opened.ok) throw new Error(opened.message)
  onTestFinished(() => opened.store.close())
  await fill(opened.store, 'old')
  return { member, store: opened.store, fatal, calls }
}

describe('an installation that fails', () => {
  test.each([0, 1])('at rename %i ends the process, and a start finds a state', async (at) => {
    const { member, store, fatal, calls } = await doomedStore()
    const staged = await gather(store, 'new')
    await staged.finish(bytes('new'))
    let count = 0
    hooks.onRename = async (step) => {
      if (step === 'before' && count++ === at) throw new Error('EIO: i/o error')
    }
    const installed = store.install(staged).then(() => 'installed')
    const error = await Promise.race([installed, fatal])
    expect(String(error)).toMatch(/installing a state in the state store in \S+ failed: EIO/)
    hooks.onRename = undefined
    await store.close()
    expect(calls).toHaveLength(1)
    expect(await foundAfterStart(member)).toBe(at === 0 ? 'old' : 'new')
  })

  test('on damage to what was gathered ends the process', async () => {
    const { member, store, fatal } = await doomedStore()
    const staged = await gather(store, 'new')
    await staged.finish(bytes('new'))
    await flipInTables(join(member, 'state.staged'))
    const outcome = await Promise.race([store.install(staged).then(() => 'installed'), fatal])
    expect(String(outcome)).toMatch(/installing a state in .* is damaged/)
  })
})

describe('a gathering that fails', () => {
  test('ends nothing but itself', async () => {
    const { member, store, calls } = await doomedStore()
    const staged = await gather(store, 'new')
    hooks.onRename = async () => {
      throw new Error('EIO: i/o error')
    }
    await expect(staged.finish(bytes('new'))).rejects.toThrow(
      /^gathering a state in \S+state\.staging failed: EIO/,
    )
    await expect(staged.write([])).rejects.toThrow(/finished/)
    await expect(store.install(staged)).rejects.toThrow('only a finished staged state')
    hooks.onRename = undefined
    await staged.abort()
    expect(await readdir(member)).toEqual(['state'])
    await store.saveCheckpoint(bytes('old'))
    expect(await found(store, bytes('old'))).toBe('old')
    const next = await gather(store, 'new')
    await next.finish(bytes('new'))
    await store.install(next)
    expect(await found(store, bytes('new'))).toBe('new')
    expect(calls).toEqual([])
  })

  test('on damage is found while it can still be given up', async () => {
    const { member, store, calls } = await doomedStore()
    const staged = await store.stage()
    const value = Buffer.alloc(64 * 1024, 7)
    for (let i = 0; i < 18 * 16; i++) await staged.write([{ key: bytes(`key ${i}`), value }])
    const staging = join(member, 'state.staging')
    while ((await readdir(staging)).every((name) => !name.endsWith('.ldb')));
    await flipInTables(staging)
    await expect(staged.finish(bytes('new'))).rejects.toThrow(StagingError)
    await staged.abort()
    expect(await found(store, bytes('old'))).toBe('old')
    expect(calls).toEqual([])
  })
})

const FLIPPED_AT = 20

async function flipInTables(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.ldb')) continue
    const file = await open(join(directory, name), 'r+')
    const byte = Buffer.alloc(1)
    // LevelDB may still write it; in place, because it reads it mapped into memory.
    while ((await file.read(byte, 0, 1, FLIPPED_AT)).bytesRead === 0) continue
    await file.write(Buffer.of(byte.readUInt8() ^ 8), 0, 1, FLIPPED_AT)
    await file.close()
  }
}
