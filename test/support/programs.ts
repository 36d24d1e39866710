/**
 * Finds the programs that the integration tests compare with: a real etcd and a real etcdctl. They
 * are optional; a test that needs one says in its own name why it was skipped.
 */

import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cleanEnvironment } from './child-process.ts'

export interface Program {
  readonly path: string
  /** For example [3, 6, 14]. */
  readonly version: readonly [number, number, number]
  readonly versionText: string
}

export type Found = { ok: true; program: Program } | { ok: false; reason: string }

export function findEtcd(): Found {
  return find('etcd', 'QUORATE_TEST_ETCD', ['--version'], /etcd Version: (\d+)\.(\d+)\.(\d+)/)
}

export function findEtcdctl(): Found {
  return find(
    'etcdctl',
    'QUORATE_TEST_ETCDCTL',
    ['version'],
    /etcdctl version: (\d+)\.(\d+)\.(\d+)/,
  )
}

/**
 * The name of a suite that needs `found`, with the reason in it when it cannot run. Also writes the
 * reason to the console, so that a skipped suite is seen in a run that prints no test names.
 */
export function suiteName(name: string, ...needs: readonly Found[]): string {
  const reasons = needs.flatMap((found) => (found.ok ? [] : [found.reason]))
  if (reasons.length === 0) return name
  console.warn(`skipped: ${name}: ${reasons.join('; ')}`)
  return `${name} (skipped: ${reasons.join('; ')})`
}

export function isMissing(...needs: readonly Found[]): boolean {
  return needs.some((found) => !found.ok)
}

/** For use inside a suite that is skipped when the program is missing. */
export function programOf(found: Found): Program {
  if (!found.ok) throw new Error(found.reason)
  return found.program
}

/**
 * The command line that starts a node: the built server under the Node that runs the tests, or the
 * program or script named by QUORATE_TEST_SERVER (a real etcd, to check the tests themselves).
 * QUORATE_TEST_FLAGS may add flags, for example `--rpc-thread=true`.
 */
export function serverCommand(): readonly [program: string, ...args: string[]] {
  const override = process.env['QUORATE_TEST_SERVER']
  if (override?.endsWith('.js') === true) return [process.execPath, override]
  if (override !== undefined && override !== '') return [override]
  const entry = fileURLToPath(new URL('../../dist/server/index.js', import.meta.url))
  if (!existsSync(entry)) {
    throw new Error(`${entry} is missing: build the server first (npm run build)`)
  }
  const flags = (process.env['QUORATE_TEST_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '')
  return [process.execPath, entry, ...flags]
}

function find(name: string, variable: string, versionArgs: string[], pattern: RegExp): Found {
  const named = process.env[variable]
  const path = named !== undefined && named !== '' ? named : findInPath(name)
  if (path === undefined) {
    return { ok: false, reason: `no ${name} in PATH and ${variable} is not set` }
  }
  try {
    const text = execFileSync(path, versionArgs, {
      encoding: 'utf8',
      env: cleanEnvironment({ ETCDCTL_API: '3' }),
    })
    const match = pattern.exec(text)
    if (match === null) return { ok: false, reason: `${path} does not tell its version` }
    const version = [Number(match[1]), Number(match[2]), Number(match[3])] as const
    return { ok: true, program: { path, version, versionText: version.join('.') } }
  } catch (error) {
    return { ok: false, reason: `${path} cannot be run: ${String(error)}` }
  }
}

function findInPath(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
