import { expect, test } from 'vitest'
import { connectionsMax } from '../../src/server/client-sockets.ts'

test('connections leave open files for the databases', () => {
  expect(connectionsMax(20_000, 1)).toBe(10_000)
  expect(connectionsMax(4096, 1)).toBe(4096 - 1200)
  expect(connectionsMax(1024, 1)).toBe(256)
  expect(connectionsMax(Infinity, 1)).toBe(10_000)
})

test('listeners share what there is, and each may have one', () => {
  expect(connectionsMax(4096, 2)).toBe((4096 - 1200) / 2)
  expect(connectionsMax(4, 3)).toBe(1)
})
