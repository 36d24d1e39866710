/** Counts of calls in memory that two threads can share: one counts, another one reads. */

import { assert } from '../base/assert.ts'
import type { CallObserver, Method, MethodName } from './engine.ts'

const CODES = 17
/** Of one method: started, received, sent, and how many ended with each code. */
const STARTED = 0
const RECEIVED = 1
const SENT = 2
const HANDLED = 3
const ROW = HANDLED + CODES
/** Before the rows. */
const RECEIVED_BYTES = 0
const SENT_BYTES = 1
const TOTALS = 2
const UNKNOWN = 2

export interface MethodCounts extends MethodName {
  readonly started: number
  readonly received: number
  readonly sent: number
  /** By status code; holes where there were none. */
  readonly handled: readonly number[]
}

export class CallCounts implements CallObserver {
  /** For another CallCounts with the same methods. */
  readonly memory: SharedArrayBuffer
  readonly #methods: readonly MethodName[]
  /** Exact beyond 32 bits, and one word each: a reader never sees half of a number. */
  readonly #numbers: Float64Array
  readonly #rows: ReadonlyMap<string, number>

  constructor(methods: readonly MethodName[], memory?: SharedArrayBuffer) {
    const count = TOTALS + methods.length * ROW
    this.memory = memory ?? new SharedArrayBuffer(count * Float64Array.BYTES_PER_ELEMENT)
    this.#methods = methods
    this.#numbers = new Float64Array(this.memory)
    this.#rows = new Map(methods.map(({ path }, index) => [path, TOTALS + index * ROW]))
  }

  onStarted(path: string): void {
    this.#add(this.#rowOf(path) + STARTED, 1)
  }

  onReceived(path: string, _kind: Method['kind'], bytes: number): void {
    this.#add(this.#rowOf(path) + RECEIVED, 1)
    this.#add(RECEIVED_BYTES, bytes)
  }

  onSent(path: string, _kind: Method['kind'], bytes: number): void {
    this.#add(this.#rowOf(path) + SENT, 1)
    this.#add(SENT_BYTES, bytes)
  }

  onFinished(path: string, _kind: Method['kind'], code: number): void {
    this.#add(this.#rowOf(path) + HANDLED + (code < CODES ? code : UNKNOWN), 1)
  }

  get receivedBytes(): number {
    return this.#numbers[RECEIVED_BYTES] ?? 0
  }

  get sentBytes(): number {
    return this.#numbers[SENT_BYTES] ?? 0
  }

  /** Of the methods that were called. */
  byMethod(): MethodCounts[] {
    return this.#methods.flatMap((method, index) => {
      const row = TOTALS + index * ROW
      const [started = 0, received = 0, sent = 0] = this.#numbers.subarray(row, row + HANDLED)
      if (started === 0) return []
      const handled: number[] = []
      this.#numbers.subarray(row + HANDLED, row + ROW).forEach((count, code) => {
        if (count > 0) handled[code] = count
      })
      return [{ ...method, started, received, sent, handled }]
    })
  }

  #rowOf(path: string): number {
    const row = this.#rows.get(path)
    assert(row !== undefined, 'calls are counted of methods that are served')
    return row
  }

  #add(index: number, count: number): void {
    this.#numbers[index] = (this.#numbers[index] ?? 0) + count
  }
}
