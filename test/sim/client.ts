/** A client's way to a member and back, and the record of what it asked and was told. */

import type { LeaseKeepAliveResponseInput } from '../../src/rpc/codec/etcdserverpb.ts'
import { StatusError } from '../../src/rpc/status.ts'
import { Caller } from '../server/support/recipe-bench.ts'
import type { TestServer } from '../server/support/test-server.ts'
import type { Operation, Outcome, Request } from './check/history.ts'
import type { Draws } from './draws.ts'
import type { SimMember, Surroundings } from './member.ts'
import { outcomeOf, type Answer } from './outcome.ts'
import { wireCall } from './wire.ts'

const LATENCY_MS = 0.3

/** Asks one member one thing; cancels it when that takes too long. */
export function ask(
  { world, report }: Surroundings,
  draws: Draws,
  member: SimMember,
  timeoutMs: number,
  call: (test: TestServer, caller: Caller) => Promise<object>,
): Promise<Answer> {
  const { outside } = world
  return new Promise((resolve) => {
    const caller = new Caller()
    let isOver = false
    let forget: () => void = () => undefined
    const finish = (answer: Answer): void => {
      if (isOver) return
      isOver = true
      forget()
      limit.isForgotten = true
      resolve(answer)
    }
    const home = (answer: Answer): void => {
      // Nothing is drawn for it any more.
      if (isOver) return
      world.after(outside, draws.exponential(LATENCY_MS), 'answer', () => finish(answer))
    }
    const limit = world.after(outside, timeoutMs, 'timeout', () => {
      member.enter(
        'cancel',
        () => caller.goAway(),
        () => undefined,
      )
      finish({ type: 'timeout' })
    })
    if (member.state !== 'up') return home({ type: 'unreachable' })
    world.after(outside, draws.exponential(LATENCY_MS), 'request', () => {
      if (isOver) return
      forget = member.enter(
        'request',
        (test) => {
          call(test, caller).then(
            (response) => home({ type: 'answered', response }),
            (error: unknown) => {
              if (error instanceof StatusError) home({ type: 'refused', message: error.message })
              else report('unexpected-error', `${member.name}: ${String(error)}`)
            },
          )
        },
        () => home({ type: 'broken' }),
      )
    })
  })
}

export class Recorder {
  readonly operations: Operation[] = []
  readonly #around: Surroundings
  readonly #pending = new Map<number, Omit<Operation, 'outcome' | 'returnedAt'>>()
  #ids = 0

  constructor(around: Surroundings) {
    this.#around = around
  }

  /** What was called and not answered when the run ended. */
  get unanswered(): Operation[] {
    const returnedAt = this.#around.world.nowMs
    return [...this.#pending.values()].map((one) => ({
      ...one,
      returnedAt,
      outcome: { type: 'unknown' },
    }))
  }

  async perform(
    client: string,
    draws: Draws,
    member: SimMember,
    timeoutMs: number,
    request: Request,
  ): Promise<Outcome> {
    const { world, census } = this.#around
    const id = ++this.#ids
    const call = { id, client, member: member.name, calledAt: world.nowMs, request }
    this.#pending.set(id, call)
    const answer = await ask(this.#around, draws, member, timeoutMs, (test, caller) =>
      send(test, caller, request),
    )
    this.#pending.delete(id)
    const outcome = outcomeOf(request, answer)
    this.operations.push({ ...call, returnedAt: world.nowMs, outcome })
    census.tally('operation')
    census.tally(`operation ${outcome.type}`)
    if (outcome.type === 'unknown') {
      const isRead = request.type === 'range'
      census.count(isRead ? 'read with unknown outcome' : 'write with unknown outcome')
    }
    if (outcome.type === 'failed' && outcome.error === 'compacted' && request.type === 'range') {
      census.count('read of a compacted revision refused')
    }
    world.note(outcome.type === 'ok' ? outcome.revision : outcome.type.charCodeAt(0))
    return outcome
  }
}

function send(test: TestServer, caller: Caller, request: Request): Promise<object> {
  if (request.type === 'lease-keep-alive') return keepAlive(test, request.lease)
  const { method, message } = wireCall(request)
  return test.call<object>(method, message, caller)
}

function keepAlive(test: TestServer, id: bigint): Promise<object> {
  return new Promise((resolve, reject) => {
    const requests = {
      onMessage: (listener: (request: object) => void) => listener({ id }),
      onEnd: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
    }
    const responses = {
      send: (response: LeaseKeepAliveResponseInput) => {
        resolve(response)
        return true
      },
      onDrain: () => undefined,
      end: () => undefined,
      fail: reject,
    }
    test.bidi('Lease.LeaseKeepAlive', requests, responses)
  })
}
