/** What one client asks for, one request after another. No value is ever put twice. */

import type { Compare, PutRequest, RangeRequest, Request, TxnOperation } from './check/history.ts'
import type { Draws } from './draws.ts'
import type { Action } from './plan.ts'

/** What clients know of each other's doings. */
export interface CommonKnowledge {
  readonly highestRevision: number
  /** The highest revision that was compacted for certain. */
  readonly compacted?: number
  readonly leases: readonly bigint[]
}

/** What takes several requests is not made here. */
export type SingleAction = Exclude<
  Action,
  | 'lock'
  | 'grant'
  | 'bury'
  | 'nurse'
  | 'hand-over'
  | 'tour'
  | 'upkeep'
  | 'campaign'
  | 'leader'
  | 'observe'
  | 'make-room'
>

export class RequestMaker {
  readonly #client: string
  readonly #draws: Draws
  readonly #shared: CommonKnowledge
  readonly #keys: number
  #round = 0
  #values = 0

  /** `client` is a letter and a number, and nobody else's; `keys` is how many there are. */
  constructor(client: string, draws: Draws, shared: CommonKnowledge, keys: number) {
    this.#client = client
    this.#draws = draws
    this.#shared = shared
    this.#keys = keys
  }

  /** What is made from here on depends on the round alone, not on earlier ones. */
  begin(round: number): void {
    this.#round = round
    this.#values = 0
  }

  /** As much as can be. */
  compactAll(): Request {
    const revision = Math.max(1, this.#shared.highestRevision)
    return { type: 'compact', revision, physical: true }
  }

  make(action: SingleAction): Request {
    const draws = this.#draws
    const key = this.#key()
    switch (action) {
      case 'put':
        return {
          type: 'put',
          key,
          value: this.value(),
          ...(draws.chance(0.3) && { prevKv: true }),
        }
      case 'leased-put': {
        const lease = this.#lease()
        return { type: 'put', key, value: this.value(), ...(lease !== 0n && { lease }) }
      }
      case 'delete': {
        const wide = draws.chance(0.15) ? { rangeEnd: 'l' } : {}
        return { type: 'delete', key, ...wide, ...(draws.chance(0.5) && { prevKv: true }) }
      }
      case 'range':
        return { type: 'range', key, ...this.#width() }
      case 'local-range':
        return { type: 'range', key, ...this.#width(), serializable: true }
      case 'old-range': {
        const revision = Math.max(1, this.#shared.highestRevision - draws.below(40) + 1)
        const local = draws.chance(0.3) ? { serializable: true } : {}
        return { type: 'range', key, ...this.#width(), revision, ...local }
      }
      case 'txn':
        return this.#compareAndPut(key)
      case 'big-txn':
        return this.#bigTxn(key)
      case 'compact':
        return this.#compaction()
      case 'odd-range':
        return this.#oddRange(key)
      case 'odd-txn':
        return this.#oddTxn(key)
      case 'move-leases':
        return this.#moveLeases()
      case 'renew':
        return { type: 'lease-keep-alive', lease: this.#lease() || 1n }
      case 'revoke':
        return { type: 'lease-revoke', lease: this.#lease() || 1n }
      case 'time-to-live':
        return { type: 'lease-time-to-live', lease: this.#lease() || 1n }
    }
  }

  #width(): { rangeEnd?: string; limit?: number } {
    const draws = this.#draws
    if (draws.chance(0.5)) return {}
    const limit = draws.chance(0.3) ? { limit: draws.between(1, 3) } : {}
    return { rangeEnd: draws.pick(['l', '\0']), ...limit }
  }

  #compareAndPut(key: string): Request {
    const draws = this.#draws
    const revision = Math.max(0, this.#shared.highestRevision - draws.below(8))
    const compare = draws.pick([
      { key, target: 'mod', result: 'equal', operand: revision },
      { key, target: 'mod', result: 'less', operand: revision },
      { key, target: 'create', result: 'equal', operand: 0 },
      { key, target: 'version', result: 'greater', operand: draws.below(4) },
    ] as const)
    const put = { type: 'put', key, value: this.value() } as const
    const failure: TxnOperation[] = draws.chance(0.5) ? [{ type: 'range', key }] : []
    return { type: 'txn', compares: [compare], success: [put], failure }
  }

  /** Several keys at once, each written at most once. */
  #bigTxn(key: string): Request {
    const other = this.#key()
    const success: TxnOperation[] = [
      { type: 'range', key: 'k', rangeEnd: 'l' },
      { type: 'put', key, value: this.value(), prevKv: true },
      { type: 'put', key: `t${this.#client.slice(1)}`, value: this.value() },
    ]
    if (other !== key) success.push({ type: 'delete', key: other })
    success.push({ type: 'range', key: 'k', rangeEnd: '\0' })
    return { type: 'txn', compares: [], success, failure: [] }
  }

  /** Mostly of what is old; now and then of everything, or of more than there is. */
  #compaction(): Request {
    const draws = this.#draws
    const { highestRevision } = this.#shared
    const kind = draws.weighted({ old: 6, all: 3, future: 1 })
    const above = kind === 'future' ? 1 + draws.below(2) : kind === 'all' ? 0 : -draws.below(30)
    const physical = draws.chance(0.2) ? { physical: true } : {}
    return { type: 'compact', revision: Math.max(1, highestRevision + above), ...physical }
  }

  /** A range with whatever a range can be asked for. */
  #oddRange(key: string): RangeRequest {
    const draws = this.#draws
    const { highestRevision } = this.#shared
    const near = (): number => Math.max(1, highestRevision - draws.below(20))
    return {
      type: 'range',
      key,
      rangeEnd: draws.pick(['l', '\0', `${key}\0`]),
      ...(draws.chance(0.4) && { limit: draws.between(1, 4) }),
      ...(draws.chance(0.5) && { order: draws.pick(['ascend', 'descend']) }),
      ...(draws.chance(0.5) && { target: draws.pick(['version', 'create', 'mod', 'value']) }),
      ...(draws.chance(0.25) && { minModRevision: near() }),
      ...(draws.chance(0.15) && { maxModRevision: near() }),
      ...(draws.chance(0.15) && { minCreateRevision: near() }),
      ...(draws.chance(0.15) && { maxCreateRevision: near() }),
      ...(draws.chance(0.2) && { keysOnly: true }),
      ...(draws.chance(0.15) && { countOnly: true }),
      ...(draws.chance(0.3) && { serializable: true }),
      ...(draws.chance(0.3) && { revision: near() }),
    }
  }

  /** Branches in branches, compares of intervals, and ranges of revisions that may be gone. */
  #oddTxn(key: string): Request {
    const draws = this.#draws
    const other = this.#key()
    const inner: TxnOperation = {
      type: 'txn',
      compares: [this.#oddCompare(other)],
      success: [{ type: 'range', key: 'k', rangeEnd: 'l' }],
      failure: other === key ? [] : [{ type: 'delete', key: other, prevKv: true }],
    }
    const mine = `t${this.#client.slice(1)}`
    const keeps = draws.chance(0.3) ? { value: '', ignoreValue: true } : { value: this.value() }
    const put: TxnOperation = { type: 'put', key, ...keeps, prevKv: true }
    const branch = (): TxnOperation[] => [
      put,
      ...(draws.chance(0.6) ? [this.#oldRange()] : []),
      ...(draws.chance(0.5) ? [inner] : []),
      ...(draws.chance(0.3) ? [{ type: 'delete', key: mine } as const] : []),
      { type: 'range', key: 'k', rangeEnd: 'l' },
    ]
    const compares = draws.chance(0.6) ? [this.#oddCompare(key)] : []
    return { type: 'txn', compares, success: branch(), failure: branch() }
  }

  /** Around the oldest revision that can be read, the newest, or anywhere between. */
  #oldRange(): RangeRequest {
    const draws = this.#draws
    const { highestRevision, compacted = 0 } = this.#shared
    const revision = draws.pick([
      compacted - 1 + draws.below(3),
      highestRevision + draws.below(2),
      highestRevision - draws.below(20),
    ])
    return { type: 'range', key: 'k', rangeEnd: 'l', revision: Math.max(1, revision) }
  }

  #oddCompare(key: string): Compare {
    const draws = this.#draws
    const interval = draws.chance(0.4) ? { key: 'k', rangeEnd: 'l' } : { key }
    const result = draws.pick(['equal', 'greater', 'less', 'not-equal'] as const)
    const { highestRevision } = this.#shared
    return draws.pick([
      { ...interval, result, target: 'value', operand: `${this.#client}.${draws.below(99)}` },
      { ...interval, result, target: 'lease', lease: this.#lease() },
      { ...interval, result, target: 'version', operand: draws.below(4) },
      { ...interval, result, target: 'create', operand: draws.chance(0.5) ? 0 : highestRevision },
      { ...interval, result, target: 'mod', operand: highestRevision - draws.below(10) },
    ] as const)
  }

  /** Keys from one lease to another, and off it. */
  #moveLeases(): Request {
    const draws = this.#draws
    const count = Math.min(this.#keys, 4)
    const from = draws.below(this.#keys)
    const success = Array.from({ length: count }, (_, i): TxnOperation => {
      const lease = draws.chance(0.8) ? this.#lease() : 0n
      const key = `k${(from + i * (this.#keys - 1)) % this.#keys}`
      return { type: 'put', key, value: this.value(), ...(lease !== 0n && { lease }) }
    })
    const unique = success.filter((op, i) =>
      success.every((one, j) => j >= i || (one as PutRequest).key !== (op as PutRequest).key),
    )
    return { type: 'txn', compares: [], success: unique, failure: [] }
  }

  #key(): string {
    return `k${this.#draws.below(this.#keys)}`
  }

  #lease(): bigint {
    const { leases } = this.#shared
    const recent = leases.slice(-6)
    return recent.length === 0 ? 0n : this.#draws.pick(recent)
  }

  /** Never the same twice. */
  value(): string {
    const more = this.#values++ === 0 ? '' : `.${this.#values}`
    return `${this.#client}.${this.#round}${more}`
  }
}
