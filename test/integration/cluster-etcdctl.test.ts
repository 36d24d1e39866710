/**
 * The real etcdctl against a cluster of three, with the same commands in the same order against a
 * real etcd and against this server. The clusters run one after the other on the same ports, so
 * that members have the same ids, and a list of them has the same order.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePorts, ProcessCluster } from '../support/cluster.ts'
import type { Ports } from '../support/cluster.ts'
import type { ClusterMember } from '../support/cluster-member.ts'
import { etcdProgram, programUnderTest } from '../support/cluster-program.ts'
import type { ClusterProgram } from '../support/cluster-program.ts'
import { peculiaritiesOf } from '../support/etcd-versions.ts'
import type { Peculiarities } from '../support/etcd-versions.ts'
import { Etcdctl } from '../support/etcdctl.ts'
import type { EtcdctlResult } from '../support/etcdctl.ts'
import { comparableOutput } from '../support/etcdctl-output.ts'
import { findEtcd, findEtcdctl, isMissing, programOf, suiteName } from '../support/programs.ts'
import { TestBed } from '../support/test-bed.ts'
import { until } from '../support/until.ts'

const etcd = findEtcd()
const etcdctl = findEtcdctl()

interface Command {
  /** Words of the command line: {id:m1} and {peer:m1} stand for a member's id and peer address. */
  readonly line: string
  /** The member that is asked; m1, which leads, when absent. 'all' are m1, m2 and m3. */
  readonly at?: string
  /** Run again while it fails like this: etcd refuses changes until it has seen members for 5 s. */
  readonly whileFails?: RegExp
  /** A member whose id is new in every run is listed: compare the lines in any order. */
  readonly isUnordered?: boolean
  /** Oldest etcdctl minor version (3.x) that has it. */
  readonly since?: number
  /** What the reference must answer for the outputs to be comparable. */
  readonly needs?: keyof Peculiarities
}

/** Something that is done to the cluster between two commands. */
interface Deed {
  readonly deed: string
  readonly run: (session: Session) => Promise<unknown>
}

const command = (line: string, more: Omit<Command, 'line'> = {}): Command => ({ line, ...more })
const unhealthy = { whileFails: /unhealthy cluster/ } as const
const unordered = { isUnordered: true } as const
const atAll = { at: 'all' } as const
const settled: Deed = {
  deed: 'all have applied the same',
  run: async (session) => await session.cluster.settled(),
}
const m4 = (session: Session): ClusterMember => session.member('m4')

const STEPS: readonly (Command | Deed)[] = [
  command('member list'),
  command('member list -w table'),
  command('member list -w json'),
  command('member list -w fields'),
  command('member list --hex -w json', { since: 6 }),
  command('endpoint health --cluster', unordered),
  command('endpoint health --cluster -w json', unordered),
  settled,
  command('endpoint status --cluster', { needs: 'statusHasStorage' }),
  command('endpoint status --cluster -w json'),
  command('endpoint status --cluster -w table', { needs: 'statusHasStorage' }),
  command('endpoint status --cluster -w fields'),
  command('endpoint status', { needs: 'statusHasStorage', ...atAll }),
  command('endpoint status -w json', atAll),
  command('endpoint status -w table', { needs: 'statusHasStorage', ...atAll }),
  command('endpoint status -w fields', atAll),
  command('put a 1', { at: 'm2' }),
  command('put b 2', { at: 'm3' }),
  command('get a -w json', { at: 'm2' }),
  settled,
  command('get b --consistency=s', { at: 'm1' }),
  command('get "" --prefix', { at: 'm3' }),
  command('del a -w json', { at: 'm3' }),
  command('compaction 2', { at: 'm2' }),
  settled,
  command('endpoint hashkv --cluster', { needs: 'hasHashRevision' }),
  command('endpoint hashkv --cluster -w json'),
  command('endpoint hashkv', { needs: 'hasHashRevision', ...atAll }),
  command('endpoint hashkv -w json', atAll),
  command('endpoint hashkv -w table', { needs: 'hasHashRevision', ...atAll }),
  command('alarm list', { at: 'm2' }),
  command('alarm disarm', { at: 'm3' }),

  command('move-leader'),
  command('move-leader zz'),
  command('move-leader 1234'),
  command('move-leader {id:m2}', { at: 'm3' }),
  command('move-leader {id:m1}'),
  command('move-leader {id:m2}'),
  { deed: 'm2 leads', run: async (session) => await session.leads('m2') },
  command('endpoint status -w json', atAll),
  command('move-leader {id:m1}', { at: 'm2' }),
  { deed: 'm1 leads', run: async (session) => await session.leads('m1') },

  command('member update {id:m2}'),
  command('member update zz --peer-urls={peer:m2}'),
  command('member update 1234 --peer-urls={peer:m2}'),
  command('member update {id:m2} --peer-urls={peer:m3}'),
  command('member update {id:m2} --peer-urls=nonsense'),
  command('member update {id:m2} --peer-urls={peer:m2}'),
  command('member update {id:m2} --peer-urls={peer:m2},http://127.0.0.1:9', { at: 'm3' }),
  settled,
  command('member list'),
  command('member update {id:m2} --peer-urls={peer:m2} -w json'),

  command('member add'),
  command('member add m4'),
  command('member add m4 --peer-urls=nonsense'),
  command('member add m4 --peer-urls={peer:m1}', unhealthy),
  command('member add m4 --peer-urls={peer:m4} --learner', { ...unhealthy, ...unordered }),
  { deed: 'm4 is known', run: async (session) => await session.learnId('m4') },
  settled,
  command('member list', unordered),
  command('member list -w table', { at: 'm3', ...unordered }),
  command('member list -w fields', unordered),
  command('member add m5 --peer-urls=http://127.0.0.1:8 --learner', unhealthy),
  command('member promote'),
  command('member promote 1234'),
  command('member promote {id:m2}'),
  command('member promote {id:m4}'),
  command('member promote {id:m4}', { at: 'm3' }),
  {
    deed: 'm4 starts',
    run: async (session) => {
      session.cluster.launchJoining(m4(session))
      await until('m4 serves', 20_000, async () => await m4(session).status())
      await until('m4 is published', 20_000, async () => {
        const list = await session.cluster.list(session.member('m1'))
        return list.every(({ clientURLs }) => clientURLs.length > 0) ? true : undefined
      })
    },
  },
  settled,
  command('member list', unordered),
  command('endpoint status -w json', { at: 'm4' }),
  command('endpoint health', { at: 'm4' }),
  command('get b', { at: 'm4' }),
  command('get b --consistency=s', { at: 'm4' }),
  command('put b 3', { at: 'm4' }),
  command('lease grant 100', { at: 'm4' }),
  command('member list', { at: 'm4', ...unordered }),
  command('move-leader {id:m4}'),
  command('member promote {id:m4}', { whileFails: /in sync with leader|unhealthy cluster/ }),
  command('member promote {id:m4}'),
  settled,
  command('member list', { at: 'm4', ...unordered }),
  command('endpoint status -w json', { at: 'm4' }),
  command('get b', { at: 'm4' }),
  command('put b 3', { at: 'm4' }),

  command('member remove'),
  command('member remove zz'),
  command('member remove 1234'),
  command('member remove {id:m4}', { at: 'm2', ...unhealthy }),
  command('member remove {id:m4}', { at: 'm2' }),
  {
    deed: 'm4 is gone',
    run: async (session) => {
      await m4(session).exited()
      session.cluster.forget(m4(session))
    },
  },
  settled,
  command('member update {id:m4} --peer-urls=http://127.0.0.1:7'),
  command('member promote {id:m4}'),
  command('member list', { at: 'm3' }),

  { deed: 'm3 is killed', run: async (session) => await session.member('m3').kill9() },
  command('member remove {id:m2}', { at: 'm2' }),
  command('member add m6 --peer-urls=http://127.0.0.1:6'),
  command('endpoint status -w json', { at: 'm2' }),
  command('member remove {id:m3}', { at: 'm2' }),
  command('member list', { at: 'm2' }),
  command('endpoint health --cluster', unordered),
]

/** One cluster, and what etcdctl said to each step. */
class Session {
  readonly cluster: ProcessCluster
  readonly answers: unknown[] = []
  readonly #members: ReadonlyMap<string, ClusterMember>
  readonly #ids = new Map<string, string>()

  constructor(cluster: ProcessCluster, fourth: ClusterMember) {
    this.cluster = cluster
    this.#members = new Map([...cluster.members, fourth].map((member) => [member.name, member]))
  }

  static async start(bed: TestBed, program: ClusterProgram, ports: Ports[]): Promise<Session> {
    const cluster = await ProcessCluster.start(bed, program, { ports: ports.slice(0, 3) })
    const session = new Session(cluster, cluster.outsider(ports[3]!))
    cluster.adopt(session.member('m4'))
    for (const member of cluster.awake) {
      session.#ids.set(member.name, (await member.status()).id)
    }
    await session.leads('m1')
    await until('all members are published', 10_000, async () => {
      const list = await cluster.list()
      return list.every(({ clientURLs }) => clientURLs.length > 0) ? true : undefined
    })
    return session
  }

  member(name: string): ClusterMember {
    const member = this.#members.get(name)
    if (member === undefined) throw new Error(`no ${name}`)
    return member
  }

  async leads(name: string): Promise<void> {
    await this.cluster.moveLeaderTo(this.member(name))
  }

  async learnId(name: string): Promise<void> {
    const { peerUrl } = this.member(name)
    const found = (await this.cluster.list()).find(({ peerURLs }) => peerURLs.includes(peerUrl))
    this.#ids.set(name, found?.['ID'])
  }

  async runAll(): Promise<void> {
    for (const step of STEPS) {
      if ('deed' in step) this.answers.push(void (await step.run(this)))
      else this.answers.push(whyNot(step) === undefined ? await this.#answer(step) : undefined)
    }
  }

  async #answer(step: Command): Promise<unknown> {
    const words = step.line.split(' ').map((word) => (word === '""' ? '' : word))
    const args = words.map((word) =>
      word.replaceAll(/\{(id|peer):(\w+)\}/g, (_, kind: string, name: string) =>
        kind === 'id' ? (this.#ids.get(name) ?? '0') : this.member(name).peerUrl,
      ),
    )
    const asked = step.at === 'all' ? ['m1', 'm2', 'm3'] : [step.at ?? 'm1']
    const endpoints = asked.map((name) => this.member(name).endpoint)
    const client = new Etcdctl(programOf(etcdctl), endpoints.join(','))
    const result = await until<EtcdctlResult>(step.line, 20_000, async () => {
      const answer = await client.run(args)
      return step.whileFails?.test(answer.stderr) === true ? undefined : answer
    })
    return this.#comparable(step, args, result)
  }

  #comparable(step: Command, args: readonly string[], result: EtcdctlResult): unknown {
    // Only a member that came later has an id of its own.
    const id = this.#ids.get('m4') ?? addedId(result)
    const names = new Map<string, string>()
    if (id !== undefined) {
      // etcdctl leaves leading zeros out.
      names.set(id.replace(/^0+/, ''), 'M4')
      names.set(BigInt(`0x${id}`).toString(), '4444')
    }
    const isJson = args.includes('json')
    const rules = { names, hasHashRevision: hasHashRevision(), isJson }
    const output = comparableOutput(result, rules)
    return step.isUnordered === true ? withoutOrder(output) : output
  }
}

const hasHashRevision = (): boolean => peculiaritiesOf(programOf(etcd)).hasHashRevision

function addedId(result: EtcdctlResult): string | undefined {
  // Filled up with spaces where an id has leading zeros.
  return /Member +([0-9a-f]+) added/.exec(result.stdout.toString())?.[1]
}

/** Lines, lists of members and the members of an initial cluster, each sorted. */
function withoutOrder(output: unknown): unknown {
  if (Array.isArray(output)) {
    return output.map(withoutOrder).toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
  }
  if (typeof output === 'string' && output.startsWith('ETCD_INITIAL_CLUSTER=')) {
    return output.replace(/".*"/, (list) => list.slice(1, -1).split(',').toSorted().join(','))
  }
  if (typeof output !== 'object' || output === null) return output
  return Object.fromEntries(Object.entries(output).map(([name, it]) => [name, withoutOrder(it)]))
}

const order = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value)

function whyNot({ since = 4, needs: needed }: Command): string | undefined {
  if (!etcd.ok || !etcdctl.ok) return undefined // the whole suite is skipped, with its own reason
  const minor = etcdctl.program.version[1]
  if (minor < since) return `needs etcdctl 3.${since}`
  if (needed === undefined || minor < 6 || peculiaritiesOf(etcd.program)[needed] === true) {
    return undefined
  }
  return `etcd ${etcd.program.versionText} does not answer all that is printed`
}

const needs = [etcd, etcdctl] as const

describe.skipIf(isMissing(...needs))(suiteName('etcdctl and a cluster', ...needs), () => {
  const bed = new TestBed()
  let expected: Session
  let actual: Session

  beforeAll(async () => {
    const ports: Ports[] = []
    for (let n = 0; n < 4; n++) ports.push(await freePorts())
    expected = await Session.start(bed, etcdProgram(programOf(etcd)), ports)
    await expected.runAll()
    await expected.cluster.killAll()
    actual = await Session.start(bed, programUnderTest(), ports)
    await actual.runAll()
    await actual.cluster.killAll()
  }, 180_000)
  afterAll(() => bed.cleanUp())

  for (const [n, step] of STEPS.entries()) {
    if ('deed' in step) continue
    const reason = whyNot(step)
    const line = `${n + 1}: ${step.at ?? 'm1'}: ${step.line}`
    const name = reason === undefined ? line : `${line} (skipped: ${reason})`
    it.skipIf(reason !== undefined)(name, () => {
      expect(actual.answers[n]).toEqual(expected.answers[n])
    })
  }
})
