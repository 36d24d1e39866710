import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { readHistoryFile } from './history-file.ts'
import { encodeLine, linesOf } from './history-lines.ts'
import { judge } from './judge.ts'
import { VALUE_MUTATIONS } from './support/value-mutations.ts'
import { draftOf } from './support/mutation.ts'
import { Random } from './support/random.ts'
import { randomHistory } from './support/random-history.ts'

const SHAPE = { seed: 5, unknown: 0.1, leases: true, observers: 3 }

test('a correct history is correct, and what was in it is counted', () => {
  const history = randomHistory(SHAPE)
  const { type, counts, violations, unknowns, search } = judge(history, { converged: true })
  expect([type, violations, unknowns, search?.type]).toEqual(['correct', [], [], 'linearizable'])
  expect(counts.operations).toBe(history.operations.length)
  expect(counts.answered + counts.failed + counts.unknown).toBe(counts.operations)
})

test('a search that gives up leaves the history undecided, never correct', () => {
  const judgement = judge(randomHistory(SHAPE), { search: { maxVisited: 3 } })
  expect([judgement.type, judgement.unknowns.length]).toEqual(['unknown', 1])
  expect(judge(randomHistory(SHAPE), { search: 'none' }).search).toBeUndefined()
})

test('a stale read is a violation, by the check and by the search', () => {
  const draft = draftOf(randomHistory({ seed: 1, unknown: 0.05 }), new Random(1))
  const { type, violations } = judge(
    VALUE_MUTATIONS['a value that was overwritten before']!.mutate(draft)!,
  )
  expect(type).toBe('violated')
  const kinds = violations.map(({ kind }) => kind)
  expect(kinds).toEqual(expect.arrayContaining(['real-time-order', 'not-linearizable']))
})

test('a saved history says how it wants to be judged, and a torn last line is no harm', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'history-'))
  try {
    const file = path.join(folder, 'history.jsonl')
    const history = randomHistory(SHAPE)
    const options = { converged: true, leases: { lateMs: 20 } }
    const lines = [encodeLine({ line: 'options', options }), ...linesOf(history)]
    await writeFile(file, `${lines.join('\n')}\n`)
    expect(await readHistoryFile(file)).toEqual({ history, options, tornLines: 0 })
    await writeFile(file, `${lines.join('\n')}\n{"line":"oper`)
    expect(await readHistoryFile(file)).toEqual({ history, options, tornLines: 1 })
    await writeFile(file, `{"line":"oper\n${lines.join('\n')}\n`)
    await expect(readHistoryFile(file)).rejects.toThrow(SyntaxError)
  } finally {
    await rm(folder, { recursive: true })
  }
})
