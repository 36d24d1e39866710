/** Finds the programs to compare: this project's build, and real etcd where it is installed. */

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Options } from './options.ts'
import type { Target } from './server-process.ts'

/** Ours first when it is built, then each etcd. Throws when nothing is left to measure. */
export function findTargets(options: Options): Target[] {
  const ours = options.only === 'etcd' ? [] : findOurs(options)
  const etcds = options.only === 'quorate' ? [] : etcdPrograms(options).flatMap(asEtcd)
  const targets = [...ours, ...etcds]
  if (targets.length === 0) {
    throw new Error('nothing to measure: run "npm run build" first, or name an etcd with --etcd')
  }
  return targets
}

function findOurs(options: Options): Target[] {
  if (!existsSync(options.server)) {
    console.error(`${options.server} does not exist (npm run build): measuring etcd alone`)
    return []
  }
  const profile =
    options.profileDir === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${path.resolve(options.profileDir)}`]
  const command = [process.execPath, ...profile, options.server, ...options.serverFlags]
  return [{ label: 'quorate', kind: 'quorate', command }]
}

function etcdPrograms(options: Options): readonly string[] {
  if (options.etcds.length > 0) return options.etcds
  return [process.env['QUORATE_TEST_ETCD'] ?? 'etcd']
}

function asEtcd(program: string): Target[] {
  try {
    const text = execFileSync(program, ['--version'], { encoding: 'utf8' })
    const version = /etcd Version: (\S+)/.exec(text)?.[1] ?? '?'
    return [{ label: `etcd ${version}`, kind: 'etcd', command: [program] }]
  } catch {
    console.error(`${program} cannot be run: measuring without it`)
    return []
  }
}
