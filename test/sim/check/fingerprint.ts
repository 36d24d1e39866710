/**
 * A short name of a state, kept up to date as calls are applied and taken back: two sums of hashes
 * of its pairs and leases, so the order in which it came about does not matter. Equal states have
 * equal names; two different ones out of a million share one with probability 10⁻⁷.
 */

import type { KeyValue } from './history.ts'
import type { Applied, StoreRequest } from './kv-model.ts'

export class Fingerprint {
  readonly #hasVersions: boolean
  readonly #undos: number[] = []
  #a = 0
  #b = 0
  #leasesA = 0
  #leasesB = 0

  constructor(hasVersions: boolean) {
    this.#hasVersions = hasVersions
  }

  get text(): string {
    return `${this.#a}.${this.#b}.${this.leasesText}`
  }

  get leasesText(): string {
    return `${this.#leasesA}.${this.#leasesB}`
  }

  clear(): void {
    this.#a = this.#b = this.#leasesA = this.#leasesB = 0
  }

  apply(request: StoreRequest, applied: Applied): void {
    this.#undos.push(this.#a, this.#b, this.#leasesA, this.#leasesB)
    if (!applied.ok) return
    for (const event of applied.events) {
      if (event.prevKv !== undefined) this.#changeKv(event.prevKv, -1)
      if (event.type === 'put') this.#changeKv(event.kv, 1)
    }
    if (request.type === 'lease-grant') this.addLease(request.lease)
    if (request.type === 'lease-revoke') this.#changeLease(request.lease, -1)
  }

  undo(): void {
    this.#leasesB = this.#undos.pop()!
    this.#leasesA = this.#undos.pop()!
    this.#b = this.#undos.pop()!
    this.#a = this.#undos.pop()!
  }

  addKv(kv: KeyValue): void {
    this.#changeKv(kv, 1)
  }

  addLease(lease: bigint): void {
    this.#changeLease(lease, 1)
  }

  #changeKv({ key, value, version, lease }: KeyValue, sign: 1 | -1): void {
    const seen = this.#hasVersions ? version : 0
    const text = `${key}\u{ffff}${value}\u{ffff}${seen}\u{ffff}${lease ?? ''}`
    this.#a = (this.#a + sign * hash(text, 0x811c9dc5)) | 0
    this.#b = (this.#b + sign * hash(text, 0x2545f491)) | 0
  }

  #changeLease(lease: bigint, sign: 1 | -1): void {
    const text = String(lease)
    this.#leasesA = (this.#leasesA + sign * hash(text, 0x811c9dc5)) | 0
    this.#leasesB = (this.#leasesB + sign * hash(text, 0x2545f491)) | 0
  }
}

/** FNV-1a, and a finish that spreads every bit, as sums need it. */
function hash(text: string, seed: number): number {
  let h = seed
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
