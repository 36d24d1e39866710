/** A small disk in memory, to fill up or to make read-only. Needs root on Linux. */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { onTestFinished } from 'vitest'

import { temporaryDirectory } from './storage.ts'

const run = promisify(execFile)

export interface Tmpfs {
  readonly path: string
  remount(options: string): Promise<void>
}

/** The mounted disk, or the reason why there is none: skip the test with it. */
export async function mountTmpfs(size: string): Promise<Tmpfs | string> {
  const path = await temporaryDirectory()
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path])
  } catch (error) {
    return `cannot mount a tmpfs: ${String(error)}`
  }
  onTestFinished(async () => {
    await run('umount', ['--lazy', path])
  })
  const remount = async (options: string): Promise<void> => {
    await run('mount', ['-o', `remount,${options}`, path])
  }
  return { path, remount }
}
