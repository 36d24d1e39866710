import { describe, expect, test } from 'vitest'

import { STATUS, type StatusCode } from '../../src/rpc/status.ts'
import { errorText, etcdError, isErrorName, type ErrorName } from '../../src/server/errors.ts'

const { FAILED_PRECONDITION, INVALID_ARGUMENT, NOT_FOUND, UNAVAILABLE, UNKNOWN } = STATUS

/** What etcd 3.6.14 sent; its code for not-enough-started alone was another one, UNKNOWN. */
test.each<[name: ErrorName, code: StatusCode, text: string]>([
  ['member-exists', FAILED_PRECONDITION, 'member ID already exist'],
  ['member-not-found', NOT_FOUND, 'member not found'],
  ['member-removed', NOT_FOUND, 'member not found'],
  ['member-not-learner', FAILED_PRECONDITION, 'can only promote a learner member'],
  [
    'learner-not-ready',
    FAILED_PRECONDITION,
    'can only promote a learner member which is in sync with leader',
  ],
  ['too-many-learners', FAILED_PRECONDITION, 'too many learner members in cluster'],
  ['peer-url-exists', FAILED_PRECONDITION, 'Peer URLs already exists'],
  ['member-bad-urls', INVALID_ARGUMENT, 'given member URLs are invalid'],
  [
    'member-not-enough-started',
    FAILED_PRECONDITION,
    're-configuration failed due to not enough started members',
  ],
  ['unhealthy', UNAVAILABLE, 'unhealthy cluster'],
  ['cluster-id-mismatch', FAILED_PRECONDITION, 'cluster ID mismatch'],
  ['not-supported-for-learner', FAILED_PRECONDITION, 'rpc not supported for learner'],
  ['not-leader', FAILED_PRECONDITION, 'not leader'],
  ['bad-leader-transferee', FAILED_PRECONDITION, 'bad leader transferee'],
  ['transfer-timeout', UNKNOWN, 'request timed out, leader transfer took too long'],
  ['timeout', UNAVAILABLE, 'request timed out'],
  [
    'timeout-leader-fail',
    UNAVAILABLE,
    'request timed out, possibly due to previous leader failure',
  ],
  ['timeout-connection-lost', UNAVAILABLE, 'request timed out, possibly due to connection lost'],
  [
    'timeout-wait-applied',
    UNAVAILABLE,
    'request timed out, waiting for the applied index took too long',
  ],
])('%s has the code and the text of etcd', (name, code, text) => {
  expect(etcdError(name)).toMatchObject({ code, message: `etcdserver: ${text}` })
  expect(errorText(name)).toBe(`etcdserver: ${text}`)
})

describe('a name from another member', () => {
  test('is one of the table', () => {
    expect(isErrorName('member-not-found')).toBe(true)
    for (const name of ['', 'no-such-error', 'toString', '__proto__']) {
      expect(isErrorName(name)).toBe(false)
    }
  })
})
