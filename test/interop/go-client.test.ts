/**
 * The seven programs of a tutorial, written in Go with etcd's own client library, run against this
 * server and against a real etcd: both print the same lines. The programs are built once, with the
 * library as Debian packages it (golang-go and golang-etcd-server-dev); with
 * QUORATE_TEST_GO_MODULES=1 also with the current library, which the go command downloads.
 */

import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Child, cleanEnvironment } from '../support/child-process.ts'
import { findEtcd, isMissing, programOf, suiteName } from '../support/programs.ts'
import type { Found } from '../support/programs.ts'
import { TestBed } from '../support/test-bed.ts'

const SOURCES = fileURLToPath(new URL('./go', import.meta.url))
const DEBIAN_GOPATH = '/usr/share/gocode'
const CURRENT_CLIENT = 'v3.6.14'
const BUILD_TIMEOUT_MS = 240_000
const PROGRAM_TIMEOUT_MS = 25_000

/** In the order in which they run. The later ones run at the same time. */
const TRANSCRIPTS: readonly (readonly [program: string, lines: readonly string[]])[] = [
  [
    'connect',
    [
      'put: the value was "hello"',
      'get: connect/greeting = "hello, world", version 2',
      'get at its first revision: "hello"',
      'get of an absent key: 0 found',
      'prefix: connect/fruit/pear',
      'prefix: connect/fruit/fig',
      'prefix: 2 of 3, more: true',
      'txn: succeeded: true, the value is "bye"',
      'delete: 4 keys',
      'put without a key: etcdserver: key is not provided',
    ],
  ],
  [
    'watch', // compacts, so it must not run beside a watch from the past
    [
      'live: created',
      'live: PUT watch/config = "1" at +1, created false, modified true, before: "0"',
      'live: PUT watch/new = "x" at +2, created true, modified false, before: none',
      'live: DELETE watch/config = "" at +3, created false, modified false, before: "1"',
      'live: DELETE watch/new = "" at +3, created false, modified false, before: "x"',
      'live: cancelled, its channel is closed',
      'past: PUT watch/config = "0" at +0, created true, modified false, before: none',
      'past: PUT watch/config = "1" at +1, created false, modified true, before: none',
      'past: DELETE watch/config = "" at +3, created false, modified false, before: none',
      'puts alone: PUT watch/config = "0" at +0, created true, modified false, before: none',
      'puts alone: PUT watch/config = "1" at +1, created false, modified true, before: none',
      'puts alone: PUT watch/new = "x" at +2, created true, modified false, before: none',
      'compacted: etcdserver: mvcc: required revision has been compacted, since +2',
    ],
  ],
  [
    'lease',
    [
      'granted a lease of 5 s',
      'the key is there: "short-lived", with the lease: true',
      'the lease of 5 s holds ["lease/key"]',
      'the key is gone: DELETE',
      'not before its time: true, soon after it: true',
      'get: 0 found',
      'the lease has -1 s to live',
      'revoke: etcdserver: requested lease not found',
      'put: etcdserver: requested lease not found',
    ],
  ],
  [
    'keepalive',
    [
      'granted a lease of 2 s',
      'after two lifetimes the key is there: "held"',
      'the keep-alive has ended',
      'the key is gone: DELETE',
      'soon after its time: true',
      'keep-alive: etcdserver: requested lease not found',
    ],
  ],
  [
    'mutex',
    [
      'acquired lock for s1',
      's2 waits, there are 2 keys',
      'released lock for s1',
      'acquired lock for s2',
      's1 gives up: context deadline exceeded',
      's2 is closed, acquired lock for s1',
      'keys left behind: 0',
    ],
  ],
  [
    'election',
    [
      'before: election: no leader',
      'alice is elected',
      'observed alice',
      'observed alice again',
      'bob campaigns',
      'the leader is alice again',
      'alice resigns',
      'bob is elected',
      'observed bob',
      'alice proclaims: election: not leader',
      'bob goes away',
      'alice is elected',
      'observed alice once more',
      'after: election: no leader',
    ],
  ],
  [
    'discovery',
    [
      'found services/api/1 at 10.0.0.1:80',
      'joined: services/api/2 at 10.0.0.2:80',
      'joined: services/db/1 at 10.0.0.3:5432',
      '3 services',
      'db/1 signs off',
      'left: services/db/1 at 10.0.0.3:5432',
      'api/2 crashes',
      'left: services/api/2 at 10.0.0.2:80',
      'still there: services/api/1 at 10.0.0.1:80',
    ],
  ],
]
const ONE_BY_ONE = TRANSCRIPTS.slice(0, 2)
const TOGETHER = TRANSCRIPTS.slice(2)

const go = findGo()
const etcd = findEtcd()
const debianClient: Found = existsSync(join(DEBIAN_GOPATH, 'src/go.etcd.io/etcd/clientv3'))
  ? go
  : { ok: false, reason: `no etcd client in ${DEBIAN_GOPATH} (package golang-etcd-server-dev)` }
const currentClient: Found =
  process.env['QUORATE_TEST_GO_MODULES'] === '1'
    ? go
    : { ok: false, reason: 'QUORATE_TEST_GO_MODULES is not 1' }

const SERVERS = ['this server', 'a real etcd'] as const

suite("etcd's Go client, as Debian packages it", debianClient, buildWithDebian)
suite(`etcd's Go client ${CURRENT_CLIENT}`, currentClient, buildWithModules)

function suite(name: string, client: Found, build: (folder: string) => void): void {
  const needs = go.ok ? [client] : [go]
  describe.skipIf(isMissing(...needs))(suiteName(name, ...needs), () => {
    const bed = new TestBed()
    let programs: string

    beforeAll(() => {
      const folder = bed.temporaryDirectory()
      cpSync(SOURCES, folder, { recursive: true })
      build(folder)
      programs = join(folder, 'bin')
    }, BUILD_TIMEOUT_MS)
    afterAll(() => bed.cleanUp())

    describe.each(SERVERS)('against %s', (server) => {
      const against = server === 'a real etcd' ? [etcd] : []
      describe.skipIf(isMissing(...against))(suiteName('prints what it should', ...against), () => {
        let endpoint: string
        beforeAll(async () => {
          const node =
            server === 'a real etcd'
              ? await bed.startEtcd(programOf(etcd))
              : await bed.startQuorate()
          endpoint = node.endpoint
        })

        it.each(ONE_BY_ONE)('%s', async (program, lines) => {
          await run(bed, join(programs, program), endpoint, lines)
        })
        it.concurrent.each(TOGETHER)('%s', async (program, lines) => {
          await run(bed, join(programs, program), endpoint, lines)
        })
      })
    })
  })
}

async function run(
  bed: TestBed,
  program: string,
  endpoint: string,
  lines: readonly string[],
): Promise<void> {
  const child = bed.track(new Child(program, [endpoint]))
  const { code } = await child.waitForExit(PROGRAM_TIMEOUT_MS)
  expect(child.stdout.toString('utf8').trimEnd().split('\n'), child.stderr).toEqual(lines)
  expect(code, child.stderr).toBe(0)
}

function buildWithDebian(folder: string): void {
  goCommand(folder, ['build', '-o', 'bin/', './...'], {
    GO111MODULE: 'off',
    GOPATH: DEBIAN_GOPATH,
    GOFLAGS: '',
  })
}

/** The current library has other import paths, and is otherwise used in the same way. */
function buildWithModules(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.go')) continue
    const file = join(folder, name)
    const source = readFileSync(file, 'utf8')
    writeFileSync(file, source.replaceAll('go.etcd.io/etcd/clientv3', 'go.etcd.io/etcd/client/v3'))
  }
  const environment = { GO111MODULE: 'on', GOFLAGS: '-mod=mod' }
  goCommand(folder, ['mod', 'init', 'tutorial'], environment)
  goCommand(folder, ['get', `go.etcd.io/etcd/client/v3@${CURRENT_CLIENT}`], environment)
  goCommand(folder, ['build', '-o', 'bin/', './...'], environment)
}

function goCommand(folder: string, args: readonly string[], env: Record<string, string>): void {
  execFileSync(programOf(go).path, args, {
    cwd: folder,
    env: cleanEnvironment(env),
    timeout: BUILD_TIMEOUT_MS,
    stdio: ['ignore', 'ignore', 'pipe'], // what it prints to standard error is in the error thrown
  })
}

function findGo(): Found {
  const path = process.env['QUORATE_TEST_GO'] ?? 'go'
  try {
    const text = execFileSync(path, ['version'], { encoding: 'utf8' })
    const match = /go(\d+)\.(\d+)(?:\.(\d+))?/.exec(text)
    if (match === null) return { ok: false, reason: `${path} does not tell its version` }
    const version = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] as const
    return { ok: true, program: { path, version, versionText: version.join('.') } }
  } catch {
    return { ok: false, reason: 'no go in PATH and QUORATE_TEST_GO is not set' }
  }
}
