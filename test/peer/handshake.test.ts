/** What a hello says, and how much of it. */

import { expect, test } from 'vitest'
import { FRAME_HEAD_BYTES } from '../../src/peer/frame.ts'
import { decodeHello, helloFrame } from '../../src/peer/handshake.ts'
import { MAX_HELLO_BYTES } from '../../src/peer/limits.ts'

const HELLO = {
  kind: 'append',
  clusterId: 'c1c1c1c1c1c1c1c1',
  from: 'a1a1a1a1a1a1a1a1',
  to: 'b1b1b1b1b1b1b1b1',
} as const
const LONGEST_URL = `http://${'h'.repeat(1012)}:2380`

test('a hello comes back as it was, with the longest and most URLs that it may name', () => {
  const urls = Array.from({ length: 32 }, () => LONGEST_URL)
  const frame = helloFrame({ ...HELLO, urls })
  expect(frame.length - FRAME_HEAD_BYTES).toBeLessThan(MAX_HELLO_BYTES)
  expect(decodeHello(frame.subarray(FRAME_HEAD_BYTES))).toEqual({ ...HELLO, urls })
})

test('URLs that nobody would take are left out, and the connection is taken', () => {
  const urls = Array.from({ length: 40 }, (_, index) => `http://h${index}:2380`)
  const frame = helloFrame({ ...HELLO, urls: [`${LONGEST_URL}0`, ...urls] })
  expect(decodeHello(frame.subarray(FRAME_HEAD_BYTES))).toEqual({
    ...HELLO,
    urls: urls.slice(0, 32),
  })
})
