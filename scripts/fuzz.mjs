// Builds the fuzzer with the server's sources when one is newer than the last build, and runs it.
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const output = path.join(root, 'dist-bench/fuzz')
const entry = path.join(output, 'test/fuzz/cli.js')
const stamp = path.join(output, '.tsbuildinfo')
const sources = ['src', 'test/fuzz', 'test/server/support', 'test/support', 'test/peer/support']

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

function run(args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

if (modifiedAt(entry) === 0 || modifiedAt(stamp) < newestSource()) {
  run([path.join(root, 'node_modules/typescript/bin/tsc'), '-p', 'test/fuzz/tsconfig.json'])
}
const closedPipe = new URL('closed-pipe.mjs', import.meta.url).href
run(['--enable-source-maps', '--import', closedPipe, entry, ...process.argv.slice(2)])
