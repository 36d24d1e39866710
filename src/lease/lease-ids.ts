/**
 * Ids for leases that the client leaves to the server, laid out as etcd lays them out:
 *
 *     | 15 bits of the member id | 40 bits of wall milliseconds at start | 8 bits |
 *
 * counted up from there, so that an overflow of the low bits runs on into the time. Always
 * positive. Two members, or two runs of one, meet only by accident; whoever uses an id asks first
 * whether it is taken.
 */

const TIME_MASK = (1n << 40n) - 1n
const COUNTER_MASK = (1n << 48n) - 1n

export class LeaseIds {
  readonly #prefix: bigint
  #counter: bigint

  /** `memberId` as 16 hex digits. */
  constructor(memberId: string, wallMs: number) {
    this.#prefix = (BigInt(`0x${memberId}`) & 0x7fffn) << 48n
    this.#counter = (BigInt(Math.trunc(wallMs)) & TIME_MASK) << 8n
  }

  next(): bigint {
    this.#counter = (this.#counter + 1n) & COUNTER_MASK
    const id = this.#prefix | this.#counter
    return id === 0n ? this.next() : id
  }
}
