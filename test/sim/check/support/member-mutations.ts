/** Leases, locks, logs, hashes and final states that a correct cluster does not have. */

import { within, type History, type KvEvent, type Operation, type Request } from '../history.ts'
import { reliableUntil } from '../lease-checks.ts'
import { leaseLives, type LeaseLife } from '../leases.ts'
import { lockKey, wrote } from '../steps.ts'
import {
  findOne,
  okOperations,
  withAnswer,
  withNewOperation,
  withOperation,
  type Draft,
  type Mutation,
  type OkOperation,
} from './mutation.ts'

const LEASED = { leases: true, logs: true, unknown: 0, operations: 90 }
const LOCKED = { locks: true, logs: true, unknown: 0, operations: 90 }
const LOGGED = { logs: true, unknown: 0.05 }

export const MEMBER_MUTATIONS: Readonly<Record<string, Mutation>> = {
  'an acknowledged write that is lost': {
    kinds: ['revision-claimed-twice', 'lost-write'],
    needs: { fault: 'lost-write', unknown: 0.05 },
    mutate: ({ history }) => history,
  },
  'an acknowledged write that is lost, and nothing unknown': {
    kinds: ['revision-claimed-twice', 'lost-write'],
    needs: { fault: 'lost-write', unknown: 0 },
    isForSearch: true,
    mutate: ({ history }) => history,
  },
  'a write applied twice': {
    kinds: ['applied-twice'],
    needs: { fault: 'applied-twice', unknown: 0.05 },
    mutate: ({ history }) => (isBroken(history) ? history : undefined),
  },
  'a write applied twice, and nothing unknown': {
    kinds: ['applied-twice'],
    needs: { fault: 'applied-twice', unknown: 0 },
    isForSearch: true,
    mutate: ({ history }) => (isBroken(history) ? history : undefined),
  },
  'a lease that ends too early': {
    kinds: ['lease-early'],
    needs: LEASED,
    mutate: (draft) => {
      const [life, seenAt] = endedLease(draft) ?? []
      if (life === undefined || seenAt === undefined) return undefined
      return withKeepAlive(draft, life, seenAt - 2)
    },
  },
  'a lease that ends too late': {
    kinds: ['lease-late'],
    needs: LEASED,
    mutate: (draft) => {
      const life = findOne(leaseLives(draft.history, draft.order), draft.random)
      if (life === undefined) return undefined
      const last = Math.max(...[...life.renewals, ...life.maybeRenewals].map((o) => o.returnedAt))
      const calledAt = last + life.ttl * 1000 + 21
      return withNewOperation(draft.history, {
        ...life.grant,
        calledAt,
        returnedAt: calledAt + 1,
        request: { type: 'lease-time-to-live', lease: life.id },
        outcome: { type: 'ok', revision: 1, result: { type: 'lease-time-to-live', ttl: 1 } },
      })
    },
  },
  'a lease that keeps its keys': {
    kinds: ['lease-late'],
    needs: { ...LEASED, operations: 150 },
    mutate: (draft) => {
      const { history, order } = draft
      const isLong = (life: LeaseLife): boolean => {
        if (life.endRevision === undefined || life.renewals.length !== 1) return false
        const deadline = life.grant.returnedAt + 1 + 20
        return order.steps.known.some(
          ({ outcome, calledAt }) => outcome.revision < life.endRevision! && calledAt > deadline,
        )
      }
      const lives = leaseLives(history, order)
      const life = findOne(lives, draft.random, (one) => isLong(one) && maybeOnly(one))
      if (life === undefined) return undefined
      const { id } = life.grant
      const outcome = {
        ...life.grant.outcome,
        result: { type: 'lease-grant', ttl: 0.001 },
      } as const
      return withOperation(history, id, { outcome })
    },
  },
  'a lease that comes back': {
    kinds: ['lease-revived'],
    needs: LEASED,
    mutate: (draft) => {
      const [life, seenAt] = endedLease(draft) ?? []
      if (life === undefined || seenAt === undefined) return undefined
      return withKeepAlive(draft, life, seenAt + 2)
    },
  },
  'a key with a lease that was never granted': {
    kinds: ['lease-missing'],
    needs: LEASED,
    isForSearch: true,
    mutate: ({ history, random }) => {
      const put = findOne(okOperations(history), random, ({ request }) => {
        return request.type === 'put' && request.lease !== undefined && !request.ignoreLease
      })
      if (put?.request.type !== 'put') return undefined
      return withOperation(history, put.id, { request: { ...put.request, lease: 99_999n } })
    },
  },
  'keys of a lease that go in another order': {
    kinds: ['unexplained-write', 'lease-partial'],
    needs: { ...LEASED, operations: 150, keys: 6 },
    mutate: ({ history, order, random }) => {
      const ends = [...order.madeBy].filter(([revision, { request, outcome }]) => {
        const isEnd = request.type === 'lease-revoke' && outcome.type === 'unknown'
        return isEnd && (order.log[revision]?.length ?? 0) > 1
      })
      const [revision] = findOne(ends, random) ?? []
      if (revision === undefined) return undefined
      return withLog(history, revision, undefined, (events) => events.toReversed())
    },
  },
  'a lease that leaves a key behind': {
    kinds: ['lease-partial'],
    needs: { ...LEASED, operations: 150, keys: 6 },
    mutate: ({ history, order, random }) => {
      const ends = [...order.madeBy].filter(([revision, { request, outcome }]) => {
        const isEnd = request.type === 'lease-revoke' && outcome.type === 'unknown'
        return isEnd && (order.log[revision]?.length ?? 0) > 1
      })
      const [revision] = findOne(ends, random) ?? []
      if (revision === undefined) return undefined
      return withLog(history, revision, undefined, (events) => events.slice(1))
    },
  },
  'a lock held twice': {
    kinds: ['lock-twice'],
    needs: LOCKED,
    mutate: (draft) => {
      const { history, order, random } = draft
      const times = (hold: OkOperation, type: string): Operation[] =>
        history.operations.filter(({ request }) => request.type === type && named(request, hold))
      // Each got it once, so that it is clear which end is whose.
      const locks = lockOperations(history).filter(
        (one) =>
          times(one, 'lock').length === 1 &&
          times(one, 'unlock').length <= 1 &&
          !history.operations.some(({ request }) => isDeletionOf(request, keyOf(one))),
      )
      const reliable = new Map(leaseLives(history, order).map((l) => [l.id, reliableUntil(l, {})]))
      const until = (hold: OkOperation): number => {
        const lease = hold.request.type === 'lock' ? hold.request.lease : 0n
        const unlocks = times(hold, 'unlock').map(({ calledAt }) => calledAt)
        return Math.min(reliable.get(lease) ?? 0, ...unlocks)
      }
      const first = findOne(locks, random, (one) => until(one) > one.returnedAt + 1)
      if (first === undefined) return undefined
      const second = findOne(locks, random, (one) => {
        return keyOf(one) !== keyOf(first) && until(one) > first.returnedAt + 0.5
      })
      if (second === undefined) return undefined
      const calledAt = first.returnedAt + 0.2
      return withOperation(history, second.id, { calledAt, returnedAt: calledAt + 0.1 })
    },
  },
  'a lock for one who is not its owner': {
    kinds: ['lock-not-owner'],
    needs: LOCKED,
    mutate: ({ history, order, random }) => {
      const lock = findOne(lockOperations(history), random)
      if (lock === undefined) return undefined
      const key = keyOf(lock)
      const kv = order.model.at(key, lock.outcome.revision)
      if (kv === undefined) return undefined
      return withAnswer(history, lock, { revision: kv.createRevision - 1 })
    },
  },
  'a member’s log with another change': {
    kinds: ['lost-write', 'members-disagree'],
    needs: LOGGED,
    mutate: ({ history, order, random }) => {
      const revision = random.int(2, order.model.revision)
      return withLog(history, revision, 'm2', (events) =>
        events.map((event) => ({ ...event, kv: { ...event.kv, version: event.kv.version + 1 } })),
      )
    },
  },
  'a write that all logs lost': {
    kinds: ['lost-write'],
    needs: LOGGED,
    mutate: ({ history, order, random }) => {
      const write = findOne(order.steps.known, random, (step) => wrote(step) === true)
      if (write === undefined) return undefined
      return withLog(history, write.outcome.revision, undefined, (events) =>
        events.map((event) => ({ ...event, kv: { ...event.kv, value: 'of another' } })),
      )
    },
  },
  'a member without the last writes': {
    kinds: ['lost-write', 'final-state-differs'],
    needs: LOGGED,
    mutate: ({ history, order }) => {
      const revision = order.model.revision - 1
      const kvs = order.model.live({ key: '\0', rangeEnd: '\0' }, revision)
      const finals = history.finals.map((one, i) => (i === 1 ? { ...one, revision, kvs } : one))
      return { ...history, finals }
    },
  },
  'a member with another value in the end': {
    kinds: ['lost-write', 'final-state-differs'],
    needs: LOGGED,
    isForSearch: true,
    mutate: ({ history, random }) => {
      const member = random.int(0, 2)
      const final = history.finals[member]!
      const kv = findOne(final.kvs, random)
      if (kv === undefined) return undefined
      const isGone = random.chance(0.5)
      const other = { ...kv, value: 'of another' }
      const kvs = final.kvs.flatMap((one) => (one === kv ? (isGone ? [] : [other]) : [one]))
      return { ...history, finals: history.finals.with(member, { ...final, kvs }) }
    },
  },
  'a member with another HashKV': {
    kinds: ['hash-kv-differs'],
    needs: LOGGED,
    mutate: ({ history }) => {
      const final = history.finals[1]!
      const hashes = final.hashes!.map((one) => ({ ...one, hash: one.hash + 1 }))
      return { ...history, finals: history.finals.with(1, { ...final, hashes }) }
    },
  },
}

/** A fault that met no put, or a lease that was there no more, broke nothing. */
function isBroken(history: History): boolean {
  const puts = history.logs.length > 0 ? history.logs[0]!.changes.flatMap((c) => c.events) : []
  const told = history.watches.flatMap(({ responses }) => responses.flatMap((r) => r.events ?? []))
  const revisionsOf = new Map<string, Set<number>>()
  for (const { type, kv } of [...puts, ...told]) {
    if (type !== 'put' || kv.value === '') continue
    const revisions = revisionsOf.get(kv.value) ?? new Set()
    revisionsOf.set(kv.value, revisions.add(kv.modRevision))
  }
  const keeping = history.operations.some(
    ({ request }) => request.type === 'put' && request.ignoreValue,
  )
  return !keeping && [...revisionsOf.values()].some(({ size }) => size > 1)
}

/** One that ended by itself, with keys, long enough after it was granted. */
function endedLease({ history, order, random }: Draft): [LeaseLife, number] | undefined {
  const seenAt = ({ endRevision }: LeaseLife): number => order.seen[endRevision ?? 0] ?? 0
  const life = findOne(leaseLives(history, order), random, (one) => {
    if (one.endRevision === undefined || one.revokeCalledAt < Infinity) return false
    const isGranted = one.grant.outcome.type === 'ok'
    return isGranted && seenAt(one) < Infinity && seenAt(one) > one.grant.returnedAt + 3
  })
  return life && [life, seenAt(life)]
}

function maybeOnly({ maybeRenewals }: LeaseLife): boolean {
  return maybeRenewals.length === 0
}

function withKeepAlive({ history }: Draft, { id, ttl, grant }: LeaseLife, at: number): History {
  return withNewOperation(history, {
    client: 'c9',
    member: grant.member,
    calledAt: at,
    returnedAt: at + 0.5,
    request: { type: 'lease-keep-alive', lease: id },
    outcome: { type: 'ok', revision: 1, result: { type: 'lease-keep-alive', ttl } },
  })
}

function lockOperations(history: History): OkOperation[] {
  return okOperations(history).filter(({ request }) => request.type === 'lock')
}

function keyOf({ request }: Operation): string {
  return request.type === 'lock' ? lockKey(request.name, request.lease) : ''
}

function isDeletionOf(request: Request, key: string): boolean {
  return request.type === 'delete' && within(request, key)
}

/** Whether the request is about the hold's key. */
function named(request: Request, hold: OkOperation): boolean {
  if (request.type === 'unlock') return request.key === keyOf(hold)
  return request.type === 'lock' && lockKey(request.name, request.lease) === keyOf(hold)
}

/** Other events at a revision in one log, or in all. */
function withLog(
  history: History,
  revision: number,
  member: string | undefined,
  change: (events: readonly KvEvent[]) => readonly KvEvent[],
): History {
  const logs = history.logs.map((log) => {
    if (member !== undefined && log.member !== member) return log
    const changes = log.changes.map((one) =>
      one.revision === revision ? { revision, events: change(one.events) } : one,
    )
    return { ...log, changes }
  })
  return { ...history, logs }
}
