/**
 * Calls and returns in the order of their times, as a linked list from which calls can be taken out
 * and put back in the opposite order. What may be placed next is called before the first return.
 *
 * Entry 2i is the call of step i, 2i + 1 its return; a step that never returned has only the first.
 */

interface Times {
  readonly calledAt: number
  readonly returnedAt: number
}

export class CallList {
  readonly #after: Int32Array
  readonly #before: Int32Array
  readonly #hasReturn: Uint8Array
  readonly #head: number

  constructor(steps: readonly Times[]) {
    this.#head = 2 * steps.length
    this.#after = new Int32Array(this.#head + 1)
    this.#before = new Int32Array(this.#head + 1)
    this.#hasReturn = Uint8Array.from(steps, ({ returnedAt }) => Number(returnedAt !== Infinity))
    this.#link(sortedEntries(steps))
  }

  /** Steps that were called before anything that is still in the list returned. */
  *callable(): Generator<number> {
    for (let entry = this.#after[this.#head]!; entry !== this.#head; entry = this.#after[entry]!) {
      if (entry % 2 === 1) return
      yield entry >> 1
    }
  }

  takeOut(i: number): void {
    this.#unlink(2 * i)
    if (this.#hasReturn[i] === 1) this.#unlink(2 * i + 1)
  }

  /** Only what was taken out last and is not back yet. */
  putBack(i: number): void {
    if (this.#hasReturn[i] === 1) this.#relink(2 * i + 1)
    this.#relink(2 * i)
  }

  #link(entries: readonly number[]): void {
    let last = this.#head
    for (const entry of entries) {
      this.#after[last] = entry
      this.#before[entry] = last
      last = entry
    }
    this.#after[last] = this.#head
    this.#before[this.#head] = last
  }

  #unlink(entry: number): void {
    this.#after[this.#before[entry]!] = this.#after[entry]!
    this.#before[this.#after[entry]!] = this.#before[entry]!
  }

  #relink(entry: number): void {
    this.#after[this.#before[entry]!] = entry
    this.#before[this.#after[entry]!] = entry
  }
}

/** At the same time calls come before returns: those two calls are concurrent. */
function sortedEntries(steps: readonly Times[]): number[] {
  const entries: number[] = []
  for (const [i, { returnedAt }] of steps.entries()) {
    entries.push(2 * i)
    if (returnedAt !== Infinity) entries.push(2 * i + 1)
  }
  const time = (entry: number): number => {
    const step = steps[entry >> 1]!
    return entry % 2 === 0 ? step.calledAt : step.returnedAt
  }
  return entries.sort((a, b) => time(a) - time(b) || (a % 2) - (b % 2) || a - b)
}
