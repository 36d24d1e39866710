/**
 * Randomness of the simulator. Every purpose has a stream of its own, made from the seed and the
 * purpose's name, so that leaving out one fault or one client changes nothing that others draw:
 * that is what makes a failing schedule shrink.
 */

import type { Random } from '../../src/base/ports.ts'

export class Draws implements Random {
  readonly #origin: number
  #state: number

  constructor(seed: number, name: string) {
    let hash = mix(seed ^ 0x9e3779b9)
    for (let i = 0; i < name.length; i++) hash = mix(hash ^ name.charCodeAt(i))
    this.#origin = hash
    this.#state = hash
  }

  /** Goes on with a stream that depends on this number alone, not on what was drawn before. */
  turnTo(part: number): void {
    this.#state = mix(this.#origin ^ Math.imul(part + 1, 0x9e3779b1))
  }

  /** In [0, 1). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  below(bound: number): number {
    return Math.floor(this.fraction() * bound)
  }

  /** An integer in [low, high]. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error('nothing to pick from')
    return from[this.below(from.length)] as T
  }

  /** Of a mean, with a long tail. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.fraction())
  }

  /** A name, each as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const entries = Object.entries(weights) as [Name, number][]
    const total = entries.reduce((sum, [, weight]) => sum + weight, 0)
    let at = this.fraction() * total
    for (const [name, weight] of entries) {
      at -= weight
      if (at < 0) return name
    }
    return entries.at(-1)![0]
  }
}

function mix(value: number): number {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return (x ^ (x >>> 15)) | 0
}
