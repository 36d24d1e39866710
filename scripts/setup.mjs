/**
 * What has to be there before the server or the tests can run, made when it is missing or stale:
 * the right Node, the locked packages, the build. Plain JavaScript without packages, because it
 * runs before any are installed. Says nothing when there is nothing to do; what it does say goes to
 * stderr, so that the output of the server stays its own.
 */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
export const SERVER = join(ROOT, 'dist', 'server', 'index.js')
const MAX_SHOWN_LINES = 20
const STAMP = join(ROOT, 'dist', '.inputs')

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  fail(`Quorate needs Node 20.19 or newer, and this is ${process.version}`)
}

/** Installs what package-lock.json names, unless it is all there: the tools too if `withTools`. */
export function ensurePackages(withTools) {
  if (packagesAreInstalled(withTools)) return
  say('installing packages (npm ci)')
  const words = ['ci', '--include=dev', '--loglevel=error', '--no-audit', '--no-fund']
  // Under npm, the same npm again; it is a script for the running Node.
  const npm = process.env.npm_execpath
  const usable = npm !== undefined && /npm-cli\.c?js$/.test(npm)
  const problem = usable ? run(process.execPath, [npm, ...words]) : run('npm', words)
  if (problem !== undefined) fail(`the packages cannot be installed:\n${problem}`)
}

/** Compiles src to dist, unless dist was made from the very same files. */
export function ensureBuild() {
  if (isBuilt()) return
  ensurePackages(true)
  say('building')
  build()
}

export function build() {
  const inputs = digestOfInputs()
  // Without a stamp nobody knows what dist is: start anew. With one, the compiler reuses its work.
  if (existsSync(STAMP)) rmSync(STAMP)
  else rmSync(join(ROOT, 'dist'), { recursive: true, force: true })
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const problem = run(process.execPath, [compiler, '-p', 'tsconfig.build.json'])
  if (problem !== undefined) fail(`the build failed:\n${problem}`)
  chmodSync(SERVER, 0o755)
  mkdirSync(dirname(STAMP), { recursive: true })
  writeFileSync(STAMP, inputs)
}

export function isBuilt() {
  return existsSync(SERVER) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === digestOfInputs()
}

export function say(text) {
  process.stderr.write(`quorate: ${text}\n`)
}

export function fail(text) {
  say(text)
  process.exit(1)
}

/** Compares the lock with npm's own record of what it installed. */
function packagesAreInstalled(withTools) {
  const wanted = readPackages(join(ROOT, 'package-lock.json'))
  const installed = readPackages(join(ROOT, 'node_modules', '.package-lock.json'))
  if (wanted === undefined) return true
  if (installed === undefined) return false
  return Object.entries(wanted).every(([path, entry]) => {
    // Packages for other platforms are locked, too, and tools may be left out on purpose.
    const required = !entry.optional && !entry.devOptional && (withTools || !entry.dev)
    const found = installed[path]
    if (found === undefined) return path === '' || !required
    return found.version === entry.version
  })
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return undefined
  }
}

/** Names and contents of all that the build is made from; times of files mean nothing after a clone. */
function digestOfInputs() {
  const hash = createHash('sha256')
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
  const settings = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json']
  for (const path of [...sources, ...settings.map((name) => join(ROOT, name))]) {
    hash.update(`${path.slice(ROOT.length)}\0`)
    if (existsSync(path)) hash.update(readFileSync(path))
    hash.update('\0')
  }
  return hash.digest('hex')
}

/** What went wrong, in the command's own first words, or undefined. */
function run(command, words) {
  const { status, error, stdout, stderr } = spawnSync(command, words, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (status === 0) return undefined
  if (error !== undefined) return `${command} cannot be run: ${error.message}`
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => line.trim() !== '')
  return lines.slice(0, MAX_SHOWN_LINES).join('\n')
}
