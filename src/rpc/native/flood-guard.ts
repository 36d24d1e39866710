/**
 * What a client may do for nothing, in bounds: each kind of it has a bucket of tokens that fills
 * up slowly. A client that empties one is cut off; no honest one comes near.
 */

interface Budget {
  readonly burst: number
  readonly perSecond: number
}

const BUDGETS = {
  /** Calls cancelled before anything was answered (CVE-2023-44487), and those refused. */
  reset: { burst: 10_000, perSecond: 1000 },
  /** Streams that had to be reset because of what the client did on them (CVE-2025-8671). */
  'stream-error': { burst: 100, perSecond: 10 },
  settings: { burst: 100, perSecond: 10 },
  ping: { burst: 1000, perSecond: 100 },
  /** Frames without effect: empty DATA, PRIORITY, unknown types, late frames of closed streams. */
  noise: { burst: 10_000, perSecond: 1000 },
} as const satisfies Record<string, Budget>

export type FloodKind = keyof typeof BUDGETS

interface Bucket {
  tokens: number
  filledMs: number
}

export class FloodGuard {
  readonly #nowMs: () => number
  /** Only of kinds that were seen. */
  readonly #buckets = new Map<FloodKind, Bucket>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** False when there was too much of it. */
  allows(kind: FloodKind): boolean {
    const budget = BUDGETS[kind]
    let bucket = this.#buckets.get(kind)
    if (bucket === undefined) {
      bucket = { tokens: budget.burst, filledMs: this.#nowMs() }
      this.#buckets.set(kind, bucket)
    }
    if (bucket.tokens < 1) fill(bucket, budget, this.#nowMs())
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }
}

function fill(bucket: Bucket, budget: Budget, nowMs: number): void {
  const gained = ((nowMs - bucket.filledMs) / 1000) * budget.perSecond
  bucket.tokens = Math.min(budget.burst, bucket.tokens + gained)
  bucket.filledMs = nowMs
}
