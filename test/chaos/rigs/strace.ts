/**
 * Faults of system calls, by strace: from the start of a server on, or attached to one that runs. A
 * strace that starts a server runs beside it (-D), so that signals and exit codes are the server's
 * own, and stops it at the named calls alone (--seccomp-bpf).
 */

import { mkdtempSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Child } from '../../support/child-process.ts'
import type { Command } from '../ports.ts'

const BESIDE = ['strace', '-D', '-f', '--seccomp-bpf', '-qqq', '-o', '/dev/null'] as const
const ATTACH_TIMEOUT_MS = 10_000
const SYNCS = 'fsync,fdatasync,msync,sync_file_range'

/** No sync reaches the disk, and all of them succeed. */
export function withoutSync(command: Command): Command {
  return [...BESIDE, '-e', `trace=${SYNCS}`, '-e', `inject=${SYNCS}:retval=0`, ...command]
}

export interface FailingCall {
  /** As strace takes it, several with commas. */
  readonly calls: string
  readonly error: 'EIO' | 'ENOSPC'
  /** The first one to fail, counted in each thread; all behind it fail too when `goesOn`. */
  readonly nth: number
  readonly goesOn: boolean
  /** Only calls on these files or folders, by their names at the call. */
  readonly paths?: readonly string[]
}

/** Calls of a running process that fail from now on, and what came of it. */
export class FailingCalls {
  readonly #child: Child
  readonly #log: string

  private constructor(child: Child, log: string) {
    this.#child = child
    this.#log = log
  }

  /** Resolves when strace has all threads of the process. */
  static async of(pid: number, failing: FailingCall): Promise<FailingCalls> {
    const folder = mkdtempSync(join(tmpdir(), 'quorate-strace-'))
    const log = join(folder, 'calls')
    const { calls, error, nth, goesOn, paths = [] } = failing
    const child = new Child('strace', [
      ...['-f', '-ttt', '-o', log, '-p', String(pid)],
      ...['-e', `trace=${calls}`],
      ...['-e', `inject=${calls}:error=${error}:when=${goesOn ? `${nth}+` : `${nth}`}`],
      ...paths.flatMap((path) => ['-P', path]),
    ])
    await child.waitForOutput(/attached/, ATTACH_TIMEOUT_MS)
    return new FailingCalls(child, log)
  }

  /** Undefined when no call failed yet, or the process goes on. */
  async msFromFailureToEnd(): Promise<number | undefined> {
    const text = await readFile(this.#log, 'utf8').catch(() => '')
    const failed = /(\d+\.\d+) [^\n]*\(INJECTED\)/.exec(text)
    const ended = /(\d+\.\d+) \+\+\+ exited with/.exec(text.slice(failed?.index ?? 0))
    if (failed === null || ended === null) return undefined
    return (lastTime(text) - Number(failed[1])) * 1000
  }

  async stop(): Promise<void> {
    if (this.#child.running) this.#child.signal('SIGTERM')
    await this.#child.waitForExit(ATTACH_TIMEOUT_MS)
    await rm(dirname(this.#log), { recursive: true, force: true })
  }
}

/** The time of the last thread's end. */
function lastTime(text: string): number {
  const all = [...text.matchAll(/(\d+\.\d+) \+\+\+ exited with/g)]
  return Number(all.at(-1)?.[1])
}
