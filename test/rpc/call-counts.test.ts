import { expect, test } from 'vitest'
import { CallCounts } from '../../src/rpc/call-counts.ts'
import { STATUS } from '../../src/rpc/status.ts'

const PUT = { kind: 'unary', path: '/etcdserverpb.KV/Put' } as const
const WATCH = { kind: 'bidi', path: '/etcdserverpb.Watch/Watch' } as const

test('what one thread counts, another one reads', () => {
  const reader = new CallCounts([PUT, WATCH])
  const counter = new CallCounts([PUT, WATCH], reader.memory)
  expect(reader.byMethod()).toEqual([])
  for (const code of [STATUS.OK, STATUS.OK, STATUS.UNAUTHENTICATED, 99]) {
    counter.onStarted(WATCH.path)
    counter.onReceived(WATCH.path, WATCH.kind, 5)
    counter.onSent(WATCH.path, WATCH.kind, 2 ** 40)
    counter.onSent(WATCH.path, WATCH.kind, 1)
    counter.onFinished(WATCH.path, WATCH.kind, code)
  }
  const handled: number[] = []
  handled[STATUS.OK] = 2
  handled[STATUS.UNKNOWN] = 1
  handled[STATUS.UNAUTHENTICATED] = 1
  expect(reader.byMethod()).toEqual([{ ...WATCH, started: 4, received: 4, sent: 8, handled }])
  expect(reader.receivedBytes).toBe(20)
  expect(reader.sentBytes).toBe(2 ** 42 + 4)
})
