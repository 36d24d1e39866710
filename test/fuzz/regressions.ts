/** Inputs that once failed, one line of hex each, in a file per decoder below `corpus`. */

import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const FOLDER = path.resolve('test/fuzz/corpus')

export function regressionsOf(decoder: string): Buffer[] {
  const file = fileOf(decoder)
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => Buffer.from(line.trim(), 'hex'))
}

export function keepRegression(decoder: string, what: string, input: Uint8Array): void {
  const hex = Buffer.from(input).toString('hex')
  if (regressionsOf(decoder).some((known) => known.toString('hex') === hex)) return
  mkdirSync(FOLDER, { recursive: true })
  appendFileSync(fileOf(decoder), `# ${what.replaceAll('\n', ' ').slice(0, 160)}\n${hex}\n`)
}

function fileOf(decoder: string): string {
  return path.join(FOLDER, `${decoder.replace('/', '.')}.txt`)
}
