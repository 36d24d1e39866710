/** A call of Observe from the client's side: what it is told, read at once or slowly. */

import type { LeaderResponseInput } from '../../src/rpc/codec/v3electionpb.ts'
import type { ResponseStream } from '../../src/rpc/engine.ts'
import { StatusError } from '../../src/rpc/status.ts'
import { Caller } from '../server/support/recipe-bench.ts'
import { k } from '../server/support/requests.ts'
import type { Observation, ToldLeader } from './check/history.ts'
import type { SimMember } from './member.ts'
import { kvOf } from './wire.ts'
import type { World } from './world.ts'

/** Responses that wait for a slow reader before the member is told that there is no room. */
const WINDOW = 2

export interface ObservationPlan {
  readonly id: number
  readonly client: string
  readonly name: string
  readonly member: SimMember
  /** How long a response takes on its way, and how long its reader takes over it. */
  readonly latencyMs: number
  readonly readMs: number
}

export class SimObservation extends Caller implements ResponseStream<LeaderResponseInput> {
  readonly record: Observation
  readonly #world: World
  readonly #plan: ObservationPlan
  readonly #told: ToldLeader[] = []
  /** Sent and not read yet. */
  #unread = 0
  #wasFull = false
  #readAtMs = 0
  #isOver = false
  #onDrain: () => void = () => undefined

  constructor(world: World, plan: ObservationPlan) {
    super()
    const { id, client, name, member } = plan
    this.#world = world
    this.#plan = plan
    const calledAt = world.nowMs
    this.record = { id, client, member: member.name, calledAt, name, told: this.#told }
    member.enter(
      'observe',
      (test) => {
        const request = { name: k(name) }
        try {
          test.serverStream('/v3electionpb.Election/Observe', request, this, this)
        } catch (error) {
          if (!(error instanceof StatusError)) throw error
          this.fail()
        }
      },
      () => this.fail(),
    )
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Its client has heard enough. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#inMember('cancel', () => this.goAway())
  }

  send({ header, kv = new Uint8Array(0) }: LeaderResponseInput): boolean {
    const { latencyMs, readMs } = this.#plan
    const { nowMs, outside } = this.#world
    const leader = { revision: header?.revision ?? 0, kv: kvOf(kv) }
    this.#unread++
    this.#readAtMs = Math.max(nowMs + latencyMs, this.#readAtMs + readMs)
    this.#world.after(outside, this.#readAtMs - nowMs, 'observe', () => this.#read(leader))
    const hasRoom = readMs === 0 || this.#unread < WINDOW
    if (!hasRoom) this.#wasFull = true
    return hasRoom
  }
  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }
  end(): void {
    this.#isOver = true
  }
  fail(): void {
    this.#isOver = true
  }

  #read(leader: Omit<ToldLeader, 'at'>): void {
    this.#unread--
    if (this.#isOver) return
    this.#world.note(leader.revision)
    this.#told.push({ at: this.#world.nowMs, ...leader })
    if (!this.#wasFull || this.#unread > 0) return
    this.#wasFull = false
    this.#inMember('drain', () => this.#onDrain())
  }

  #inMember(kind: string, run: () => void): void {
    this.#plan.member.enter(kind, run, () => undefined)
  }
}
