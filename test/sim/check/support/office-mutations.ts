/** What elections and the quota of space do not do when they are right. */

import type { History, KeyValue, Observation, Operation, ToldLeader } from '../history.ts'
import { needsSpace } from '../space-checks.ts'
import { contendersOf } from '../steps.ts'
import {
  findOne,
  okOperations,
  seenBefore,
  withAnswer,
  withNewOperation,
  withOperation,
  type Draft,
  type Mutation,
  type OkOperation,
} from './mutation.ts'

const ELECTED = { locks: true, elections: true, operations: 120, logs: true, unknown: 0.05 }
const CRAMPED = { space: true, operations: 120, unknown: 0.05 }

export const OFFICE_MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a campaign that is won too early': {
    kinds: ['lock-not-owner', 'lock-twice'],
    needs: ELECTED,
    mutate: (draft) => {
      const { history, order, random } = draft
      const wonAt = ({ request, outcome }: OkOperation): number => {
        if (request.type !== 'lock' || outcome.result.type !== 'lock') return 0
        const { key } = outcome.result
        for (let r = outcome.revision + 1; r <= order.model.revision; r++) {
          const isBefore = leaderAt(draft, request.name, r - 1)?.key !== key
          if (isBefore && leaderAt(draft, request.name, r)?.key === key) return r
        }
        return 0
      }
      const endedAt = (one: OkOperation): number => order.madeBy.get(wonAt(one))?.calledAt ?? 0
      const won = findOne(okOperations(history), random, (one) => endedAt(one) > one.calledAt + 1)
      if (won === undefined) return undefined
      return withOperation(history, won.id, { returnedAt: endedAt(won) - 0.1 })
    },
  },
  'a leader with another version': {
    kinds: ['election-wrong-leader'],
    needs: ELECTED,
    mutate: ({ history, random }) => {
      const one = findOne(leaders(history), random)
      return one && withLeader(history, one, (kv) => ({ ...kv, version: kv.version + 1 }))
    },
  },
  'an earlier leader under a new revision': {
    kinds: ['election-wrong-leader'],
    needs: ELECTED,
    mutate: (draft) => {
      const earlier = (one: OkOperation): KeyValue | undefined => earlierLeader(draft, one)
      const one = findOne(leaders(draft.history), draft.random, (op) => earlier(op) !== undefined)
      return one && withLeader(draft.history, one, () => earlier(one)!)
    },
  },
  'an earlier leader under its own revision': {
    kinds: ['real-time-order'],
    needs: ELECTED,
    mutate: (draft) => {
      const { history, random } = draft
      const earlier = (one: OkOperation): KeyValue | undefined => {
        const kv = earlierLeader(draft, one)
        return kv !== undefined && kv.modRevision < seenBefore(draft, one.calledAt) ? kv : undefined
      }
      const one = findOne(leaders(history), random, (op) => earlier(op) !== undefined)
      if (one === undefined) return undefined
      const kv = earlier(one)!
      return withAnswer(history, one, { revision: kv.modRevision, result: { type: 'leader', kv } })
    },
  },
  'no leader, though there was one': {
    kinds: ['election-wrong-error'],
    needs: ELECTED,
    mutate: (draft) => {
      const { history, random } = draft
      const one = findOne(leaders(history), random, (op) => isSoThroughout(draft, op, isLed))
      const outcome = { type: 'failed', error: 'no-leader' } as const
      return one && withOperation(history, one.id, { outcome })
    },
  },
  'not the leader, though it was a candidate': {
    kinds: ['election-wrong-error'],
    needs: ELECTED,
    mutate: (draft) => {
      const { history, random } = draft
      const proclaims = okOperations(history).filter(({ request }) => request.type === 'proclaim')
      const one = findOne(proclaims, random, (op) => isSoThroughout(draft, op, isCandidate))
      if (one === undefined) return undefined
      // Its write has to be somebody's, or that is all that would be found.
      return withNewOperation(history, { ...one, outcome: { type: 'failed', error: 'not-leader' } })
    },
  },
  'an observer that misses a leader': {
    kinds: ['election-missed-leader'],
    needs: ELECTED,
    mutate: ({ history, random }) => {
      const one = findOne(history.observations, random, ({ told }) => told.length > 2)
      if (one === undefined) return undefined
      return withTold(history, one, one.told.toSpliced(random.int(1, one.told.length - 2), 1))
    },
  },
  'an observer that hears of another value': {
    kinds: ['election-wrong-leader'],
    needs: ELECTED,
    mutate: ({ history, random }) => {
      const one = findOne(history.observations, random, ({ told }) => told.length > 0)
      if (one === undefined) return undefined
      const i = random.int(0, one.told.length - 1)
      const { kv, ...rest } = one.told[i]!
      return withTold(history, one, one.told.with(i, { ...rest, kv: { ...kv, value: 'other' } }))
    },
  },
  'an observer that hears of what was before': {
    kinds: ['election-went-back'],
    needs: ELECTED,
    mutate: ({ history, random }) => {
      const one = findOne(history.observations, random, ({ told }) => told.length > 1)
      if (one === undefined) return undefined
      const i = random.int(1, one.told.length - 1)
      const [before, after] = [one.told[i - 1]!, one.told[i]!]
      const told = one.told.with(i - 1, { ...after, at: before.at })
      return withTold(history, one, told.with(i, { ...before, at: after.at }))
    },
  },
  'an observation that begins with what was before': {
    kinds: ['election-went-back'],
    needs: ELECTED,
    mutate: (draft) => {
      const { history, random } = draft
      const one = findOne(history.observations, random, ({ told: [first] }) => {
        return first !== undefined && seenBefore(draft, Infinity) > first.revision
      })
      if (one === undefined) return undefined
      const later = { ...one, calledAt: 1e9, told: one.told.map((t) => ({ ...t, at: 1e9 })) }
      return withObservation(history, one, later)
    },
  },
  'a write that is taken, though nobody disarmed the alarm': {
    kinds: ['space-ignored'],
    needs: CRAMPED,
    mutate: ({ history }) => {
      const isDisarming = ({ request }: Operation): boolean =>
        request.type === 'alarm' && request.disarms !== undefined
      const alarm = history.operations.find(({ outcome }) => {
        return outcome.type === 'failed' && outcome.error === 'no-space'
      })
      const isTaken = okOperations(history).some(({ request, calledAt }) => {
        return needsSpace(request) && calledAt > (alarm?.returnedAt ?? Infinity)
      })
      if (!isTaken) return undefined
      return { ...history, operations: history.operations.filter((one) => !isDisarming(one)) }
    },
  },
  'a read that is refused for want of space': {
    kinds: ['space-not-needed'],
    needs: CRAMPED,
    mutate: ({ history, random }) => {
      const one = findOne(okOperations(history), random, ({ request }) => request.type === 'range')
      const outcome = { type: 'failed', error: 'no-space' } as const
      return one && withOperation(history, one.id, { outcome })
    },
  },
}

function leaders(history: History): OkOperation[] {
  return okOperations(history).filter(({ request }) => request.type === 'leader')
}

function leaderAt({ order }: Draft, name: string, revision: number): KeyValue | undefined {
  const [oldest] = order.model
    .live(contendersOf(name), revision)
    .toSorted((a, b) => a.createRevision - b.createRevision)
  return oldest
}

/** The last one before who was answered. */
function earlierLeader(draft: Draft, { request, outcome }: OkOperation): KeyValue | undefined {
  if (request.type !== 'leader' || outcome.result.type !== 'leader') return undefined
  const { key } = outcome.result.kv
  for (let revision = outcome.revision; revision > 1; revision--) {
    const kv = leaderAt(draft, request.name, revision)
    if (kv !== undefined && kv.key !== key) return kv
  }
  return undefined
}

type Truth = (draft: Draft, operation: OkOperation, revision: number) => boolean

const isLed: Truth = (draft, { request }, revision) =>
  request.type === 'leader' && leaderAt(draft, request.name, revision) !== undefined

const isCandidate: Truth = ({ order }, { request }, revision) =>
  request.type === 'proclaim' &&
  order.model.at(request.key, revision)?.createRevision === request.revision

/** From before the call to well after its return. */
function isSoThroughout(draft: Draft, operation: OkOperation, isSo: Truth): boolean {
  const { order } = draft
  const from = seenBefore(draft, operation.calledAt)
  const to = order.highestSeen.before(operation.returnedAt) + 6
  for (let revision = from; revision <= Math.min(to, order.model.revision); revision++) {
    if (!isSo(draft, operation, revision)) return false
  }
  return true
}

function withLeader(
  history: History,
  one: OkOperation,
  change: (kv: KeyValue) => KeyValue,
): History | undefined {
  const { result } = one.outcome
  if (result.type !== 'leader') return undefined
  return withAnswer(history, one, { result: { type: 'leader', kv: change(result.kv) } })
}

function withTold(history: History, one: Observation, told: readonly ToldLeader[]): History {
  return withObservation(history, one, { ...one, told })
}

function withObservation(history: History, one: Observation, changed: Observation): History {
  const observations = history.observations.map((other) => (other === one ? changed : other))
  return { ...history, observations }
}
