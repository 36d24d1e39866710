/**
 * The real etcdctl, run as a process against a real etcd and against this server with the same
 * command lines in the same order: exit code, standard output and errors must agree.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { peculiaritiesOf } from '../support/etcd-versions.ts'
import type { Peculiarities } from '../support/etcd-versions.ts'
import { Etcdctl } from '../support/etcdctl.ts'
import { comparableOutput } from '../support/etcdctl-output.ts'
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
          return comparableOutput(result, {
            names: new Map([[endpoint, 'ENDPOINT']]),
            hasHashRevision: peculiaritiesOf(programOf(etcd)).hasHashRevision,
            isJson: args.includes('json'),
            ...(protobuf === undefined ? {} : { protobuf }),
          })
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
