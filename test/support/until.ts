/**
 * Waiting for something that can only be asked for: a leader, a member that has caught up. Asks
 * again and again for a bounded time, and tells the last answer when the time is over.
 */

import { setTimeout as pause } from 'node:timers/promises'

const ASK_AGAIN_MS = 20

/** What `ask` gives once it is not undefined. An error that it throws counts as "not yet". */
export async function until<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const endAt = performance.now() + timeoutMs
  let last = 'no answer'
  for (;;) {
    try {
      const found = await ask()
      if (found !== undefined) return found
      last = 'not yet'
    } catch (error) {
      last = error instanceof Error ? error.message : String(error)
    }
    if (performance.now() >= endAt) throw new Error(`${what}: not in ${timeoutMs} ms (${last})`)
    await pause(ASK_AGAIN_MS)
  }
}
