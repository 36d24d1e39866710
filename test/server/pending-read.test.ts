import { describe, expect, test } from 'vitest'

import { PendingRead } from '../../src/server/pending-read.ts'

/** What the listener of an answer is told, in order. */
function told(pending: PendingRead<string>): string[] {
  const log: string[] = []
  pending.listen({
    onValue: (value) => void log.push(value),
    onFailure: (error) => void log.push(String(error)),
  })
  return log
}

describe('a pending read', () => {
  test('reads and answers in the moment in which it may', () => {
    let state = 'before'
    const pending = new PendingRead(() => state)
    const log = told(pending)
    state = 'now'
    pending.onRead('ready')
    expect(log).toEqual(['now'])
  })

  test('that takes many turns answers at their end', async () => {
    const pending = new PendingRead(() => Promise.resolve('later'))
    const log = told(pending)
    pending.onRead('ready')
    expect(log).toEqual([])
    await Promise.resolve()
    expect(log).toEqual(['later'])
  })

  test('fails with what its read throws, at once or later', async () => {
    const thrown = new PendingRead<string>(() => {
      throw new Error('compacted')
    })
    const rejected = new PendingRead<string>(() => Promise.reject(new Error('stopped')))
    const logs = [told(thrown), told(rejected)]
    thrown.onRead('ready')
    rejected.onRead('ready')
    await new Promise((resolve) => setImmediate(resolve))
    expect(logs).toEqual([['Error: compacted'], ['Error: stopped']])
  })

  test.each(['timeout', 'stopped'] as const)('does not read after %s', (outcome) => {
    const pending = new PendingRead<string>(() => expect.unreachable())
    const [error] = (pending.onRead(outcome), told(pending))
    expect(error).toMatch(/etcdserver: /)
  })
})
