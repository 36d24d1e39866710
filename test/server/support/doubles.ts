/** Stand-ins for the ports: a clock that tests advance, a log that keeps quiet, turns of the loop. */

import type { Clock, Logger, Random } from '../../../src/base/ports.ts'

export class ManualClock implements Clock {
  #nowMs = 1000

  nowMs(): number {
    return this.#nowMs
  }

  advance(ms: number): void {
    this.#nowMs += ms
  }
}

export interface RecordingLogger extends Logger {
  readonly messages: string[]
}

export function recordingLogger(): RecordingLogger {
  const messages: string[] = []
  const record = (message: string): void => void messages.push(message)
  return { messages, debug: record, info: record, warn: record, error: record }
}

/** A small linear congruential generator: enough to draw election timeouts. */
export function seededRandom(seed = 1): Random {
  let state = seed
  return {
    below(bound) {
      state = (state * 1103515245 + 12345) % 2 ** 31
      return state % bound
    },
  }
}

/** Lets everything that is ready now run: `count` turns of the event loop. */
export async function turns(count = 1): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Turns until the condition holds; fails after a time that no test comes near. */
export async function turnsUntil(condition: () => boolean): Promise<void> {
  const startMs = performance.now()
  while (!condition()) {
    if (performance.now() - startMs > 10_000) throw new Error('the condition did not come to hold')
    await turns()
  }
}

/** Whether a promise has settled by now, after what is ready has run. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const settle = (): void => void (settled = true)
  promise.then(settle, settle)
  await turns(2)
  return settled
}
