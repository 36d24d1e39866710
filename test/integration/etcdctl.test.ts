/**
 * The real etcdctl, run as a process against a real etcd and against this server with the same
 * command lines in the same order: exit code, standard output and errors must agree.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { peculiaritiesOf } from '../support/etcd-versions.ts'
import type { Peculiarities } from '../support/etcd-versions.ts'
import { Etcdctl } from '../support/etcdctl.ts'
import type { EtcdctlResult } from '../support/etcdctl.ts'
import { loadMethods } from '../support/grpc-client.ts'
import type { Message } from '../support/grpc-client.ts'
import { findEtcd, findEtcdctl, isMissing, programOf, suiteName } from '../support/programs.ts'
import { TestBed } from '../support/test-bed.ts'

const etcd = findEtcd()
const etcdctl = findEtcdctl()

interface Step {
  readonly args: readonly string[]
  readonly stdin?: string
  /** The method whose response `-w protobuf` prints. */
  readonly protobuf?: string
  /** Oldest etcdctl minor version (3.x) that has the flags. */
  readonly since?: number
  /** What the reference must answer for the outputs to be comparable. */
  readonly needs?: keyof Peculiarities
}

const step = (line: string, more: Omit<Step, 'args'> = {}): Step => ({
  args: line.split(' ').map((word) => (word === "''" ? '' : word)),
  ...more,
})

const TXN = `mod("a") > "0"
version("nothing") = "0"
value("b") = "from stdin"

put c "inside a txn"
get a
get "" --prefix --keys-only
del nothing

put d "not taken"

`
const FAILING_TXN = `create("a") = "0"

put d yes

get a b
del d
put e "two words"

`

const STEPS: readonly Step[] = [
  step('get nothing'),
  step('put a 1'),
  step('put a 2 --prev-kv'),
  step('put b', { stdin: 'from stdin' }),
  step('put a 3 -w json'),
  step('put a 4 --prev-kv -w json'),
  step('put a 5 --prev-kv -w fields'),
  step('put a 6 --prev-kv -w protobuf', { protobuf: '/etcdserverpb.KV/Put' }),
  step('put a --ignore-value'),
  step('put a 7 --ignore-lease'),
  step('put nothing --ignore-value'),
  step('put a 8 --lease=1234'),
  step("put '' x"),
  step('put foo/1 z'),
  step('put foo/2 y'),
  step('put foo/3 x'),
  step('put foo/2 w'),
  step('get a'),
  step('get a -w json'),
  step('get a -w fields'),
  step('get a -w table'),
  step('get a --hex'),
  step('get a -w protobuf', { protobuf: '/etcdserverpb.KV/Range' }),
  step('get a --print-value-only'),
  step('get a --rev=3'),
  step('get a --rev=1000000'),
  step('get a --consistency=s'),
  step('get foo/ --prefix'),
  step('get foo/ --prefix --keys-only'),
  step('get foo/ --prefix --count-only -w fields'),
  step('get foo/ --prefix --count-only -w json'),
  step('get foo/ --prefix --limit=2 -w json'),
  step('get b --from-key'),
  step('get a foo/2'),
  step('get z a'),
  step("get '' --prefix"),
  step("get ''"),
  ...['KEY', 'VERSION', 'CREATE', 'MODIFY', 'VALUE'].flatMap((target) => [
    step(`get foo/ --prefix --sort-by=${target}`),
    step(`get foo/ --prefix --sort-by=${target} --order=ASCEND`),
    step(`get foo/ --prefix --sort-by=${target} --order=DESCEND --limit=2`),
  ]),
  step('get foo/ --prefix --min-mod-rev=10 --max-mod-rev=12', { since: 6 }),
  step('get foo/ --prefix --min-create-rev=10 --max-create-rev=11', { since: 6 }),
  step('txn', { stdin: TXN }),
  step('txn -i', { stdin: TXN }),
  step('txn', { stdin: FAILING_TXN }),
  step('txn -w json', { stdin: FAILING_TXN }),
  step('txn -w fields', { stdin: TXN }),
  step('txn', { stdin: '\nput twice 1\nput twice 2\n\n\n' }),
  step('endpoint hashkv', { needs: 'hasHashRevision' }),
  step('endpoint hashkv -w json'),
  step('endpoint hashkv -w table', { needs: 'hasHashRevision' }),
  step('del nothing'),
  step('del foo/1'),
  step('del foo/2 --prev-kv'),
  step('del foo/ --prefix --prev-kv -w json'),
  step('del b c'),
  step('del c --from-key -w fields'),
  step('compaction 1'),
  step('compaction 5'),
  step('compaction 5'),
  step('compaction 1000000'),
  step('compaction 8 --physical'),
  step('get a --rev=4'),
  step('get a --rev=8 -w json'),
  step('endpoint health'),
  step('endpoint health -w json'),
  step('endpoint status', { needs: 'statusHasStorage' }),
  step('endpoint status -w json'),
  step('endpoint status -w table', { needs: 'statusHasStorage' }),
  step('endpoint status -w fields'),
  step('defrag'),
  step('alarm list'),
  step('alarm disarm'),
  step('alarm list -w json', { needs: 'alarmHasHeader' }),
  step('member list'),
  step('member list -w json'),
  step('member list -w table'),
  step('member list -w fields'),
  step('get a'),
]

const needs = [etcd, etcdctl] as const

describe.skipIf(isMissing(...needs))(suiteName('etcdctl', ...needs), () => {
  const bed = new TestBed()
  let endpoints: [reference: string, ours: string]

  beforeAll(async () => {
    const reference = await bed.startEtcd(programOf(etcd))
    const ours = await bed.startQuorate()
    endpoints = [reference.endpoint, ours.endpoint]
  })
  afterAll(() => bed.cleanUp())

  for (const [n, current] of STEPS.entries()) {
    const { args, stdin, protobuf } = current
    const line = `${n + 1}: ${args.map((word) => (word === '' ? "''" : word)).join(' ')}`
    const reason = whyNot(current)
    const name = reason === undefined ? line : `${line} (skipped: ${reason})`
    it.skipIf(reason !== undefined)(name, async () => {
      const [expected, actual] = await Promise.all(
        endpoints.map(async (endpoint) => {
          const result = await new Etcdctl(programOf(etcdctl), endpoint).run(args, stdin)
          return normalise(result, endpoint, args, protobuf)
        }),
      )
      expect(actual).toEqual(expected)
    })
  }
})

function whyNot({ since = 4, needs: needed }: Step): string | undefined {
  if (!etcd.ok || !etcdctl.ok) return undefined // the whole suite is skipped, with its own reason
  const minor = etcdctl.program.version[1]
  if (minor < since) return `needs etcdctl 3.${since}`
  if (needed === undefined || peculiaritiesOf(etcd.program)[needed] === true) return undefined
  // An old etcdctl does not show what an old server does not answer, a header excepted.
  if (minor < 6 && needed !== 'alarmHasHeader') return undefined
  return `etcd ${etcd.program.versionText} does not answer all that is printed`
}

function normalise(
  result: EtcdctlResult,
  endpoint: string,
  args: readonly string[],
  protobuf: string | undefined,
): unknown {
  const stderr = result.stderr
    .split('\n')
    .filter((line) => !line.startsWith('{')) // the client library's log, with times in it
    .map((line) => normaliseText(line, endpoint))
  const answer = result.code === 0 ? normaliseOutput(result.stdout, endpoint, args, protobuf) : ''
  return { code: result.code, stderr, answer }
}

function normaliseOutput(
  stdout: Buffer,
  endpoint: string,
  args: readonly string[],
  protobuf: string | undefined,
): unknown {
  if (protobuf !== undefined) {
    return normaliseTree(loadMethods().get(protobuf)?.responseDeserialize(stdout))
  }
  const text = stdout.toString('utf8')
  if (args.includes('json')) {
    return normaliseTree(JSON.parse(text.replaceAll(endpoint, 'ENDPOINT')))
  }
  return text.split('\n').map((line) => normaliseText(line, endpoint))
}

/** The member's own numbers: its term, its log, its sizes and its release. */
const OWN_FIELDS = new Set([
  'raft_term',
  'raftTerm',
  'raftIndex',
  'raftAppliedIndex',
  'version',
  'storageVersion',
  'dbSize',
  'dbSizeInUse',
  'dbSizeQuota',
  'downgradeInfo',
  'took',
])

function normaliseTree(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normaliseTree)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  const kept: Message = {}
  const isStatus = 'dbSize' in value
  for (const [name, field] of Object.entries(value)) {
    // "version" of a key is compared; "version" of a Status is not.
    if (OWN_FIELDS.has(name) && (name !== 'version' || isStatus)) continue
    if (name === 'hash_revision' && !hasHashRevision()) continue
    kept[name] = normaliseTree(field)
  }
  return kept
}

function hasHashRevision(): boolean {
  return peculiaritiesOf(programOf(etcd)).hasHashRevision
}

const OWN_LINE =
  /"(RaftTerm|RaftIndex|RaftAppliedIndex|DBSize|DBSizeInUse|DBSizeQuota|StorageVersion|DowngradeTargetVersion|DowngradeEnabled)"\s*: .*/i

function normaliseText(line: string, endpoint: string): string {
  if (!hasHashRevision() && /"HashRevision"/i.test(line)) return ''
  return line
    .replaceAll(endpoint, 'ENDPOINT')
    .replace(OWN_LINE, '$1')
    .replace(/"Version" : "[\d.]+"/, 'VERSION')
    .replace(/took = .*/, 'TOOK')
    .replace(/took [\d.]+m?s/, 'TOOK')
    .replaceAll(/\b\d+\.\d+\.\d+\b(?!\.)/g, 'VERSION')
    .replaceAll(/\b\d+(\.\d+)? [kMG]?B\b/g, 'SIZE')
    .replaceAll(/\b\d+%/g, 'PERCENT')
    .replace(/(true|false), (true|false), \d+, \d+, \d+, /, '$1, $2, TERM, INDEX, APPLIED, ')
    .replace(
      /(true|false) \|\s+(true|false) \|\s+\d+ \|\s+\d+ \|\s+\d+ \|/,
      '$1 | $2 | TERM | INDEX | APPLIED |',
    )
    .replaceAll(/-{2,}/g, '-')
    .replaceAll(/ {2,}/g, ' ')
}
