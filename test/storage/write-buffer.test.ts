import { expect, test } from 'vitest'

import { keyFromText } from '../../src/base/key.ts'
import { WriteBuffer } from '../../src/storage/write-buffer.ts'

const key = keyFromText('key')

test('a write made while an older one of its key is flushed stays visible', () => {
  const buffer = new WriteBuffer()
  buffer.add(key, Buffer.from('old'))
  const flying = buffer.take(1)
  buffer.add(key, undefined)
  buffer.done(flying)
  expect(buffer.find(key)).toEqual({ key, value: undefined })
  buffer.done(buffer.take(1))
  expect(buffer.find(key)).toBeUndefined()
})

test('writes are taken in the order of writing, in parts of about the size asked for', () => {
  const buffer = new WriteBuffer()
  for (let i = 0; i < 10; i++) buffer.add(keyFromText(`key ${i}`), Buffer.alloc(1000))
  const taken: string[] = []
  while (!buffer.isQueueEmpty) {
    const writes = buffer.take(2500)
    expect(writes.length).toBeLessThanOrEqual(3)
    taken.push(...writes.map((write) => write.key))
    buffer.done(writes)
  }
  expect(taken).toEqual(Array.from({ length: 10 }, (_, i) => `key ${i}`))
})

test('bytes count what waits and what flies, and end at zero', () => {
  const buffer = new WriteBuffer()
  buffer.add(key, Buffer.alloc(1000))
  buffer.add(key, Buffer.alloc(500))
  const all = buffer.bytes
  expect(all).toBeGreaterThan(1500)
  expect(buffer.queuedBytes).toBe(all)
  const flying = buffer.take(1)
  expect(buffer.bytes).toBe(all)
  expect(buffer.queuedBytes).toBeLessThan(all)
  buffer.done(flying)
  buffer.done(buffer.take(1))
  expect(buffer.bytes).toBe(0)
})
