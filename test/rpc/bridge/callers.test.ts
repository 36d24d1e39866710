import { expect, test } from 'vitest'
import { Caller, CallerNumbers, CALLERS_KEPT } from '../../../src/rpc/bridge/callers.ts'
import type { CallContext } from '../../../src/rpc/engine.ts'

const NAMES = ['hasleader', 'version']

function context(peerAddress: string, metadata: Record<string, string> = {}): CallContext {
  return {
    peerAddress,
    metadata: (name) => metadata[name],
    cancelled: false,
    onCancel: () => undefined,
  }
}

/** Both ends, and what has crossed. */
function ends() {
  const crossed: number[] = []
  const callers: Caller[] = []
  const numbers = new CallerNumbers(NAMES, (number, bytes) => {
    crossed.push(number)
    callers[number] = new Caller(NAMES, bytes)
  })
  return { crossed, callers, numbers }
}

test('a caller crosses once, whole', () => {
  const { crossed, callers, numbers } = ends()
  const first = numbers.of(context('[::1]:7', { version: '3.6', hasleader: 'true' }))
  expect(numbers.of(context('[::1]:7', { version: '3.6', hasleader: 'true' }))).toBe(first)
  expect(crossed).toEqual([first])
  const caller = callers[first]!
  expect(caller.peerAddress).toBe('[::1]:7')
  expect(NAMES.map((name) => caller.metadata(name))).toEqual(['true', '3.6'])
})

test('what is absent, empty and not ASCII stays so', () => {
  const { callers, numbers } = ends()
  const number = numbers.of(context('a:1', { version: '' }))
  expect(callers[number]!.metadata('version')).toBe('')
  expect(callers[number]!.metadata('hasleader')).toBeUndefined()
  const strange = '\xff=\xe9'
  const other = numbers.of(context('a:1', { version: strange }))
  expect(other).not.toBe(number)
  expect(callers[other]!.metadata('version')).toBe(strange)
})

test('however many callers there are, few are kept, and each call has its own', () => {
  const { callers, numbers } = ends()
  for (let port = 0; port < CALLERS_KEPT * 2.5; port++) {
    const number = numbers.of(context(`a:${port}`))
    expect(callers[number]!.peerAddress).toBe(`a:${port}`)
  }
  expect(callers.length).toBe(CALLERS_KEPT)
})

test('however long the metadata of many callers is, little is kept', () => {
  const { callers, numbers } = ends()
  const version = (at: number): string => `${at} ${'x'.repeat(16_000)}`
  for (let at = 0; at < 100; at++) {
    const number = numbers.of(context('a:1', { version: version(at) }))
    expect(callers[number]!.metadata('version')).toBe(version(at))
  }
  expect(callers.filter((caller) => caller !== undefined)).toHaveLength(1)
})

test('metadata that the bridge does not carry must not be asked for', () => {
  const { callers, numbers } = ends()
  const number = numbers.of(context('a:1'))
  expect(() => callers[number]!.metadata('token')).toThrow('metadata that is read')
})
