// Builds the benchmarks when a source is newer than the last build, and runs them.
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const entry = path.join(root, 'dist-bench/bench/index.js')
const stamp = path.join(root, 'dist-bench/.tsbuildinfo')
const sources = ['bench', 'src/base']

function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function newestSource() {
  const files = sources.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => path.join(root, folder, file)),
  )
  return Math.max(modifiedAt(path.join(root, 'tsconfig.bench.json')), ...files.map(modifiedAt))
}

function run(args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

if (modifiedAt(entry) === 0 || modifiedAt(stamp) < newestSource()) {
  run([path.join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.bench.json'])
}
const closedPipe = new URL('closed-pipe.mjs', import.meta.url).href
run(['--import', closedPipe, entry, ...process.argv.slice(2)])
