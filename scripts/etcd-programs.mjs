/**
 * Real etcd and etcdctl for the integration tests. When they are not there and this is a Debian,
 * its packages are fetched and unpacked beside node_modules' own cache, not installed: nothing of
 * the system changes, and no service starts that would take port 2379. Without them the tests that
 * need them are skipped, so a failure here is one line and no more.
 */

import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { ROOT, say } from './setup.mjs'

const CACHE = join(ROOT, 'node_modules', '.cache', 'etcd')
const PROGRAMS = [
  { name: 'etcd', package: 'etcd-server', variable: 'QUORATE_TEST_ETCD' },
  { name: 'etcdctl', package: 'etcd-client', variable: 'QUORATE_TEST_ETCDCTL' },
]
const TIME_LIMIT_MS = 60_000

/** The folder to add to PATH, if any was needed. */
export function ensureEtcdPrograms() {
  const binaries = join(CACHE, 'usr', 'bin')
  const missing = PROGRAMS.filter(({ name, variable }) => !process.env[variable] && !inPath(name))
  if (missing.length === 0) return undefined
  const wanted = missing.filter(({ name }) => !isProgram(join(binaries, name)))
  if (wanted.length > 0) {
    const problem = fetchPackages(wanted.map((program) => program.package))
    if (problem !== undefined) {
      const names = wanted.map(({ name }) => name).join(' and ')
      say(`no ${names}, so tests that need them are skipped: ${problem}`)
    }
  }
  return binaries
}

/** Why it did not work, or undefined. */
function fetchPackages(packages) {
  if (process.platform !== 'linux' || !inPath('apt-get') || !inPath('dpkg-deb')) {
    return 'this is not a Debian'
  }
  say(`fetching Debian's ${packages.join(' and ')}`)
  const downloads = mkdtempSync(join(tmpdir(), 'quorate-packages-'))
  try {
    const problem = download(packages, downloads)
    if (problem === undefined) return unpack(downloads)
    // The lists of packages may be missing or old; only root can renew them.
    if (process.getuid() !== 0) return problem
    return (
      run('apt-get', ['-qq', 'update'], downloads) ??
      download(packages, downloads) ??
      unpack(downloads)
    )
  } finally {
    rmSync(downloads, { recursive: true, force: true })
  }
}

function download(packages, folder) {
  return run('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', ...packages], folder)
}

function unpack(folder) {
  mkdirSync(CACHE, { recursive: true })
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.deb'))) {
    const problem = run('dpkg-deb', ['-x', file, CACHE], folder)
    if (problem !== undefined) return problem
  }
  return undefined
}

function run(command, words, cwd) {
  const result = spawnSync(command, words, {
    cwd,
    timeout: TIME_LIMIT_MS,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  })
  if (result.status === 0) return undefined
  if (result.error?.code === 'ETIMEDOUT') {
    return `${command} took more than ${TIME_LIMIT_MS / 1000} seconds`
  }
  const [line] = (result.stderr ?? '').split('\n')
  return `${command}: ${line || result.error?.message || `exit code ${result.status}`}`
}

function inPath(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => isProgram(join(folder, name)))
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
