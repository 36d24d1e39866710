/** What an ambush does, as a fault of its own. */

import type { Fault } from './fault.ts'

export function strikeOf(fault: Extract<Fault, { kind: 'ambush' }>, target: number): Fault {
  const { atMs, strike, strikeMs, keeps } = fault
  switch (strike) {
    case 'crash': {
      const keepInFlight = keeps % 2 === 1
      return {
        kind: strike,
        atMs,
        target,
        downMs: strikeMs,
        keepInFlight,
        keeps,
        loseUnsynced: false,
      }
    }
    case 'crash-all':
      return { kind: strike, atMs, downMs: strikeMs, keeps, keepsInFlight: keeps >> 5 }
    case 'pause':
      return { kind: strike, atMs, target, forMs: strikeMs }
    case 'isolate':
      return { kind: strike, atMs, target, way: 'both', forMs: strikeMs }
    case 'silence':
      return { kind: 'isolate', atMs, target, way: 'out', forMs: strikeMs }
    case 'deafen':
      return { kind: 'isolate', atMs, target, way: 'in', forMs: strikeMs }
  }
}
