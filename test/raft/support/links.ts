/** Who can reach whom. Links are cut one way at a time: `1->2` says nothing of `2->1`. */

import type { Random } from '../../../src/base/ports.ts'
import type { MemberId } from '../../../src/raft/types.ts'

export class Links {
  readonly #cut = new Set<string>()

  isCut(from: MemberId, to: MemberId): boolean {
    return this.#cut.size > 0 && this.#cut.has(`${from}->${to}`)
  }

  heal(): void {
    this.#cut.clear()
  }

  /** Two sides that cannot reach each other; or, in part, some pairs that cannot. */
  partition(ids: readonly MemberId[], random: Random): void {
    const side = new Map(ids.map((id) => [id, random.below(2)]))
    const isPartial = random.below(3) === 0
    for (const a of ids) {
      for (const b of ids) {
        const splits = isPartial ? random.below(3) === 0 : side.get(a) !== side.get(b)
        if (a < b && splits) this.#cutBoth(a, b)
      }
    }
  }

  isolate(id: MemberId, ids: readonly MemberId[]): void {
    for (const other of ids) if (other !== id) this.#cutBoth(id, other)
  }

  #cutBoth(a: MemberId, b: MemberId): void {
    this.#cut.add(`${a}->${b}`)
    this.#cut.add(`${b}->${a}`)
  }

  /** All that one member sends, or all that it should hear, or a single link. */
  cutOneWay(id: MemberId, ids: readonly MemberId[], random: Random): void {
    const kind = random.below(3)
    const only = ids[random.below(ids.length)] as MemberId
    for (const other of ids) {
      if (other === id) continue
      if (kind === 0) this.#cut.add(`${id}->${other}`)
      else if (kind === 1) this.#cut.add(`${other}->${id}`)
      else if (other === only) this.#cut.add(`${id}->${other}`)
    }
  }
}
