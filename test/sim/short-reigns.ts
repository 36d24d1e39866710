/**
 * For a while, who comes to lead is cut off: at once, when it has committed something, or a few round
 * trips later. Whoever was cut off before comes back then.
 *
 * What leaders have just begun stays with few, and old entries meet newer ones: Raft paper, figure 8.
 */

import type { MemberId } from '../../src/raft/types.ts'
import type { Draws } from './draws.ts'
import type { SimMember, Surroundings } from './member.ts'
import type { Moment } from './moments.ts'

const ROUND_TRIPS = 4

export class ShortReigns {
  readonly #around: Surroundings
  readonly #members: readonly SimMember[]
  readonly #draws: Draws
  readonly #stop: () => void
  readonly #isHealed: () => boolean
  #isOver = false
  #cut: readonly (readonly [MemberId, MemberId])[] = []
  /** It goes when it has committed something. */
  #waitsFor: MemberId | undefined

  /** `isHealed`: from then on nobody is cut off. */
  constructor(
    around: Surroundings,
    members: readonly SimMember[],
    draws: Draws,
    isHealed: () => boolean,
  ) {
    this.#isHealed = isHealed
    this.#around = around
    this.#members = members
    this.#draws = draws
    this.#stop = around.invariants.moments.listen((moment, id) => this.#on(moment, id))
  }

  /** Nobody is cut off any more. `heals`: the last one comes back too. */
  end(heals: boolean): void {
    this.#isOver = true
    this.#stop()
    if (heals) this.#mend()
  }

  #on(moment: Moment, id: MemberId): void {
    if (moment === 'commits' && id === this.#waitsFor) return this.#cutOff(id, 0)
    if (moment !== 'leads') return
    this.#waitsFor = undefined
    const end = this.#draws.pick(['at once', 'commits', 'later'])
    const longMs = 2 * ROUND_TRIPS * this.#around.plan.latencyMs
    if (end === 'commits') this.#waitsFor = id
    else this.#cutOff(id, end === 'later' ? longMs * this.#draws.fraction() : 0)
  }

  #cutOff(id: MemberId, afterMs: number): void {
    const { world, network, census, timeline } = this.#around
    this.#waitsFor = undefined
    world.after(world.outside, afterMs, 'fault', () => {
      if (this.#isOver || this.#isHealed()) return
      census.tally('reign cut short')
      timeline.add('world', `cuts off ${id}, since it leads`)
      this.#mend()
      this.#cut = this.#members.flatMap((member) =>
        member.id === id
          ? []
          : [
              [id, member.id],
              [member.id, id],
            ],
      )
      for (const [from, to] of this.#cut) network.cut(from, to)
    })
  }

  #mend(): void {
    for (const [from, to] of this.#cut) this.#around.network.mend(from, to)
    this.#cut = []
  }
}
