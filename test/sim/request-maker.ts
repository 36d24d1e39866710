/** What one client asks for, one request after another. No value is ever put twice. */

import type { Request, TxnOperation } from './check/history.ts'
import type { Draws } from './draws.ts'
import type { Action } from './plan.ts'

/** What clients know of each other's doings. */
export interface CommonKnowledge {
  readonly highestRevision: number
  readonly leases: readonly bigint[]
}

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

  make(action: Exclude<Action, 'lock' | 'grant'>): Request {
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
        return {
          type: 'compact',
          revision: Math.max(1, this.#shared.highestRevision - draws.below(30)),
        }
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
