/**
 * `npm test -- [arguments of vitest]`: makes what is missing, finds real etcd and etcdctl for the
 * tests that compare with them, and runs the tests against the build.
 */

import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { ensureEtcdPrograms } from './etcd-programs.mjs'
import { checkNode, ensureBuild, ensurePackages, ROOT } from './setup.mjs'

checkNode()
ensurePackages(true)
const folder = ensureEtcdPrograms()
ensureBuild()

const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
const path = folder === undefined ? process.env.PATH : `${process.env.PATH}${delimiter}${folder}`
const child = spawn(process.execPath, [vitest, 'run', ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, PATH: path },
})
// A terminal signals the child by itself; others signal this process alone.
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
process.on('SIGINT', () => {})
child.on('exit', (code, signal) => {
  if (signal === null) process.exitCode = code ?? 1
  else process.exitCode = 128 + { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal]
})
