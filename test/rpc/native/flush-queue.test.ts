import { expect, test } from 'vitest'
import { FlushQueue, type Flushable } from '../../../src/rpc/native/flush-queue.ts'

test('everything is flushed once, behind all promises that the turn settles', async () => {
  const events: string[] = []
  const queue = new FlushQueue()
  const one: Flushable = { flush: () => void events.push('flush one') }
  const two: Flushable = { flush: () => void events.push('flush two') }
  const write = async (name: string, turns: number): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    events.push(name)
  }
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      queue.add(one)
      process.nextTick(() => void events.push('tick'))
      void write('short', 1)
      void write('long', 20).then(() => queue.add(two))
      setImmediate(resolve)
    })
  })
  expect(events).toEqual(['tick', 'short', 'long', 'flush one', 'flush two'])
})

test('what is written while flushing is flushed later', async () => {
  const queue = new FlushQueue()
  let flushes = 0
  const again: Flushable = {
    flush: () => {
      flushes++
      if (flushes < 3) queue.add(again)
    },
  }
  queue.add(again)
  await new Promise(setImmediate)
  expect(flushes).toBe(3)
})

test('what is answered while sockets are read is flushed when all are read', async () => {
  const queue = new FlushQueue()
  const events: string[] = []
  queue.afterReading({ flush: () => void events.push('first') })
  await new Promise<void>((resolve) => {
    process.nextTick(resolve)
  })
  await Promise.resolve()
  events.push('another socket is read')
  queue.afterReading({ flush: () => void events.push('second') })
  await new Promise(setImmediate)
  expect(events).toEqual(['another socket is read', 'first', 'second'])
  queue.afterReading({ flush: () => void events.push('later') })
  await new Promise(setImmediate)
  expect(events.at(-1)).toBe('later')
})
