/**
 * What was seen of a cluster, from outside, in one run: the calls of its clients with their times
 * and outcomes, what watches were told, and what the members had in the end. The simulator and the
 * runs on real processes record the same form; the checkers in this folder judge it.
 *
 * Times are milliseconds of one clock that all recorders share: the simulator's virtual time, or
 * the monotonic clock of the one machine that drives all clients. Keys and values are latin1 text,
 * one character per byte. A field that has its default (no range end, no lease, false, 0) is left
 * out.
 *
 * A history begins with an empty store, at revision 1, and has every call that may have changed it.
 */

export interface History {
  readonly operations: readonly Operation[]
  readonly watches: readonly Watch[]
  readonly observations: readonly Observation[]
  readonly finals: readonly FinalState[]
  readonly logs: readonly MemberLog[]
}

export const EMPTY_HISTORY: History = {
  operations: [],
  watches: [],
  observations: [],
  finals: [],
  logs: [],
}

/** One call of one client. Ids are unique in a history. */
export interface Operation {
  readonly id: number
  readonly client: string
  readonly member: string
  readonly calledAt: number
  /** When the answer came, or when the client gave up. */
  readonly returnedAt: number
  readonly request: Request
  readonly outcome: Outcome
}

export type Outcome =
  /** `revision` is the header's. */
  | { readonly type: 'ok'; readonly revision: number; readonly result: Result }
  /** Certainly not applied. */
  | { readonly type: 'failed'; readonly error: Failure }
  /** It may take effect at any time after the call, or never. */
  | { readonly type: 'unknown'; readonly error?: string }

/** All but 'refused' say something about the state; 'refused' only that nothing was done. */
export type Failure =
  | 'compacted'
  | 'future-revision'
  | 'lease-not-found'
  | 'lease-exists'
  | 'key-not-found'
  | 'no-space'
  /** Of an election. */
  | 'no-leader'
  | 'not-leader'
  | 'refused'

export interface Interval {
  readonly key: string
  readonly rangeEnd?: string
}

export interface KeyValue {
  readonly key: string
  readonly value: string
  readonly createRevision: number
  readonly modRevision: number
  readonly version: number
  readonly lease?: bigint
}

export type Request =
  | TxnOperation
  /** `physical`: answered when what is compacted is gone. */
  | { readonly type: 'compact'; readonly revision: number; readonly physical?: boolean }
  /** TTLs are seconds. Lease 0n lets the server choose. */
  | { readonly type: 'lease-grant'; readonly lease: bigint; readonly ttl: number }
  | { readonly type: 'lease-revoke'; readonly lease: bigint }
  | { readonly type: 'lease-keep-alive'; readonly lease: bigint }
  | { readonly type: 'lease-time-to-live'; readonly lease: bigint }
  /** With a value: a candidate's campaign in an election, which ends as a lock does. */
  | {
      readonly type: 'lock'
      readonly name: string
      readonly lease: bigint
      readonly value?: string
    }
  /** Or a leader that resigns: then with the revision that created its key. */
  | { readonly type: 'unlock'; readonly key: string; readonly revision?: number }
  /** A candidate's new value, as long as its key is the one that was created at the revision. */
  | {
      readonly type: 'proclaim'
      readonly key: string
      readonly revision: number
      readonly value: string
      readonly lease: bigint
    }
  /** Who leads an election. */
  | { readonly type: 'leader'; readonly name: string }
  /** Which members have run out of space; or that one of them has not, any more. */
  | { readonly type: 'alarm'; readonly disarms?: string }

export type TxnOperation = PutRequest | RangeRequest | DeleteRequest | TxnRequest

export interface PutRequest {
  readonly type: 'put'
  readonly key: string
  readonly value: string
  readonly lease?: bigint
  readonly prevKv?: boolean
  readonly ignoreValue?: boolean
  readonly ignoreLease?: boolean
}

export interface RangeRequest extends Interval {
  readonly type: 'range'
  readonly revision?: number
  readonly limit?: number
  readonly order?: 'ascend' | 'descend'
  readonly target?: 'version' | 'create' | 'mod' | 'value'
  readonly serializable?: boolean
  readonly keysOnly?: boolean
  readonly countOnly?: boolean
  readonly minModRevision?: number
  readonly maxModRevision?: number
  readonly minCreateRevision?: number
  readonly maxCreateRevision?: number
}

export interface DeleteRequest extends Interval {
  readonly type: 'delete'
  readonly prevKv?: boolean
}

export interface TxnRequest {
  readonly type: 'txn'
  readonly compares: readonly Compare[]
  readonly success: readonly TxnOperation[]
  readonly failure: readonly TxnOperation[]
}

export type Compare = Interval & {
  readonly result: 'equal' | 'greater' | 'less' | 'not-equal'
} & (
    | { readonly target: 'version' | 'create' | 'mod'; readonly operand: number }
    | { readonly target: 'value'; readonly operand: string }
    | { readonly target: 'lease'; readonly lease: bigint }
  )

export type Result =
  | TxnOperationResult
  | { readonly type: 'compact' }
  /** Of a lease that the server chose. */
  | { readonly type: 'lease-grant'; readonly ttl: number; readonly lease?: bigint }
  | { readonly type: 'lease-revoke' }
  /** 0: there is no such lease. */
  | { readonly type: 'lease-keep-alive'; readonly ttl: number }
  /** -1: there is no such lease. */
  | { readonly type: 'lease-time-to-live'; readonly ttl: number }
  /** The key that stands for the ownership; of a campaign, with the revision that created it. */
  | { readonly type: 'lock'; readonly key: string; readonly createRevision?: number }
  | { readonly type: 'unlock' }
  | { readonly type: 'proclaim' }
  | { readonly type: 'leader'; readonly kv: KeyValue }
  /** The members; of a disarming, those that had an alarm until then. */
  | { readonly type: 'alarm'; readonly withoutSpace: readonly string[] }

export type TxnOperationResult =
  | { readonly type: 'put'; readonly prevKv?: KeyValue }
  | RangeResult
  | { readonly type: 'delete'; readonly deleted: number; readonly prevKvs?: readonly KeyValue[] }
  | TxnResult

export interface RangeResult {
  readonly type: 'range'
  readonly kvs: readonly KeyValue[]
  readonly count: number
  readonly more?: boolean
}

export interface TxnResult {
  readonly type: 'txn'
  readonly succeeded: boolean
  readonly responses: readonly TxnOperationResult[]
}

/** A change of one key. A delete's kv has its key and modRevision, the rest empty. */
export interface KvEvent {
  readonly type: 'put' | 'delete'
  readonly kv: KeyValue
  readonly prevKv?: KeyValue
}

/** One watch id of one stream. */
export interface Watch {
  readonly id: number
  readonly client: string
  readonly member: string
  readonly calledAt: number
  readonly request: WatchRequest
  readonly responses: readonly WatchResponse[]
  /** Absent: it was open to the end of the run. */
  readonly end?: WatchEnd
}

export interface WatchEnd {
  readonly at: number
  readonly reason: 'cancelled' | 'broken'
}

export interface WatchRequest extends Interval {
  /** Absent: from the next revision on. */
  readonly startRevision?: number
  readonly prevKv?: boolean
  readonly noPut?: boolean
  readonly noDelete?: boolean
  readonly fragment?: boolean
}

export interface WatchResponse {
  readonly at: number
  /** The header's. */
  readonly revision: number
  readonly type: 'created' | 'events' | 'progress' | 'canceled'
  readonly events?: readonly KvEvent[]
  /** More of the same events follow. */
  readonly fragment?: boolean
  readonly compactRevision?: number
}

/** One call of Observe: who leads an election, from then on. */
export interface Observation {
  readonly id: number
  readonly client: string
  readonly member: string
  readonly calledAt: number
  readonly name: string
  readonly told: readonly ToldLeader[]
}

export interface ToldLeader {
  readonly at: number
  /** The header's. */
  readonly revision: number
  readonly kv: KeyValue
}

/** What a member answers when a run has ended. */
export interface FinalState {
  readonly member: string
  readonly at: number
  readonly revision: number
  /** All keys, in byte order. */
  readonly kvs: readonly KeyValue[]
  readonly hashes?: readonly HashKv[]
  readonly leases?: readonly bigint[]
}

export interface HashKv {
  readonly revision: number
  readonly compactRevision: number
  readonly hash: number
}

/** The changes of each revision, in order, as a member keeps them. May begin late and end early. */
export interface MemberLog {
  readonly member: string
  readonly changes: readonly RevisionChanges[]
}

export interface RevisionChanges {
  readonly revision: number
  readonly events: readonly KvEvent[]
}

/** Every range in it may be answered by a member alone, so it need not be recent. */
export function isSerializable(request: Request): boolean {
  if (request.type === 'range') return request.serializable === true
  if (request.type !== 'txn') return false
  const all = [...request.success, ...request.failure]
  return all.length > 0 && all.every((one) => one.type === 'range' && one.serializable === true)
}

export function within({ key: start, rangeEnd }: Interval, key: string): boolean {
  if (rangeEnd === undefined || rangeEnd === '') return key === start
  return key >= start && (rangeEnd === '\0' || key < rangeEnd)
}

/** Whether no key is outside. */
export function isEverything({ key, rangeEnd }: Interval): boolean {
  return rangeEnd === '\0' && (key === '' || key === '\0')
}
