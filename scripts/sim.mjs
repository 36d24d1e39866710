// Builds the simulator with the server's sources when one is newer than the last build, and runs it;
// with `mutants` as the first argument: against the server with known bugs in it, with `check`: the
// judge of saved histories.
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const output = path.join(root, 'dist-bench/sim')
const commands = ['mutants', 'check']
const command = commands.find((name) => name === process.argv[2])
const entry = path.join(output, 'test/sim', command ?? '', 'cli.js')
const stamp = path.join(output, '.tsbuildinfo')
const sources = ['src', 'test/sim', 'test/server/support', 'test/support']

function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function newestSource() {
  const files = sources.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true })
      .filter((file) => file.endsWith('.ts') || file.endsWith('tsconfig.json'))
      .map((file) => path.join(root, folder, file)),
  )
  return Math.max(...files.map(modifiedAt))
}

if (modifiedAt(entry) === 0 || modifiedAt(stamp) < newestSource()) {
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, '-p', path.join(root, 'test/sim/tsconfig.json')]
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
const args = process.argv.slice(command === undefined ? 2 : 3)
const closedPipe = new URL('closed-pipe.mjs', import.meta.url).href
const flags = ['--enable-source-maps', '--import', closedPipe]
const child = spawn(process.execPath, [...flags, entry, ...args], { stdio: 'inherit' })
// An interrupt reaches the child too: it says how far it came, and ends.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === null ? 0 : 1)
})
