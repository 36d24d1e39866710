/**
 * The one table that turns expected outcomes into what clients see. Go clients recognise an error
 * by its text, others by its code, so both are etcd's to the letter.
 */

import { STATUS, StatusError, type StatusCode } from '../rpc/status.ts'

const TABLE = {
  'empty-key': [STATUS.INVALID_ARGUMENT, 'etcdserver: key is not provided'],
  'key-not-found': [STATUS.INVALID_ARGUMENT, 'etcdserver: key not found'],
  'value-provided': [STATUS.INVALID_ARGUMENT, 'etcdserver: value is provided'],
  'lease-provided': [STATUS.INVALID_ARGUMENT, 'etcdserver: lease is provided'],
  'too-many-ops': [STATUS.INVALID_ARGUMENT, 'etcdserver: too many operations in txn request'],
  'duplicate-key': [STATUS.INVALID_ARGUMENT, 'etcdserver: duplicate key given in txn request'],
  'invalid-sort-option': [STATUS.INVALID_ARGUMENT, 'etcdserver: invalid sort option'],
  'invalid-client-api-version': [STATUS.INVALID_ARGUMENT, 'etcdserver: invalid client api version'],
  compacted: [STATUS.OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted'],
  future: [STATUS.OUT_OF_RANGE, 'etcdserver: mvcc: required revision is a future revision'],
  'no-space': [STATUS.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded'],
  'lease-not-found': [STATUS.NOT_FOUND, 'etcdserver: requested lease not found'],
  'lease-exists': [STATUS.FAILED_PRECONDITION, 'etcdserver: lease already exists'],
  'lease-ttl-too-large': [STATUS.OUT_OF_RANGE, 'etcdserver: too large lease TTL'],
  'request-too-large': [STATUS.INVALID_ARGUMENT, 'etcdserver: request is too large'],
  'too-many-requests': [STATUS.RESOURCE_EXHAUSTED, 'etcdserver: too many requests'],
  'member-exists': [STATUS.FAILED_PRECONDITION, 'etcdserver: member ID already exist'],
  'member-not-found': [STATUS.NOT_FOUND, 'etcdserver: member not found'],
  // An id that was in the cluster once; clients see no difference.
  'member-removed': [STATUS.NOT_FOUND, 'etcdserver: member not found'],
  'member-not-learner': [
    STATUS.FAILED_PRECONDITION,
    'etcdserver: can only promote a learner member',
  ],
  'learner-not-ready': [
    STATUS.FAILED_PRECONDITION,
    'etcdserver: can only promote a learner member which is in sync with leader',
  ],
  'too-many-learners': [
    STATUS.FAILED_PRECONDITION,
    'etcdserver: too many learner members in cluster',
  ],
  'peer-url-exists': [STATUS.FAILED_PRECONDITION, 'etcdserver: Peer URLs already exists'],
  'member-bad-urls': [STATUS.INVALID_ARGUMENT, 'etcdserver: given member URLs are invalid'],
  // etcd sends its text with the code UNKNOWN, by an oversight: this is the code it documents.
  'member-not-enough-started': [
    STATUS.FAILED_PRECONDITION,
    'etcdserver: re-configuration failed due to not enough started members',
  ],
  'cluster-id-mismatch': [STATUS.FAILED_PRECONDITION, 'etcdserver: cluster ID mismatch'],
  'not-supported-for-learner': [
    STATUS.FAILED_PRECONDITION,
    'etcdserver: rpc not supported for learner',
  ],
  'not-leader': [STATUS.FAILED_PRECONDITION, 'etcdserver: not leader'],
  'bad-leader-transferee': [STATUS.FAILED_PRECONDITION, 'etcdserver: bad leader transferee'],
  'transfer-timeout': [
    STATUS.UNKNOWN,
    'etcdserver: request timed out, leader transfer took too long',
  ],
  unhealthy: [STATUS.UNAVAILABLE, 'etcdserver: unhealthy cluster'],
  'no-leader': [STATUS.UNAVAILABLE, 'etcdserver: no leader'],
  'leader-changed': [STATUS.UNAVAILABLE, 'etcdserver: leader changed'],
  stopped: [STATUS.UNAVAILABLE, 'etcdserver: server stopped'],
  timeout: [STATUS.UNAVAILABLE, 'etcdserver: request timed out'],
  'timeout-leader-fail': [
    STATUS.UNAVAILABLE,
    'etcdserver: request timed out, possibly due to previous leader failure',
  ],
  'timeout-connection-lost': [
    STATUS.UNAVAILABLE,
    'etcdserver: request timed out, possibly due to connection lost',
  ],
  'timeout-wait-applied': [
    STATUS.UNAVAILABLE,
    'etcdserver: request timed out, waiting for the applied index took too long',
  ],
  corrupt: [STATUS.DATA_LOSS, 'etcdserver: corrupt cluster'],
  'range-stream-sort': [STATUS.UNIMPLEMENTED, 'RangeStream does not support custom sort orders'],
  'range-stream-filter': [STATUS.UNIMPLEMENTED, 'RangeStream does not support revision filters'],
} as const satisfies Record<string, readonly [StatusCode, string]>

export type ErrorName = keyof typeof TABLE

export function isErrorName(name: string): name is ErrorName {
  return Object.hasOwn(TABLE, name)
}

export function etcdError(name: ErrorName): StatusError {
  const [code, message] = TABLE[name]
  return new StatusError(code, message)
}

/** etcd's text of an outcome, for places that embed it, such as the reason of /health. */
export function errorText(name: ErrorName): string {
  return TABLE[name][1]
}
