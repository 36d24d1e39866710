/** A build of the simulator with a bug in it, beside the real one and made of hard links to it. */

import { spawnSync } from 'node:child_process'
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { applyPatch, patchesOf, type Mutant, type Patch } from './mutant.ts'

/** `dist-bench/sim`, where this file's build is. */
const build = fileURLToPath(new URL('../../../', import.meta.url))
const root = path.resolve(build, '../..')

export interface MutatedBuild {
  /** The module that runs schedules. */
  readonly worker: URL
  readonly remove: () => void
}

export function mutatedBuild(mutant: Mutant): MutatedBuild {
  const folder = path.join(root, 'dist-bench/mutants', `${mutant.name}.${process.pid}`)
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  remove()
  try {
    link(build, folder)
    mutate(folder, patchesOf(mutant))
  } catch (error) {
    remove()
    throw error
  }
  return { worker: pathToFileURL(path.join(folder, 'test/sim/worker.js')), remove }
}

function link(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name)
    const target = path.join(to, entry.name)
    if (entry.isDirectory()) link(source, target)
    else if (entry.name.endsWith('.js')) linkSync(source, target)
  }
}

/** Several patches may be of one file. */
function mutate(folder: string, patches: readonly Patch[]): void {
  const texts = new Map<string, string>()
  for (const patch of patches) {
    const text = texts.get(patch.file) ?? readFileSync(path.join(root, 'src', patch.file), 'utf8')
    texts.set(patch.file, applyPatch(text, patch))
  }
  const sources = path.join(folder, 'mutated')
  for (const [file, text] of texts) {
    const source = path.join(sources, 'src', file)
    mkdirSync(path.dirname(source), { recursive: true })
    writeFileSync(source, text)
    // The link goes: writing through it would change the real build.
    rmSync(path.join(folder, 'src', file.replace(/\.ts$/, '.js')))
    compile(source, sources, folder)
  }
}

/** That file alone, without a look at its types. */
function compile(source: string, rootDir: string, outDir: string): void {
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const options = [
    '--noCheck',
    '--noResolve',
    '--ignoreConfig',
    '--rewriteRelativeImportExtensions',
  ]
  const shape = ['--target', 'es2023', '--module', 'nodenext', '--rootDir', rootDir]
  const args = [tsc, ...options, ...shape, '--outDir', outDir, source]
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${source} does not compile: ${stdout}`)
}
