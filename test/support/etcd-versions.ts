/**
 * How etcd's own releases differ from 3.6, the release whose behaviour this server has. A test that
 * compares with a real etcd looks its version up here, and relaxes exactly what is listed.
 */

import type { Message } from './grpc-client.ts'
import type { Program } from './programs.ts'

export interface Peculiarities {
  readonly release: string
  /**
   * Whether a sort_order or sort_target outside its enum is refused. Before 3.5 it is accepted, and
   * such a request cannot be compared.
   */
  readonly checksSortOptions: boolean
  /** Whether HashKVResponse has `hash_revision` (3.6). */
  readonly hasHashRevision: boolean
  /**
   * Whether the hash leaves out the deletion marks that a compaction at exactly their revision
   * drops. An older server hashes them, so after any compaction the numbers may differ for good.
   */
  readonly hashComparableAfterCompaction: boolean
  /**
   * Whether the checks of a transaction's operations run in their order. Before 3.5 all puts are
   * checked before all ranges, so that of two errors the other one may be answered.
   */
  readonly checksTxnInOrder: boolean
  /** Whether the answer to Alarm has a header (3.5). */
  readonly alarmHasHeader: boolean
  /** Whether Status tells the storage version and the quota (3.6). */
  readonly statusHasStorage: boolean
}

// Not in the table because no release can be compared: from 3.6 on (and in late 3.5) a compaction
// remembers a hash of its own, made while it runs, under its revision; HashKV at exactly that
// revision answers it, with the compacted revision before it. When it appears is a matter of time.

/**
 * etcd sorts with an algorithm that keeps the order of equal elements only for at most this many
 * elements (insertion sort below it). Above it, keys with equal sort values come in any order.
 */
export const STABLE_SORT_MAX = 12

const CURRENT: Peculiarities = {
  release: '3.6',
  checksSortOptions: true,
  hasHashRevision: true,
  hashComparableAfterCompaction: true,
  checksTxnInOrder: true,
  alarmHasHeader: true,
  statusHasStorage: true,
}

const BY_RELEASE: readonly Peculiarities[] = [
  CURRENT,
  {
    ...CURRENT,
    release: '3.5',
    hasHashRevision: false,
    hashComparableAfterCompaction: false,
    statusHasStorage: false,
  },
  {
    ...CURRENT,
    release: '3.4',
    checksSortOptions: false,
    hasHashRevision: false,
    hashComparableAfterCompaction: false,
    checksTxnInOrder: false,
    alarmHasHeader: false,
    statusHasStorage: false,
  },
]

/** A release that is not listed is held to the rules of 3.6: a difference then shows as a failure. */
export function peculiaritiesOf(program: Program): Peculiarities {
  const release = program.version.slice(0, 2).join('.')
  return BY_RELEASE.find((entry) => entry.release === release) ?? CURRENT
}

/**
 * A fault of every release so far. The check that no key is put and deleted in one transaction takes
 * a deletion "from this key on" (range_end 0x00) for an empty interval, so such a transaction can
 * delete and put one key in one revision. A compaction at exactly that revision then drops the new
 * record, and the next read of the key ends the process with "range failed to find revision pair".
 * Before that, its hash at that revision is computed as if the key were gone. True when a request
 * may do that, so that a test neither compacts the reference nor asks for the hash there.
 */
export function maySlipThroughDuplicateCheck(txn: Message): boolean {
  const operations = operationsOf(txn)
  return (
    operations.some((op) => 'request_put' in op) &&
    operations.some((op) => op['request_delete_range']?.range_end?.equals(OPEN_END) === true)
  )
}

/**
 * The same fault, worse: when the put that follows the deletion wants the value or the lease kept,
 * the key is gone by then and etcd ends itself with "unexpected error during txn".
 */
export function endsEtcd(txn: Message): boolean {
  return (
    maySlipThroughDuplicateCheck(txn) &&
    operationsOf(txn).some(
      ({ request_put: put }) => put?.ignore_value === true || put?.ignore_lease === true,
    )
  )
}

const OPEN_END = Buffer.from([0])

function operationsOf(txn: Message): Message[] {
  const direct: Message[] = [...(txn['success'] ?? []), ...(txn['failure'] ?? [])]
  const nested = direct.flatMap((op) =>
    'request_txn' in op ? operationsOf(op['request_txn']) : [],
  )
  return [...direct, ...nested]
}
