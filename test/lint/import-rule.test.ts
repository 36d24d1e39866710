/**
 * The import rule of ARCHITECTURE.md is only worth something while the linter enforces it. Each
 * forbidden line becomes a small file in a copy of the tree, linted with the project's own settings.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LINTER = join(ROOT, 'node_modules', 'oxlint', 'bin', 'oxlint')

const PURE = ['base', 'raft', 'mvcc', 'lease', 'auth']
const MIDDLE = ['storage', 'peer', 'rpc']
const FOLDERS = [...PURE, ...MIDDLE, 'server']

const EFFECTS = [
  'Date.now()',
  'new Date()',
  'const now = Date',
  'Math.random()',
  "Math['random']()",
  'const { random } = Math',
  'setTimeout(() => {}, 1)',
  'setInterval(() => {}, 1)',
  'setImmediate(() => {})',
  'queueMicrotask(() => {})',
  'process.exit()',
  "process.on('exit', () => {})",
  "console.log('')",
  'performance.now()',
  'crypto.randomUUID()',
  "fetch('http://localhost')",
  "'a'.localeCompare('b')",
  'new Intl.Collator()',
  '(1).toLocaleString()',
  'globalThis.Date.now()',
  'global.process',
  "require('node:fs')",
  "eval('1')",
  "new Function('return Date')",
  'new WeakRef({})',
]

const MODULES = ['node:fs', 'fs', 'node:crypto', 'pino', '@grpc/grpc-js']

interface Sample {
  /** Relative to the root of the tree. */
  readonly file: string
  readonly line: string
}

function folderImports(from: string): { allowed: string[]; forbidden: string[] } {
  const allowed = (to: string): boolean => {
    if (to === from || from === 'server') return true
    if (PURE.includes(from)) return to === 'base' && from !== 'base'
    return PURE.includes(to)
  }
  const others = FOLDERS.filter((to) => to !== from)
  return { allowed: others.filter(allowed), forbidden: others.filter((to) => !allowed(to)) }
}

function forbiddenLines(folder: string): string[] {
  const lines = folderImports(folder).forbidden.flatMap((to) => [
    `import { a } from '../${to}/a.ts'\na()`,
    `import type { A } from '../${to}/a.ts'\nexport type B = A`,
    `export { a } from '../${to}/a.ts'`,
    `export * from '../${to}/a.ts'`,
    `import '../../src/${to}/a.ts'`,
    `import './../${to}/a.ts'`,
  ])
  lines.push("import '../../test/support/a.ts'", "import '../../bench/a.ts'")
  if (!PURE.includes(folder)) return lines
  const imports = MODULES.flatMap((name) => [
    `import a from '${name}'\na()`,
    `import type { A } from '${name}'\nexport type B = A`,
    `export * from '${name}'`,
    `void import('${name}')`,
    `export type B = import('${name}').A`,
  ])
  return [...lines, ...imports, 'export const load = (name: string) => import(name)', ...EFFECTS]
}

function allowedLines(folder: string): string[] {
  return [
    ...folderImports(folder).allowed.map((to) => `import { a } from '../${to}/a.ts'\na()`),
    "import { b } from './b.ts'\nb()",
    'Math.max(1, 2)',
    ...(PURE.includes(folder) ? [] : ["import { open } from 'node:fs'\nopen()", 'Date.now()']),
  ]
}

function samplesOf(lines: (folder: string) => string[], kind: string): Sample[] {
  return FOLDERS.flatMap((folder) =>
    lines(folder).map((line, i) => ({ file: `src/${folder}/${kind}${i}.ts`, line })),
  )
}

const forbidden = samplesOf(forbiddenLines, 'forbidden')
const allowed = samplesOf(allowedLines, 'allowed')
const elsewhere: Sample[] = ['test/raft/a.ts', 'bench/a.ts'].map((file) => ({
  file,
  line: "import fs from 'node:fs'\nimport { a } from '../../src/server/a.ts'\na(fs, Date.now())",
}))

let tree: string
let refused: ReadonlySet<string>

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'quorate-lint-'))
  copyFileSync(join(ROOT, '.oxlintrc.json'), join(tree, '.oxlintrc.json'))
  for (const { file, line } of [...forbidden, ...allowed, ...elsewhere]) {
    mkdirSync(dirname(join(tree, file)), { recursive: true })
    writeFileSync(join(tree, file), `${line}\n`)
  }
  refused = filesWithErrors()
})

afterAll(() => {
  rmSync(tree, { recursive: true })
})

/** Rules on types are another matter: the copy has nothing to resolve types with. */
function filesWithErrors(): ReadonlySet<string> {
  const config = join(tree, '.oxlintrc.json')
  const settings = JSON.parse(readFileSync(config, 'utf8')) as Record<string, unknown>
  writeFileSync(config, JSON.stringify({ ...settings, options: {} }))
  const { stdout } = spawnSync(process.execPath, [LINTER, '-f', 'unix', '.'], {
    cwd: tree,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  return new Set(
    [...stdout.matchAll(/^(\S+?):\d+:\d+: .*\[Error\//gm)].map((match) => match[1] ?? ''),
  )
}

describe.each(FOLDERS)('src/%s', (folder) => {
  const inside = ({ file }: Sample): boolean => file.startsWith(`src/${folder}/`)

  test.each(forbidden.filter(inside))('refuses $line', ({ file }) => {
    expect(refused.has(file)).toBe(true)
  })

  test.each(allowed.filter(inside))('takes $line', ({ file }) => {
    expect(refused.has(file)).toBe(false)
  })
})

test('tests and benchmarks import what they like', () => {
  expect(elsewhere.filter(({ file }) => refused.has(file))).toEqual([])
})

test('no file of a pure folder switches the linter off', () => {
  const directive = /(oxlint|eslint)-disable/
  const offenders = PURE.flatMap((folder) => sourcesIn(join('src', folder))).filter((file) =>
    directive.test(readFileSync(join(ROOT, file), 'utf8')),
  )
  expect(offenders).toEqual([])
})

test('the linter looks at every source', () => {
  const listed = execFileSync(process.execPath, [LINTER, '--debug=files', 'src'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const missing = sourcesIn('src').filter((file) => !listed.includes(file))
  expect(missing).toEqual([])
})

function sourcesIn(folder: string): string[] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .map((file) => join('src', file))
    .filter((file) => file.endsWith('.ts') && file.startsWith(`${folder}/`))
}
