/**
 * h2spec, an HTTP/2 conformance tester written in Go, against the native engine. Opt-in: it runs
 * where QUORATE_TEST_H2SPEC names the program
 * (go install github.com/summerwind/h2spec/cmd/h2spec@latest).
 *
 * Its requests are no gRPC: they have no content-type. The server answers such a request as soon
 * as it has its headers and closes the stream, so whatever h2spec sends there next is ignored, as
 * it has to be behind END_STREAM and RST_STREAM. Cases that wait for something else are listed;
 * `test/rpc/native` has the same cases with gRPC requests. Left out is 5.1.2: it opens streams
 * without end until one is refused, but none of them stays open.
 */

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { suiteName } from '../support/programs.ts'
import { TestBed } from '../support/test-bed.ts'

const program = process.env['QUORATE_TEST_H2SPEC']
const found = { ok: false, reason: 'QUORATE_TEST_H2SPEC is not set' } as const
const name = 'h2spec against the native engine'

const SECTIONS = [
  'generic',
  ...['3', '4', '5.1.1', '5.3', '5.4', '5.5', '6', '7', '8'].map((section) => `http2/${section}`),
  ...Array.from({ length: 13 }, (_, index) => `http2/5.1/${index + 1}`),
  'hpack',
]
const CASES = 145
const TIMEOUT_MS = 60_000

/** By section and a part of the title: why the answer is another one than h2spec wants. */
const ANSWERED_ALREADY: readonly (readonly [section: string, title: string])[] = [
  ['generic/2', 'WINDOW_UPDATE frame on half-closed (remote) stream'],
  ['generic/2', 'PRIORITY frame on half-closed (remote) stream'],
  ['http2/5.1', 'closed: Sends a DATA frame after sending RST_STREAM'],
  ['http2/5.1', 'closed: Sends a HEADERS frame after sending RST_STREAM'],
  ['http2/6.9', 'window increment of 0 on a stream'],
  ['http2/6.9.1', 'above 2^31-1 on a stream'],
  ['http2/8.1', 'second HEADERS frame without the END_STREAM flag'],
  ['http2/8.1.2.1', 'pseudo-header field as trailers'],
  ['http2/8.1.2.6', 'does not equal the DATA frame payload length'],
  ['http2/8.1.2.6', 'does not equal the sum of the multiple DATA frames'],
]
/** Not HTTP/2, so the port's HTTP/1.1 side answers 400 before it closes. */
const ANSWERED_AS_HTTP1 = [['http2/3.5', 'Sends invalid connection preface']] as const
/** RFC 9113 has no priorities any more (§5.3.2). */
const PRIORITIES = [
  ['http2/5.3.1', 'HEADERS frame that depend on itself'],
  ['http2/5.3.1', 'PRIORITY frame that depend on itself'],
] as const
const EXPECTED = [...ANSWERED_ALREADY, ...ANSWERED_AS_HTTP1, ...PRIORITIES]

interface Case {
  readonly section: string
  readonly title: string
  readonly failed: boolean
}

function readReport(xml: string): Case[] {
  const cases = xml.matchAll(
    /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([^]*?)<\/testcase>/g,
  )
  return [...cases].map(([, section = '', title = '', body = '']) => ({
    section,
    title,
    failed: /<(error|failure)/.test(body),
  }))
}

const isExpected = ({ section, title }: Case): boolean =>
  EXPECTED.some(([where, what]) => section === where && title.includes(what))

describe.skipIf(program === undefined)(
  program === undefined ? suiteName(name, found) : name,
  () => {
    const bed = new TestBed()
    afterAll(() => bed.cleanUp())

    it('fails nothing but what is explained above', async () => {
      const node = await bed.startQuorate({ args: ['--grpc-engine', 'native'] })
      const [host = '', port = ''] = node.endpoint.split(':')
      const report = join(bed.temporaryDirectory(), 'report.xml')
      const target = ['-h', host, '-p', port, '-P', '/etcdserverpb.KV/Put']
      const args = [...SECTIONS, ...target, '--strict', '-o', '1', '-j', report]
      // It ends with code 1, because of the cases that are explained.
      await new Promise((resolve) =>
        execFile(program ?? '', args, { timeout: TIMEOUT_MS }, resolve),
      )
      const cases = readReport(readFileSync(report, 'utf8'))
      expect(cases).toHaveLength(CASES)
      const failed = cases.filter((one) => one.failed)
      expect(failed.filter((one) => !isExpected(one))).toEqual([])
      expect(failed).toHaveLength(EXPECTED.length)
      expect((await node.stop()).code).toBe(0)
    })
  },
)
