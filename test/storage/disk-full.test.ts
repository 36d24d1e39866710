/** A full disk ends a store at its first failed write; after space is freed nothing is missing. */

import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { openRaftLogStore } from '../../src/storage/raft-log-store.ts'
import { openStateStore } from '../../src/storage/state-store.ts'
import {
  bytes,
  entriesFrom,
  mustOpenLog,
  mustOpenState,
  plain,
  quietOptions,
} from '../support/storage.ts'
import { mountTmpfs } from '../support/tmpfs.ts'

/** Resolves with the error of the first fatal call. */
function fatalTrap(): {
  readonly onFatal: (error: Error) => void
  readonly fatal: Promise<Error>
  readonly calls: Error[]
} {
  const calls: Error[] = []
  let settle: (error: Error) => void = () => undefined
  const fatal = new Promise<Error>((resolve) => {
    settle = resolve
  })
  const onFatal = (error: Error): void => {
    calls.push(error)
    settle(error)
  }
  return { onFatal, fatal, calls }
}

test('a raft log on a full disk fails once, stops, and has every acknowledged entry', async ({
  skip,
}) => {
  const mount = await mountTmpfs('3m')
  if (typeof mount === 'string') return skip(mount)
  const ballast = join(mount.path, 'ballast')
  await writeFile(ballast, Buffer.alloc(2 * 1024 * 1024))
  const directory = join(mount.path, 'log')
  const { onFatal, fatal, calls } = fatalTrap()
  const opened = await openRaftLogStore(directory, quietOptions(onFatal))
  if (!opened.ok) throw new Error(opened.message)
  let acknowledged = 0
  let error: Error | undefined
  while (error === undefined) {
    const entries = entriesFrom(acknowledged + 1, 3, 1, 5000)
    const done = await Promise.race([opened.store.append({ entries }).then(() => 'ok'), fatal])
    if (done === 'ok') acknowledged += 3
    else error = await fatal
  }
  expect(acknowledged).toBeGreaterThan(30)
  expect(error.message).toMatch(/^writing to the raft log in \S+ failed: .*No space left on device/)
  await rm(ballast)
  const size = await logBytes(directory)
  const later = opened.store.append({ entries: entriesFrom(acknowledged + 1, 1) })
  expect(await Promise.race([later.then(() => 'written'), settled()])).toBe('nothing')
  await opened.store.close()
  expect(await logBytes(directory)).toBe(size)
  expect(calls).toHaveLength(1)
  const again = await mustOpenLog(directory)
  const { entries } = again.recovered
  expect(plain(entries.slice(0, acknowledged))).toEqual(
    plain(entriesFrom(1, acknowledged, 1, 5000)),
  )
  await again.store.append({ entries: entriesFrom(entries.length + 1, 1) })
  await again.store.close()
})

test('a state store on a full disk fails once and keeps its last checkpoint', async ({ skip }) => {
  const mount = await mountTmpfs('3m')
  if (typeof mount === 'string') return skip(mount)
  const ballast = join(mount.path, 'ballast')
  await writeFile(ballast, Buffer.alloc(2 * 1024 * 1024))
  const directory = join(mount.path, 'state')
  const { onFatal, fatal, calls } = fatalTrap()
  const opened = await openStateStore(directory, quietOptions(onFatal))
  if (!opened.ok) throw new Error(opened.message)
  const { store } = opened
  store.put(bytes('kept'), bytes('value'))
  await store.saveCheckpoint(bytes('first'))
  for (let i = 0; i < 2000; i++) store.put(bytes(`key ${i}`), Buffer.alloc(1000, i))
  const saved = store.saveCheckpoint(bytes('second')).then(() => 'saved')
  const outcome = await Promise.race([saved, fatal])
  expect(outcome).toBeInstanceOf(Error)
  expect(String(outcome)).toMatch(/the state store in \S+ failed: .*No space left on device/)
  await store.close()
  expect(calls).toHaveLength(1)
  await rm(ballast)
  const again = await mustOpenState(directory)
  expect(again.checkpoint?.toString()).toBe('first')
  expect(again.store.get(bytes('kept'))?.toString()).toBe('value')
  await again.store.close()
})

test('a state gathered on a full disk is given up, and the store in use goes on', async ({
  skip,
}) => {
  const mount = await mountTmpfs('6m')
  if (typeof mount === 'string') return skip(mount)
  const directory = join(mount.path, 'state')
  const { onFatal, calls } = fatalTrap()
  const opened = await openStateStore(directory, quietOptions(onFatal))
  if (!opened.ok) throw new Error(opened.message)
  const { store } = opened
  store.put(bytes('kept'), bytes('value'))
  await store.saveCheckpoint(bytes('first'))
  const staged = await store.stage()
  const gathered = (async () => {
    for (let i = 0; i < 2000; i++) {
      await staged.write([{ key: bytes(`key ${i}`), value: Buffer.alloc(10_000, i) }])
    }
    await staged.finish(bytes('other'))
  })()
  await expect(gathered).rejects.toThrow(/^gathering a state in \S+ failed: .*No space left/)
  await staged.abort()
  expect(await readdir(mount.path)).toEqual(['state'])
  store.put(bytes('later'), Buffer.alloc(1024 * 1024))
  await store.saveCheckpoint(bytes('second'))
  expect(calls).toEqual([])
  await store.close()
  const again = await mustOpenState(directory)
  expect(again.checkpoint?.toString()).toBe('second')
  expect(again.store.get(bytes('kept'))?.toString()).toBe('value')
  await again.store.close()
})

/** Of LevelDB's log files. (The mark beside them is written later than the log.) */
async function logBytes(directory: string): Promise<number> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.log'))
  const stats = await Promise.all(names.map((name) => stat(join(directory, name))))
  return stats.reduce((sum, { size }) => sum + size, 0)
}

/** Long enough for a write to have happened, were there one: a turn of I/O on another file. */
async function settled(): Promise<'nothing'> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  return 'nothing'
}
