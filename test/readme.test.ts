/** The README says what works; these tests keep its table true. */

import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { flagNames } from '../src/server/flags.ts'
import { newMemoryServer } from './support/memory-server.ts'

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** The row of the table "What works" whose first cell is `name`: its other cells. */
function row(name: string): { today: string; notYet: string } {
  const line = README.split('\n').find((text) => text.startsWith(`| ${name} `))
  const [, , today = '', notYet = ''] = (line ?? '').split('|').map((cell) => cell.trim())
  return { today, notYet }
}

function codeWords(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word ?? '')
}

describe('the table "What works" of the README', () => {
  let served: string[] = []
  beforeAll(async () => {
    const server = await newMemoryServer()
    served = server.methods().map(({ path }) => path)
  })

  test('lists exactly the flags that exist', () => {
    const listed = codeWords(row('**flags**').today).map((flag) => flag.replace(/^--/, ''))
    expect(listed.toSorted()).toEqual([...flagNames(), 'version', 'help'].toSorted())
  })

  test.each([
    ...['KV', 'Watch', 'Lease', 'Cluster', 'Maintenance'].map((name) => ({
      name,
      apiPackage: 'etcdserverpb',
    })),
    { name: 'Lock', apiPackage: 'v3lockpb' },
    { name: 'Election', apiPackage: 'v3electionpb' },
  ])('lists exactly the calls of $name that are served', ({ name, apiPackage }) => {
    const prefix = `/${apiPackage}.${name}/`
    const calls = served.filter((path) => path.startsWith(prefix))
    const names = calls.map((path) => path.slice(prefix.length))
    expect(codeWords(row(`**${name}**`).today).toSorted()).toEqual(names.toSorted())
  })

  test('names no call as missing that is served', () => {
    const names = served.map((path) => path.split('/')[2] ?? '')
    for (const name of ['**Cluster**', '**Maintenance**']) {
      for (const missing of codeWords(row(name).notYet)) expect(names).not.toContain(missing)
    }
  })
})
