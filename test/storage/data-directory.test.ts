import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, onTestFinished, test } from 'vitest'

import { openDataDirectory } from '../../src/storage/data-directory.ts'
import type { OpenedDataDirectory } from '../../src/storage/data-directory.ts'
import { openRaftLogStore } from '../../src/storage/raft-log-store.ts'
import {
  mustOpenLog,
  mustOpenState,
  quietOptions,
  recordedLogger,
  temporaryDirectory,
} from '../support/storage.ts'
import { mountTmpfs } from '../support/tmpfs.ts'

function open(path: string): Promise<OpenedDataDirectory> {
  return openDataDirectory(path, recordedLogger())
}

async function created(): Promise<string> {
  const path = join(await temporaryDirectory(), 'deep', 'data')
  expect(await open(path)).toMatchObject({ ok: true, directory: { isNew: true } })
  return path
}

describe('the data directory', () => {
  test('is created for its owner alone, and opens again with both stores', async () => {
    const path = await created()
    expect((await stat(path)).mode & 0o777).toBe(0o700)
    expect((await stat(join(path, 'member'))).mode & 0o777).toBe(0o700)
    expect(await readdir(path)).toEqual(['member'])
    const again = await open(path)
    if (!again.ok) throw new Error(again.message)
    expect(again.directory.isNew).toBe(false)
    await (await mustOpenLog(again.directory.log)).store.close()
    await (await mustOpenState(again.directory.state)).store.close()
  })

  test('left unfinished by a crash is built anew', async () => {
    const path = await temporaryDirectory()
    await mkdir(join(path, 'member.tmp', 'log'), { recursive: true })
    await writeFile(join(path, 'member.tmp', 'log', 'CURRENT'), 'MANIFEST-000001\n')
    expect(await open(path)).toMatchObject({ ok: true, directory: { isNew: true } })
    expect(await readdir(path)).toEqual(['member'])
  })

  test('that another process is creating is in use', async () => {
    const path = await temporaryDirectory()
    const log = join(path, 'member.tmp', 'log')
    await (await mustOpenLog(log)).store.close()
    await holdInAnotherProcess(log)
    expect(await open(path)).toMatchObject({ ok: false, error: 'in-use' })
  })

  test('of an etcd server is refused', async () => {
    const path = await temporaryDirectory()
    await mkdir(join(path, 'member', 'wal'), { recursive: true })
    await mkdir(join(path, 'member', 'snap'))
    expect(await open(path)).toEqual({
      ok: false,
      error: 'foreign',
      message: `data directory ${path} does not belong to Quorate: it is the data directory of an etcd server`,
    })
  })

  test('with unknown content is refused, lost+found is not', async () => {
    const path = await temporaryDirectory()
    await mkdir(join(path, 'lost+found'))
    await writeFile(join(path, 'photos'), '')
    expect(await open(path)).toMatchObject({ ok: false, error: 'foreign' })
    await rm(join(path, 'photos'))
    expect(await open(path)).toMatchObject({ ok: true })
    await rm(join(path, 'member'), { recursive: true })
    await mkdir(join(path, 'member'))
    expect(await open(path)).toMatchObject({ ok: false, error: 'foreign' })
  })

  test('of another version is told apart from a damaged one', async () => {
    const path = join(await temporaryDirectory(), 'data')
    await open(path)
    await writeFile(join(path, 'member', 'format'), 'quorate data 1\n')
    expect(await open(path)).toEqual({
      ok: false,
      error: 'foreign',
      message: `data directory ${path} is another version's: its format is "quorate data 1"`,
    })
  })

  test.each(['log', 'state', 'format'])('without member/%s is corrupt', async (name) => {
    const path = await created()
    await rm(join(path, 'member', name), { recursive: true })
    const opened = await open(path)
    expect(opened).toMatchObject({ ok: false, error: 'corrupt' })
    expect(opened.ok ? '' : opened.message).toContain(`member/${name} is missing`)
  })

  test('below a plain file is not writable', async () => {
    const path = join(await temporaryDirectory(), 'file')
    await writeFile(path, '')
    for (const place of [path, join(path, 'data')]) {
      const opened = await open(place)
      expect(opened).toMatchObject({ ok: false, error: 'unwritable' })
      expect(opened.ok ? '' : opened.message).toContain(`data directory ${place} is not writable`)
    }
  })

  test('on a read-only disk is not writable, new or not', async ({ skip }) => {
    const mount = await mountTmpfs('8m')
    if (typeof mount === 'string') return skip(mount)
    await open(join(mount.path, 'old'))
    await mount.remount('ro')
    for (const name of ['old', 'new']) {
      const opened = await open(join(mount.path, name))
      expect(opened).toMatchObject({ ok: false, error: 'unwritable' })
    }
  })

  test('that others may read is opened with a warning', async () => {
    const path = await created()
    await chmod(path, 0o755)
    const logger = recordedLogger()
    expect(await openDataDirectory(path, logger)).toMatchObject({ ok: true })
    expect(logger.warnings).toEqual(['data directory is open to other users'])
  })
})

const HOLD = `
const { Level } = require('level')
const db = new Level(process.argv[1])
db.open().then(() => process.stdout.write('held'))
process.stdin.resume()
`

async function holdInAnotherProcess(directory: string): Promise<ChildProcess> {
  const holder = spawn(process.execPath, ['-e', HOLD, directory], { stdio: 'pipe' })
  onTestFinished(() => void holder.kill('SIGKILL'))
  await once(holder.stdout, 'data')
  return holder
}

test('a log that another process holds is in use, and free again when that is killed', async () => {
  const directory = join(await temporaryDirectory(), 'log')
  await (await mustOpenLog(directory)).store.close()
  const holder = await holdInAnotherProcess(directory)
  expect(await openRaftLogStore(directory, quietOptions())).toEqual({
    ok: false,
    error: 'in-use',
    message: `data directory ${directory} is in use by another process`,
  })
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  await (await mustOpenLog(directory)).store.close()
})
