/** What a figure is worth nothing without: the machine it was measured on. */

import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
  readonly fileSystem: string
  readonly date: string
}

export function describeMachine(dataDir: string): Machine {
  return {
    cpu: cpus()[0]?.model ?? '?',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    fileSystem: fileSystemOf(dataDir),
    date: new Date().toISOString().slice(0, 10),
  }
}

/** Type and device, for example "ext4 on /dev/sda1". */
function fileSystemOf(folder: string): string {
  try {
    const line = execFileSync('df', ['--output=fstype,source', folder], { encoding: 'utf8' })
    const [type, source] = line.trim().split('\n').at(-1)!.trim().split(/\s+/)
    const isMemory = type === 'tmpfs' || type === 'ramfs'
    return `${type} on ${source}${isMemory ? ' (MEMORY, NOT A DISK: choose another --data-dir)' : ''}`
  } catch {
    return 'unknown'
  }
}

export function machineLines(machine: Machine, labels: readonly string[]): string {
  return [
    `${machine.date}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}`,
    `node ${machine.node}, data on ${machine.fileSystem}; servers: ${labels.join(', ')}`,
  ].join('\n')
}
