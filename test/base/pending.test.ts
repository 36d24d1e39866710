import { describe, expect, test } from 'vitest'
import { Pending, promiseOf, type PendingListener } from '../../src/base/pending.ts'

class Told implements PendingListener<string> {
  readonly heard: string[] = []

  onValue(value: string): void {
    this.heard.push(`value ${value}`)
  }

  onFailure(error: unknown): void {
    this.heard.push(`failure ${String(error)}`)
  }
}

describe('a pending value', () => {
  test('tells its listener in the moment in which it comes', () => {
    const told = new Told()
    const pending = new Pending<string>()
    pending.listen(told)
    expect(told.heard).toEqual([])
    pending.succeed('a')
    expect(told.heard).toEqual(['value a'])
  })

  test('tells a listener that comes after the value at once', () => {
    const told = new Told()
    const pending = new Pending<string>()
    pending.succeed('a')
    pending.listen(told)
    expect(told.heard).toEqual(['value a'])
  })

  test('tells a failure, before and after there is a listener', () => {
    const told = new Told()
    for (const isEarly of [true, false]) {
      const pending = new Pending<string>()
      if (isEarly) pending.listen(told)
      pending.fail('broken')
      if (!isEarly) pending.listen(told)
    }
    expect(told.heard).toEqual(['failure broken', 'failure broken'])
  })

  test('has one listener', () => {
    const pending = new Pending<string>()
    pending.listen(new Told())
    expect(() => pending.listen(new Told())).toThrow('one listener')
  })

  test('can be awaited as a promise', async () => {
    const good = new Pending<string>()
    const bad = new Pending<string>()
    queueMicrotask(() => {
      good.succeed('a')
      bad.fail(new Error('broken'))
    })
    await expect(promiseOf(bad)).rejects.toThrow('broken')
    expect(await promiseOf(good)).toBe('a')
    expect(await promiseOf(Promise.resolve('b'))).toBe('b')
  })
})
