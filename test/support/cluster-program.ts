/** Which program a cluster under test is made of, and where its flags differ from this server's. */

import { execFileSync } from 'node:child_process'
import { cleanEnvironment } from './child-process.ts'
import type { Program } from './programs.ts'
import { serverCommand } from './programs.ts'

export interface ClusterProgram {
  readonly name: string
  readonly isEtcd: boolean
  /** The minor version of a 3.x release: what this server has for itself, or an etcd's own. */
  readonly minor: number
  readonly command: readonly [string, ...string[]]
}

/** The built server, or the etcd that QUORATE_TEST_SERVER names to check the tests themselves. */
export function programUnderTest(): ClusterProgram {
  const command = serverCommand()
  const [program, entry] = command
  if (entry !== undefined) return { name: 'quorate', isEtcd: false, minor: 6, command }
  const text = execFileSync(program, ['--version'], { encoding: 'utf8', env: cleanEnvironment() })
  const version = /etcd Version: 3\.(\d+)/.exec(text)
  if (version === null) return { name: program, isEtcd: false, minor: 6, command }
  return { name: `etcd 3.${version[1]}`, isEtcd: true, minor: Number(version[1]), command }
}

export function etcdProgram(program: Program): ClusterProgram {
  return {
    name: `etcd ${program.versionText}`,
    isEtcd: true,
    minor: program.version[1],
    command: [program.path],
  }
}

/** A small log: a member that is behind by more than `kept` entries needs a snapshot. */
export function smallLogFlags(
  program: ClusterProgram,
  snapshotCount: number,
  kept: number,
): string[] {
  const flags = ['--snapshot-count', String(snapshotCount)]
  if (program.minor >= 6) return [...flags, '--snapshot-catchup-entries', String(kept)]
  if (program.minor === 5)
    return [...flags, '--experimental-snapshot-catchup-entries', String(kept)]
  return flags // 3.4 always keeps 5,000 entries
}
