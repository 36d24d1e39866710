import { afterEach, expect, test, vi } from 'vitest'
import { AssertionError } from '../../src/base/assert.ts'
import { CallState } from '../../src/rpc/call-state.ts'
import { defineUnary } from '../../src/rpc/engine.ts'
import { STATUS, StatusError } from '../../src/rpc/status.ts'
import { recordingLogger, TEXT_CODEC, type LogLine } from './engine-harness.ts'

const METHOD = defineUnary('/test.Text/Unary', TEXT_CODEC, (text: string) => text)

afterEach(() => {
  vi.restoreAllMocks()
})

function newState(): {
  readonly state: CallState
  readonly log: LogLine[]
  readonly ends: number[]
} {
  const log: LogLine[] = []
  const ends: number[] = []
  const observer = {
    onStarted: () => undefined,
    onReceived: () => undefined,
    onSent: () => undefined,
    onFinished: (_path: string, _kind: string, code: number) => void ends.push(code),
  }
  const state = new CallState(METHOD, { logger: recordingLogger(log), observer })
  return { state, log, ends }
}

test('a call finishes once, and the observer hears of the first end alone', () => {
  const { state, ends } = newState()
  expect(state.finish(STATUS.OK)).toBe(true)
  expect(state.finish(STATUS.UNKNOWN)).toBe(false)
  state.cancel(STATUS.CANCELLED)
  expect(state.isCancelled).toBe(false)
  expect(ends).toEqual([STATUS.OK])
})

test('every cancel listener runs, even when one of them throws', () => {
  const { state, log } = newState()
  const ran: string[] = []
  state.onCancel(() => {
    ran.push('first')
    throw new Error('bug')
  })
  state.onCancel(() => void ran.push('second'))
  state.cancel(STATUS.CANCELLED)
  state.cancel(STATUS.CANCELLED)
  expect(ran).toEqual(['first', 'second'])
  expect(log).toHaveLength(1)
})

test('a broken invariant in a handler is thrown again where nobody catches it', () => {
  const { state } = newState()
  const later = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => undefined)
  state.statusOf(new TypeError('a bug'))
  state.statusOf(new StatusError(STATUS.ABORTED, 'expected'))
  expect(later).not.toHaveBeenCalled()
  const broken = new AssertionError('broken')
  state.statusOf(broken)
  expect(later.mock.calls[0]![0]).toThrow(broken)
})
