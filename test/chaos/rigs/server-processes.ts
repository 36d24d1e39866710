/**
 * The server processes of data directories, found by their command lines, so that those under
 * strace are found as well, and those that somebody else has just started.
 */

import { readdir, readFile, readlink } from 'node:fs/promises'
import { until } from '../../support/until.ts'

const STOP_TIMEOUT_MS = 10_000

/** The ids of the server processes whose data directory is the folder or lies in it. */
export async function serversIn(folder: string): Promise<number[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(names.map(async (name) => await isServerIn(folder, name)))
  return names.filter((_, n) => found[n]).map(Number)
}

async function isServerIn(folder: string, pid: string): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')
  const words = command.split('\0')
  const directory = words[words.indexOf('--data-dir') + 1] ?? ''
  if (!words.includes('--data-dir') || !`${directory}/`.startsWith(`${folder}/`)) return false
  const program = await readlink(`/proc/${pid}/exe`).catch(() => '')
  return program === process.execPath
}

export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // It has ended.
    }
  }
}

/**
 * Stops the processes, and resolves when no thread of them is inside the system any more: what
 * they had begun to write is written, and nothing else is.
 */
export async function stopAll(pids: readonly number[]): Promise<void> {
  signalAll(pids, 'SIGSTOP')
  for (const pid of pids) {
    await until(`process ${pid} has stopped`, STOP_TIMEOUT_MS, async () => {
      const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
      const states = await Promise.all(threads.map((thread) => stateOf(pid, thread)))
      const moving = states.filter((state) => !['T', 't', 'Z', 'X', ''].includes(state))
      if (moving.length > 0) throw new Error(`threads are ${moving.join('')}`)
      return true
    })
  }
}

/** Resolves when none of them is left. */
export async function killAll(pids: readonly number[]): Promise<void> {
  signalAll(pids, 'SIGKILL')
  for (const pid of pids) {
    await until(`process ${pid} has ended`, STOP_TIMEOUT_MS, async () => {
      const state = await stateOf(pid, String(pid))
      return state === '' || state === 'Z' ? true : undefined
    })
  }
}

/** The third field; the name before it is in brackets and may hold anything. */
async function stateOf(pid: number, thread: string): Promise<string> {
  const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => '')
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)
}
