// Builds the server and the chaos runs when their sources are newer than the last build, and runs them.
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

const builds = [
  {
    made: ['dist/server/index.js', 'dist/.tsbuildinfo'],
    sources: ['src'],
    command: ['scripts/build.mjs'],
  },
  {
    made: ['dist-bench/chaos/test/chaos/cli.js', 'dist-bench/chaos/.tsbuildinfo'],
    sources: ['src', 'test/chaos', 'test/sim', 'test/support', 'test/server/support'],
    command: ['node_modules/typescript/bin/tsc', '-p', 'test/chaos/tsconfig.json'],
  },
]

function modifiedAt(file) {
  return statSync(path.join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function newestSource(folders) {
  const files = folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true })
      .filter((file) => file.endsWith('.ts') || file.endsWith('tsconfig.json'))
      .map((file) => path.join(folder, file)),
  )
  return Math.max(...files.map(modifiedAt))
}

function run(args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

for (const { made, sources, command } of builds) {
  if (Math.min(...made.map(modifiedAt)) === 0 || modifiedAt(made[1]) < newestSource(sources)) {
    run(command)
  }
}
const [first, ...others] = process.argv.slice(2)
const isDisks = first === 'disks'
const entry = isDisks ? 'dist-bench/chaos/test/chaos/rigs/cli.js' : builds[1].made[0]
process.env.QUORATE_TEST_SERVER ??= path.join(root, 'dist/server/index.js')
process.env.QUORATE_TEST_PROTO ??= path.join(root, 'proto')
const closedPipe = new URL('closed-pipe.mjs', import.meta.url).href
const args = isDisks ? others : process.argv.slice(2)
run(['--enable-source-maps', '--import', closedPipe, entry, ...args])
