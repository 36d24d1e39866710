/** Runs the system's own programs for disks, and tells whether they can be run here. */

import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Requirement } from '../ports.ts'

const run = promisify(execFile)

/** Resolves with what it printed. Throws with its complaint. */
export async function shell(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(program, args, { encoding: 'utf8' })
  return stdout
}

/** For the last moments of a process; what fails is let be. */
export function shellAtExit(program: string, ...args: readonly string[]): void {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
  } catch {
    // There is nobody left to tell.
  }
}

export const needsRoot: Requirement = () =>
  process.getuid?.() === 0 ? undefined : 'needs root, to mount'

export function needsProgram(name: string): Requirement {
  return () => {
    const folders = (process.env['PATH'] ?? '').split(':').concat('/usr/sbin', '/sbin')
    const isThere = folders.some((folder) => existsSync(`${folder}/${name}`))
    return isThere ? undefined : `there is no ${name} here`
  }
}

export const needsLoopDevices: Requirement = () =>
  existsSync('/dev/loop-control') ? undefined : 'there are no loop devices here'

export const NEEDS_IMAGES: readonly Requirement[] = [
  needsRoot,
  needsProgram('mkfs.ext4'),
  needsProgram('losetup'),
  needsLoopDevices,
]

export const NEEDS_TMPFS: readonly Requirement[] = [needsRoot]

export const NEEDS_STRACE: readonly Requirement[] = [needsProgram('strace')]
