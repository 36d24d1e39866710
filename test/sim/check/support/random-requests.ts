/** Requests of simulated clients: few keys, values that are unique, compares that sometimes hold. */

import type {
  Compare,
  DeleteRequest,
  Interval,
  PutRequest,
  RangeRequest,
  TxnOperation,
  TxnRequest,
} from '../history.ts'
import type { KvModel } from '../kv-model.ts'
import type { Random } from './random.ts'

export class RandomRequests {
  readonly #random: Random
  readonly #keys: readonly string[]
  readonly #isSimple: boolean
  #values = 0

  /** Simple ones are about one key, and not about revisions. */
  constructor(random: Random, keyCount: number, isSimple: boolean) {
    this.#random = random
    this.#keys = Array.from({ length: keyCount }, (_, i) => `k${String(i).padStart(2, '0')}`)
    this.#isSimple = isSimple
  }

  get keys(): readonly string[] {
    return this.#keys
  }

  interval(): Interval {
    const key = this.#random.pick(this.#keys)
    if (this.#isSimple || this.#random.chance(0.5)) return { key }
    const rangeEnd = this.#random.pick([...this.#keys, '\0', 'l'])
    return this.#random.chance(0.3) ? { key: '\0', rangeEnd: '\0' } : { key, rangeEnd }
  }

  /** Never the same twice. */
  value(): string {
    return `v${++this.#values}`
  }

  put(lease?: bigint): PutRequest {
    const random = this.#random
    return {
      type: 'put',
      key: random.pick(this.#keys),
      value: this.value(),
      ...(lease === undefined ? {} : { lease }),
      ...(random.chance(0.3) ? { prevKv: true } : {}),
    }
  }

  keepingPut(): PutRequest {
    return { type: 'put', key: this.#random.pick(this.#keys), value: '', ignoreValue: true }
  }

  delete(): DeleteRequest {
    const prevKv = this.#random.chance(0.3) ? { prevKv: true } : {}
    return { type: 'delete', ...this.interval(), ...prevKv }
  }

  range(store: KvModel): RangeRequest {
    const random = this.#random
    const interval = this.interval()
    const isOld = !this.#isSimple && random.chance(0.2)
    const revision = random.int(Math.max(store.compacted - 1, 1), store.revision + 1)
    return {
      type: 'range',
      ...interval,
      ...(isOld ? { revision } : {}),
      ...(random.chance(0.2) ? { limit: random.int(1, 3) } : {}),
      ...(random.chance(0.1) ? { order: random.pick(['ascend', 'descend'] as const) } : {}),
      ...(random.chance(0.1) ? { target: random.pick(['mod', 'version', 'value'] as const) } : {}),
      ...(random.chance(0.05) ? { countOnly: true } : {}),
      ...(random.chance(0.05) ? { keysOnly: true } : {}),
    }
  }

  txn(store: KvModel): TxnRequest {
    const random = this.#random
    const key = random.pick(this.#keys)
    const count = random.int(1, this.#isSimple ? 1 : 3)
    const branch = (): TxnOperation[] => {
      const operations: TxnOperation[] = []
      for (let i = 0; i < random.int(0, count); i++) operations.push(this.#operation(store, key, i))
      return operations
    }
    const compares = [this.#compare(store, key)]
    const success: TxnOperation[] = [{ ...this.put(), key }, ...branch()]
    const nested: TxnOperation[] =
      !this.#isSimple && random.chance(0.2)
        ? [{ type: 'txn', compares, success: [{ type: 'range', key }], failure: [] }]
        : []
    return { type: 'txn', compares, success: [...success, ...nested], failure: branch() }
  }

  /** Only the first one of a transaction writes, so that no key is written twice. */
  #operation(store: KvModel, key: string, place: number): TxnOperation {
    if (this.#isSimple) return { type: 'range', key }
    if (place === 0 && this.#random.chance(0.5)) {
      const others = this.#keys.filter((one) => one !== key)
      if (others.length > 0) return { ...this.put(), key: this.#random.pick(others) }
    }
    if (place === 1 && this.#random.chance(0.3)) return { type: 'delete', key: 'z' }
    const { revision: _, ...range } = this.range(store)
    return range
  }

  #compare(store: KvModel, key: string): Compare {
    const random = this.#random
    const kv = store.at(key, store.revision)
    const off = random.chance(0.3) ? 1 : 0
    const result = random.chance(0.8) ? ('equal' as const) : ('not-equal' as const)
    const version = { target: 'version', operand: (kv?.version ?? 0) + off } as const
    if (this.#isSimple) {
      if (random.chance(0.5)) return { key, result, ...version }
      return { key, result, target: 'value', operand: kv?.value ?? '' }
    }
    const kind = random.pick(['version', 'create', 'mod', 'value'] as const)
    if (kind === 'value') return { key, result, target: 'value', operand: kv?.value ?? '' }
    if (kind === 'create') {
      return { key, result, target: 'create', operand: (kv?.createRevision ?? 0) + off }
    }
    if (kind === 'mod') return { key, result, target: 'mod', operand: (kv?.modRevision ?? 0) + off }
    return { key, result, ...version }
  }
}
