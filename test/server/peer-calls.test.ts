import { describe, expect, test } from 'vitest'

import type { CallResult } from '../../src/peer/ports.ts'
import { answerPeer, PeerCalls, type PeerAnswers } from '../../src/server/peer-calls.ts'
import { encodePeerRequest, encodePeerResponse } from '../../src/rpc/codec/quoratepb.ts'
import { SOLO_TRANSPORT } from '../support/solo-transport.ts'

const MEMBER = '00000000000000a1'

const UNUSED = (): never => {
  throw new Error('nobody asks for it')
}

const NOBODY: PeerAnswers = {
  renew: UNUSED,
  remaining: UNUSED,
  promote: UNUSED,
  compareState: UNUSED,
}

/** The calls of a member to one that answers so. */
function callsTo(answers: Partial<PeerAnswers>): PeerCalls {
  return callsBy(async (request) => ({
    ok: true,
    response: await answerPeer(request, { ...NOBODY, ...answers }),
  }))
}

function callsBy(call: (request: Uint8Array) => Promise<CallResult>): PeerCalls {
  const transport = {
    ...SOLO_TRANSPORT,
    call: (_to: string, request: Uint8Array) => call(request),
  }
  return new PeerCalls(transport, 1000)
}

describe('a question and its answer', () => {
  test('renew a lease', async () => {
    const asked: bigint[] = []
    const calls = callsTo({
      renew: async (lease) => {
        asked.push(lease)
        return { ok: true, ttl: 60 }
      },
    })
    expect(await calls.renew(MEMBER, -7n)).toEqual({ ok: true, ttl: 60 })
    expect(asked).toEqual([-7n])
  })

  test('tell what a lease has left, also when it is past its end', async () => {
    for (const [remainingMs, told] of [
      [1234.9, 1234],
      [0, 0],
      [-250.5, -250],
    ] as const) {
      const calls = callsTo({ remaining: async () => ({ ok: true, remainingMs }) })
      expect(await calls.remaining(MEMBER, 1n)).toEqual({ ok: true, remainingMs: told })
    }
  })

  test('promote a member, with all members as they are then', async () => {
    const members = [
      {
        id: MEMBER,
        name: 'one',
        peerUrls: ['http://p:1', 'http://p:2'],
        clientUrls: ['http://c:1'],
        isLearner: false,
      },
    ]
    const calls = callsTo({
      promote: async () => ({ ok: true, revision: 5, response: { members } }),
    })
    const outcome = await calls.promote(MEMBER, MEMBER)
    expect(outcome.ok && outcome.response.members).toEqual(members)
  })

  test('compare states', async () => {
    const point = { index: 2 ** 40, term: 3, hash: 0xfedcba98 }
    const ask = (answers: PeerAnswers['compareState']): Promise<object> =>
      callsTo({ compareState: answers }).compareState(MEMBER, point)
    expect(
      await ask(async (asked) => {
        expect(asked).toEqual(point)
        return { verdict: 'equal' }
      }),
    ).toEqual({ verdict: 'equal' })
    expect(await ask(async () => ({ verdict: 'differs', hash: 1 }))).toEqual({
      verdict: 'differs',
      hash: 1,
    })
    expect(await ask(async () => ({ verdict: 'unknown' }))).toEqual({ verdict: 'unknown' })
  })

  test('carry a refusal as it is', async () => {
    const refuse = async (): Promise<{ ok: false; error: 'lease-not-found' }> => ({
      ok: false,
      error: 'lease-not-found',
    })
    const calls = callsTo({ renew: refuse, remaining: refuse, promote: refuse })
    const refusal = { ok: false, error: 'lease-not-found' }
    expect(await calls.renew(MEMBER, 1n)).toEqual(refusal)
    expect(await calls.remaining(MEMBER, 1n)).toEqual(refusal)
    expect(await calls.promote(MEMBER, MEMBER)).toEqual(refusal)
  })
})

describe('without an answer', () => {
  test('what was not sent counts as asked of one that does not lead', async () => {
    const calls = callsBy(async () => ({ ok: false, error: 'unreachable' }))
    const refusal = { ok: false, error: 'not-leader' }
    expect(await calls.renew(MEMBER, 1n)).toEqual(refusal)
    expect(await calls.remaining(MEMBER, 1n)).toEqual(refusal)
    expect(await calls.promote(MEMBER, MEMBER)).toEqual(refusal)
    expect(await calls.compareState(MEMBER, { index: 1, term: 1, hash: 1 })).toEqual({
      verdict: 'unknown',
    })
  })

  test('the outcome is open: a promotion has timed out, and the rest is asked again', async () => {
    for (const error of ['timeout', 'refused', 'stopped'] as const) {
      const calls = callsBy(async () => ({ ok: false, error }))
      expect(await calls.renew(MEMBER, 1n)).toBeUndefined()
      expect(await calls.remaining(MEMBER, 1n)).toBeUndefined()
      expect(await calls.promote(MEMBER, MEMBER)).toEqual({ ok: false, error: 'timeout' })
    }
  })

  test('an error of a newer version or another answer than asked for is none', async () => {
    for (const response of [
      encodePeerResponse({ error: 'something-new' }),
      encodePeerResponse({}),
      encodePeerResponse({
        response: { case: 'stateHash', value: { index: 1, term: 1, hash: 1 } },
      }),
    ]) {
      const calls = callsBy(async () => ({ ok: true, response }))
      expect(await calls.renew(MEMBER, 1n)).toBeUndefined()
      expect(await calls.remaining(MEMBER, 1n)).toBeUndefined()
      expect(await calls.promote(MEMBER, MEMBER)).toEqual({ ok: false, error: 'timeout' })
    }
  })

  test('a question of a newer version is refused', async () => {
    await expect(answerPeer(encodePeerRequest({}), NOBODY)).rejects.toThrow()
  })
})
