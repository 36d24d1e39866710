/**
 * A map from whole numbers to what comes and goes all the time: calls in flight, open streams.
 *
 * Why not a Map: when a Map grows or shrinks, its old table goes on pointing to the new one. Once
 * one of them is in the old generation, it keeps the next one alive until a full collection, and
 * that the one after it, with everything that was ever in them. Measured: objects that go through
 * a Map, 256 at a time, take 97 ns each in a fresh process, 880 ns from then on, and 15 ns here.
 *
 * Open addressing with linear probing. Deleting moves up what is behind (Knuth 6.4, algorithm R), so
 * that a search may end at the first free slot. It looks at all that stand in a row, and keys are
 * numbers that follow each other: homes are spread (Fibonacci hashing, Knuth 6.4), so that rows stay
 * short. With neighbours side by side, a deletion among 256 took 270 ns, among 5,000 six microseconds.
 *
 * Invariant: at least half of the slots are free, and no free slot is between a key's home and
 * the place where it stands.
 */

/** Slots; a power of two. */
const SLOTS_MIN = 16
/** 2^32 by the golden ratio: multiples of it, modulo 2^32, lie far apart. */
const SPREAD = 0x9e3779b1

export class NumberMap<Value extends object> {
  #keys: number[]
  /** undefined in a free slot. */
  #values: (Value | undefined)[]
  #size: number

  constructor() {
    this.#keys = Array.from({ length: SLOTS_MIN }, () => 0)
    this.#values = Array.from({ length: SLOTS_MIN })
    this.#size = 0
  }

  get size(): number {
    return this.#size
  }

  get(key: number): Value | undefined {
    return this.#values[this.#slotOf(key)]
  }

  set(key: number, value: Value): void {
    let slot = this.#slotOf(key)
    if (this.#values[slot] === undefined) {
      if (++this.#size * 2 > this.#keys.length) {
        this.#grow()
        slot = this.#slotOf(key)
      }
      this.#keys[slot] = key
    }
    this.#values[slot] = value
  }

  /** Returns what was there. */
  delete(key: number): Value | undefined {
    const slot = this.#slotOf(key)
    const value = this.#values[slot]
    if (value === undefined) return undefined
    this.#size--
    this.#close(slot)
    return value
  }

  /** In no order that could be relied on. */
  values(): Value[] {
    return this.#values.filter((value) => value !== undefined)
  }

  /** Where the key stands, or the free slot where it would. */
  #slotOf(key: number): number {
    const mask = this.#keys.length - 1
    let slot = homeOf(key, mask)
    while (this.#values[slot] !== undefined && this.#keys[slot] !== key) slot = (slot + 1) & mask
    return slot
  }

  /** Frees the slot, and moves into it what would not be found behind a free one. */
  #close(slot: number): void {
    const keys = this.#keys
    const values = this.#values
    const mask = keys.length - 1
    let hole = slot
    for (let at = (hole + 1) & mask; values[at] !== undefined; at = (at + 1) & mask) {
      const fromHome = (at - homeOf(keys[at]!, mask)) & mask
      if (fromHome < ((at - hole) & mask)) continue
      keys[hole] = keys[at]!
      values[hole] = values[at]
      hole = at
    }
    values[hole] = undefined
  }

  #grow(): void {
    const keys = this.#keys
    const values = this.#values
    this.#keys = Array.from({ length: 2 * keys.length }, () => 0)
    this.#values = Array.from({ length: 2 * keys.length })
    for (let at = 0; at < keys.length; at++) {
      const value = values[at]
      if (value === undefined) continue
      const slot = this.#slotOf(keys[at]!)
      this.#keys[slot] = keys[at]!
      this.#values[slot] = value
    }
  }
}

/** The upper bits of the product, as many as number a slot. */
function homeOf(key: number, mask: number): number {
  return Math.imul(key, SPREAD) >>> Math.clz32(mask)
}
