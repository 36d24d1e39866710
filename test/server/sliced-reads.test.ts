import { describe, expect, test } from 'vitest'
import { SERVER_READER, SlicedReads, type GiveWay } from '../../src/server/sliced-reads.ts'
import { isSettled, turns } from './support/doubles.ts'

/** A read that takes as many slices as it is given turns. */
async function endless(giveWay: GiveWay): Promise<never> {
  for (;;) await giveWay()
}

test('a read goes on while somebody waits for it', async () => {
  const reads = new SlicedReads()
  const result = reads.run(SERVER_READER, async (giveWay) => {
    for (let i = 0; i < 3; i++) await giveWay()
    return 'done'
  })
  expect(await result).toBe('done')
})

test('a read ends at its next slice when its reader has gone away', async () => {
  const reader = { cancelled: false }
  const read = new SlicedReads().run(reader, endless)
  expect(await isSettled(read)).toBe(false)
  reader.cancelled = true
  await expect(read).rejects.toThrow('context canceled')
})

test('a stop ends reads under way, waits for the last of them, and refuses new ones', async () => {
  const reads = new SlicedReads()
  let hasEnded = false
  const slow = reads.run(SERVER_READER, async (giveWay) => {
    try {
      await endless(giveWay)
    } finally {
      await new Promise((resolve) => setImmediate(resolve))
      hasEnded = true
    }
  })
  const refused = expect(slow).rejects.toThrow('etcdserver: server stopped')
  await reads.stop()
  expect(hasEnded).toBe(true)
  await refused
  const late = reads.run(SERVER_READER, () => Promise.resolve('late'))
  await expect(late).rejects.toThrow('etcdserver: server stopped')
})

test('a stop has nothing to wait for when nothing is read', async () => {
  await new SlicedReads().stop()
})

describe('a pause', () => {
  test('waits for the reads under way, and holds back those that come', async () => {
    const reads = new SlicedReads()
    let finish: () => void = () => undefined
    const first = reads.run(SERVER_READER, () => new Promise<void>((resolve) => (finish = resolve)))
    const paused = reads.pause()
    const second = reads.run(SERVER_READER, () => Promise.resolve('read'))
    const admitted = reads.admission()
    expect(await isSettled(paused)).toBe(false)
    finish()
    await Promise.all([first, paused])
    expect(await isSettled(second)).toBe(false)
    expect(await isSettled(admitted)).toBe(false)
    reads.resume()
    expect(await second).toBe('read')
    await admitted
    expect(reads.isOpen).toBe(true)
  })

  test('does not wait for a read that waits for somebody else, but ends it', async () => {
    const reads = new SlicedReads()
    let arrive: () => void = () => undefined
    const outside = new Promise<void>((resolve) => (arrive = resolve))
    const read = reads.run(SERVER_READER, async (_giveWay, stepOut) => stepOut(outside))
    await reads.pause()
    arrive()
    expect(await isSettled(read)).toBe(false)
    reads.resume()
    await expect(read).rejects.toThrow('etcdserver: leader changed')
    await reads.pause()
  })

  test('leaves alone a read that waited for somebody else and came back before it', async () => {
    const reads = new SlicedReads()
    let finish: () => void = () => undefined
    const read = reads.run(SERVER_READER, async (_giveWay, stepOut) => {
      await stepOut(Promise.resolve())
      await new Promise<void>((resolve) => (finish = resolve))
      return 'read'
    })
    await turns()
    const paused = reads.pause()
    expect(await isSettled(paused)).toBe(false)
    finish()
    expect(await read).toBe('read')
    await paused
  })
})
