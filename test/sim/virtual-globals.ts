/**
 * Puts a world's time in place of the global timers, and catches what its steps throw. The product
 * looks the globals up when it calls them, so it need not know.
 */

import type { Owner, Step, World } from './world.ts'

class VirtualTimer {
  readonly #world: World
  readonly #owner: Owner
  readonly #everyMs: number | undefined
  readonly #run: () => void
  #step: Step

  constructor(world: World, delayMs: number, isRepeated: boolean, run: () => void) {
    this.#world = world
    this.#owner = world.current
    this.#run = run
    const localMs = Math.max(1, delayMs)
    this.#everyMs = isRepeated ? localMs : undefined
    this.#step = this.#plan(localMs)
  }

  #plan(localMs: number): Step {
    const owner = this.#owner
    return this.#world.after(owner, localMs / owner.rate, 'timer', () => {
      if (this.#everyMs !== undefined) this.#step = this.#plan(this.#everyMs)
      this.#run()
    })
  }

  clear(): void {
    this.#step.isForgotten = true
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  hasRef(): boolean {
    return true
  }
}

type Callback = (...args: unknown[]) => void

/** Returns how it was. */
export function installGlobals(world: World): () => void {
  const names = [
    'setTimeout',
    'setInterval',
    'setImmediate',
    'clearTimeout',
    'clearInterval',
    'clearImmediate',
  ] as const
  const target = globalThis as unknown as Record<string, unknown>
  const before = names.map((name) => target[name])
  const real = { clearTimeout: globalThis.clearTimeout, clearImmediate: globalThis.clearImmediate }
  target['setTimeout'] = (run: Callback, ms = 1, ...args: unknown[]) =>
    new VirtualTimer(world, ms, false, () => run(...args))
  target['setInterval'] = (run: Callback, ms = 1, ...args: unknown[]) =>
    new VirtualTimer(world, ms, true, () => run(...args))
  target['setImmediate'] = (run: Callback, ...args: unknown[]) =>
    world.soon(world.current, 'immediate', () => run(...args))
  const clearTimer = (timer: unknown): void => {
    if (timer instanceof VirtualTimer) timer.clear()
    else real.clearTimeout(timer as NodeJS.Timeout)
  }
  target['clearTimeout'] = clearTimer
  target['clearInterval'] = clearTimer
  target['clearImmediate'] = (step: unknown) => {
    if (isStep(step)) step.isForgotten = true
    else real.clearImmediate(step as NodeJS.Immediate)
  }
  const onError = (error: unknown): void => world.onError(world.current, error)
  const listeners = (['unhandledRejection', 'uncaughtException'] as const).map((event) => {
    const others = process.listeners(event as 'uncaughtException')
    process.removeAllListeners(event)
    process.on(event, onError)
    return { event, others }
  })
  return () => {
    names.forEach((name, i) => (target[name] = before[i]))
    for (const { event, others } of listeners) {
      process.removeListener(event, onError)
      for (const other of others) process.on(event as 'uncaughtException', other)
    }
  }
}

function isStep(value: unknown): value is Step {
  return typeof value === 'object' && value !== null && 'isForgotten' in value
}
