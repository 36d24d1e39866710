/**
 * When there is much to do in a schedule. A long one is idle for the most part: what happens in the
 * long run happens, and it costs little.
 *
 *     0 ████──────────██──███████──────────────────────────────█──────── duration
 */

import { Draws } from './draws.ts'

export interface Period {
  readonly fromMs: number
  readonly toMs: number
}

/** Shorter schedules are busy all the time. */
const SHORT_MS = 30_000
const TOTALS_MS = [6000, 12_000, 20_000, 30_000]
const LENGTHS_MS = [500, 2000, 5000, 10_000]

/** In order of time, the first at the begin, none overlapping. */
export function busyTimes(seed: number, durationMs: number): Period[] {
  if (durationMs <= SHORT_MS) return [{ fromMs: 0, toMs: durationMs }]
  const draws = new Draws(seed, 'busy')
  let left = draws.pick(TOTALS_MS)
  const lengths: number[] = []
  while (left > 0) {
    const length = Math.min(left, draws.exponential(draws.pick(LENGTHS_MS)) + 100)
    lengths.push(length)
    left -= length
  }
  const idleMs = durationMs - lengths.reduce((sum, length) => sum + length, 0)
  // Cubes: some pauses are much longer than others.
  const shares = lengths.map(() => draws.fraction() ** 3 + 0.001)
  const total = shares.reduce((sum, share) => sum + share, 0)
  let at = 0
  return lengths.map((length, i) => {
    const fromMs = Math.round(at)
    at += length + (idleMs * shares[i]!) / total
    return { fromMs, toMs: Math.round(fromMs + length) }
  })
}

export function isBusy(busy: readonly Period[], atMs: number): boolean {
  return busy.some(({ fromMs, toMs }) => atMs >= fromMs && atMs < toMs)
}

/** Infinity when none begins any more. */
export function nextBusy(busy: readonly Period[], afterMs: number): number {
  return busy.find(({ fromMs }) => fromMs > afterMs)?.fromMs ?? Infinity
}

export function busyMs(busy: readonly Period[]): number {
  return busy.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)
}

/** The time when this share of all busy time is over. */
export function timeOf(busy: readonly Period[], share: number): number {
  let left = share * busyMs(busy)
  for (const { fromMs, toMs } of busy) {
    if (left <= toMs - fromMs) return fromMs + left
    left -= toMs - fromMs
  }
  return busy.at(-1)?.toMs ?? 0
}
