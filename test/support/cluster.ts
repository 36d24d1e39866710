/**
 * A cluster of real processes on free loopback ports, all of one program and with etcd's flags.
 * Nothing here waits for a time to pass: who leads, and who has caught up, is asked for.
 *
 *     const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
 *     const leader = await cluster.leader()
 *     await leader.kill9()
 *
 * It ends with the test that started it. When that fails, the end of each member's log is shown and
 * all of it is kept in a file.
 */

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'vitest'
import { ClusterMember, decimalId, hexId, NOBODY } from './cluster-member.ts'
import type { MemberPlace } from './cluster-member.ts'
import type { ClusterProgram } from './cluster-program.ts'
import { freePort } from './free-port.ts'
import type { Message } from './grpc-client.ts'
import type { TestBed } from './test-bed.ts'
import { until } from './until.ts'

export interface ClusterOptions {
  /** The cluster ends with it. Without one, as in a hook, `killAll` is the caller's to call. */
  readonly test?: TestContext
  /** 3 when absent. */
  readonly size?: number
  /** Flags for every member, after those that place it. */
  readonly args?: readonly string[]
  readonly token?: string
  /** Two ports for each member, for a cluster on the addresses of an earlier one. */
  readonly ports?: readonly Ports[]
  /** The ports of each further member; free ones when absent. */
  readonly portsOf?: (name: string) => Promise<Ports>
  /** A temporary folder when absent. */
  readonly dataDirectoryOf?: (name: string) => string
  /** How a member's process is started, when not by the program's command alone. */
  readonly commandOf?: (name: string, command: MemberCommand) => MemberCommand
}

type MemberCommand = ClusterProgram['command']

export interface Ports {
  readonly client: number
  readonly peer: number
  /** Where the other members find it, when not at `peer`. */
  readonly advertisedPeer?: number
}

/** The state of the key space on one member. */
export interface MemberHash {
  readonly hash: number
  readonly revision: number
  readonly compacted: number
}

const READY_TIMEOUT_MS = 20_000
const LEADER_TIMEOUT_MS = 15_000
const START_ATTEMPTS = 4
const RECONFIGURE_TIMEOUT_MS = 30_000
const NOT_NOW = /unhealthy cluster|in sync with leader|not enough started members/
const SHOWN_LOG_LINES = 25

export class ProcessCluster {
  readonly program: ClusterProgram
  readonly token: string
  test: TestContext | undefined
  readonly #bed: TestBed
  readonly #args: readonly string[]
  readonly #options: ClusterOptions
  readonly #members: ClusterMember[] = []
  readonly #everyone: ClusterMember[] = []
  #memberCount = 0

  private constructor(bed: TestBed, program: ClusterProgram, options: ClusterOptions) {
    this.#bed = bed
    this.program = program
    this.#args = options.args ?? []
    this.#options = options
    this.token = options.token ?? 'test-cluster'
  }

  /** Resolves when every member answers a linearizable read. */
  static async start(
    bed: TestBed,
    program: ClusterProgram,
    options: ClusterOptions = {},
  ): Promise<ProcessCluster> {
    for (let attempt = 1; ; attempt++) {
      const cluster = new ProcessCluster(bed, program, options)
      try {
        await cluster.#launchAll(options)
        await cluster.ready()
        cluster.#bindTo(options.test)
        return cluster
      } catch (error) {
        const isPortTaken = /already in use|EADDRINUSE/.test(cluster.log)
        await cluster.killAll()
        if (!isPortTaken || attempt === START_ATTEMPTS || options.ports !== undefined) {
          throw new Error(`no cluster of ${program.name}\n${cluster.shownLog}`, { cause: error })
        }
      }
    }
  }

  /** The members of the cluster, whether they run or not, without those that were removed. */
  get members(): readonly ClusterMember[] {
    return this.#members
  }

  /** Those that were removed too. */
  get everyone(): readonly ClusterMember[] {
    return this.#everyone
  }

  get awake(): readonly ClusterMember[] {
    return this.#members.filter((member) => member.isAwake)
  }

  get ports(): Ports[] {
    return this.#members.map(({ clientUrl, peerUrl }) => ({
      client: Number(new URL(clientUrl).port),
      peer: Number(new URL(peerUrl).port),
    }))
  }

  get initialCluster(): string {
    return this.#members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')
  }

  get log(): string {
    return this.#everyone.map((member) => member.log).join('\n')
  }

  get shownLog(): string {
    const ends = this.#everyone.map(({ log }) => log.trimEnd().split('\n').slice(-SHOWN_LOG_LINES))
    return ends.map((lines) => lines.join('\n')).join('\n\n')
  }

  member(index: number): ClusterMember {
    const member = this.#members[index]
    if (member === undefined) throw new Error(`no member ${index}`)
    return member
  }

  /** Resolves when every member that is awake answers a linearizable read. */
  async ready(timeoutMs = READY_TIMEOUT_MS): Promise<void> {
    await Promise.all(this.awake.map((member) => readyToServe(member, timeoutMs)))
  }

  /** The member that leads, once all who are awake agree on it. */
  async leader(timeoutMs = LEADER_TIMEOUT_MS): Promise<ClusterMember> {
    return await until('one leader', timeoutMs, async () => {
      const awake = this.awake
      const answers = await Promise.all(awake.map((member) => member.status()))
      const [first] = answers
      if (first === undefined || first.leader === NOBODY) return undefined
      if (answers.some(({ leader, term }) => leader !== first.leader || term !== first.term)) {
        throw new Error(`they disagree: ${JSON.stringify(answers)}`)
      }
      return awake[answers.findIndex(({ id }) => id === first.leader)]
    })
  }

  /** The awake members that do not lead now. */
  async followers(): Promise<ClusterMember[]> {
    const leader = await this.leader()
    return this.awake.filter((member) => member !== leader)
  }

  /** Any awake member that is not among `others`. */
  other(...others: readonly ClusterMember[]): ClusterMember {
    const found = this.awake.find((member) => !others.includes(member))
    if (found === undefined) throw new Error('no other member is awake')
    return found
  }

  /** Hands the leadership over and resolves when all agree on the new leader. */
  async moveLeaderTo(member: ClusterMember): Promise<void> {
    const { id } = await member.status()
    await until(`${member.name} leads`, LEADER_TIMEOUT_MS, async () => {
      const leader = await this.leader()
      if (leader === member) return leader
      await leader.call('Maintenance.MoveLeader', { targetID: decimalId(id) })
      return undefined
    })
  }

  /** Adds a member and starts it, with what the documentation says to give it. */
  async add(options: { isLearner?: boolean; via?: ClusterMember } = {}): Promise<ClusterMember> {
    const member = await this.newcomer()
    await this.reconfigure('Cluster.MemberAdd', options.via ?? this.other(), {
      peerURLs: [member.peerUrl],
      isLearner: options.isLearner === true,
    })
    this.#members.push(member)
    this.launchJoining(member)
    return member
  }

  /** Makes a learner a voter, once it has caught up. */
  async promote(learner: ClusterMember, via = this.other(learner)): Promise<void> {
    const { id } = await learner.status()
    await this.reconfigure('Cluster.MemberPromote', via, { ID: decimalId(id) })
  }

  /** Removes a member from the list; its process, if it runs, is left to learn it. */
  async remove(id: string, member: ClusterMember, via = this.other(member)): Promise<void> {
    await this.reconfigure('Cluster.MemberRemove', via, { ID: decimalId(id) })
    this.forget(member)
  }

  /**
   * Asks for a change of members and asks again while the answer is "not now": etcd wants to have
   * seen the members for 5 s, and a learner to have caught up.
   */
  async reconfigure(method: string, via: ClusterMember, request: Message): Promise<Message> {
    return await until(`${method} ${JSON.stringify(request)}`, RECONFIGURE_TIMEOUT_MS, async () => {
      const result = await via.call(method, request)
      if (result.ok) return result.response
      if (NOT_NOW.test(result.message)) throw new Error(result.message)
      return { refused: `${result.code} ${result.message}` }
    }).then((answer) => {
      if ('refused' in answer)
        throw new Error(`${via.name}: ${method}: ${String(answer['refused'])}`)
      return answer
    })
  }

  /** Starts a member that is in the member list by now, for the first time. */
  launchJoining(member: ClusterMember): void {
    member.launch([
      ...['--initial-cluster', this.initialCluster],
      ...['--initial-cluster-state', 'existing'],
      ...['--initial-cluster-token', this.token],
      ...this.#args,
    ])
  }

  /** A member of this program that no list knows yet, with an empty folder. */
  outsider(ports: Ports): ClusterMember {
    return this.#newMember(this.#newName(), ports)
  }

  /** The same, at ports of its own. */
  async newcomer(): Promise<ClusterMember> {
    const name = this.#newName()
    return this.#newMember(name, await (this.#options.portsOf ?? freePorts)(name))
  }

  /** Counts an outsider, which was added by other means, among the members. */
  adopt(member: ClusterMember): void {
    this.#members.push(member)
  }

  forget(member: ClusterMember): void {
    this.#members.splice(this.#members.indexOf(member), 1)
  }

  /** The member list as a member has it, by a linearizable read. */
  async list(via = this.other()): Promise<Message[]> {
    const answer = await via.ok('Cluster.MemberList', { linearizable: true })
    return (answer['members'] as Message[]).map((member) => ({
      ...member,
      ID: hexId(member['ID']),
    }))
  }

  /** Resolves when every awake member has applied the same entry, the newest of all. */
  async settled(timeoutMs = READY_TIMEOUT_MS): Promise<void> {
    await until('one applied index on all members', timeoutMs, async () => {
      const answers = await Promise.all(this.awake.map((member) => member.status()))
      const indexes = answers.map(({ applied }) => applied)
      if (new Set(indexes).size > 1) throw new Error(JSON.stringify(indexes))
      return true
    })
  }

  /** The hash of each awake member, once all have applied the same revision. */
  async hashes(timeoutMs = READY_TIMEOUT_MS): Promise<MemberHash[]> {
    return await until('one revision on all members', timeoutMs, async () => {
      const found = await Promise.all(this.awake.map((member) => hashOf(member)))
      const isOne = found.every(({ revision }) => revision === found[0]?.revision)
      if (!isOne) throw new Error(JSON.stringify(found))
      return found
    })
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#everyone.map((member) => member.kill9().catch(() => undefined)))
    for (const member of this.#everyone) member.client.close()
  }

  async #launchAll({ size = 3, ports }: ClusterOptions): Promise<void> {
    for (let n = 0; n < size; n++) {
      const given = ports?.[n]
      this.#members.push(given === undefined ? await this.newcomer() : this.outsider(given))
    }
    for (const member of this.#members) {
      member.launch([
        ...['--initial-cluster', this.initialCluster],
        ...['--initial-cluster-state', 'new'],
        ...['--initial-cluster-token', this.token],
        ...this.#args,
      ])
    }
  }

  #newName(): string {
    return `m${++this.#memberCount}`
  }

  #newMember(name: string, ports: Ports): ClusterMember {
    const { commandOf, dataDirectoryOf } = this.#options
    const place: MemberPlace = {
      name,
      clientPort: ports.client,
      peerPort: ports.peer,
      advertisedPeerPort: ports.advertisedPeer,
      dataDirectory: dataDirectoryOf?.(name) ?? join(this.#bed.temporaryDirectory(), name),
    }
    const { command } = this.program
    const member = new ClusterMember(this.#bed, commandOf?.(name, command) ?? command, place)
    this.#everyone.push(member)
    return member
  }

  #bindTo(test: TestContext | undefined): void {
    this.test = test
    test?.onTestFinished(async () => await this.killAll())
    test?.onTestFailed(() => {
      const folder = mkdtempSync(join(tmpdir(), 'quorate-cluster-logs-'))
      for (const { name, log } of this.#everyone) writeFileSync(join(folder, `${name}.log`), log)
      console.error(`${this.shownLog}\n\nThe whole logs are in ${folder}`)
    })
  }
}

/** Resolves when the member answers a linearizable read. */
export async function readyToServe(
  member: ClusterMember,
  timeoutMs = READY_TIMEOUT_MS,
): Promise<void> {
  const answer = await until(`${member.name} answers`, timeoutMs, async () => {
    if (!member.isRunning) return 'it has ended'
    return await member.ok('KV.Range', { key: Buffer.from('any') }, 2000)
  })
  if (answer === 'it has ended') throw new Error(`${member.name} ended:\n${member.output}`)
}

async function hashOf(member: ClusterMember): Promise<MemberHash> {
  const answer = await member.ok('Maintenance.HashKV', {})
  return {
    hash: Number(answer['hash']),
    revision: Number((answer['header'] as Message)['revision']),
    compacted: Number(answer['compact_revision']),
  }
}

export async function freePorts(): Promise<Ports> {
  return { client: await freePort(), peer: await freePort() }
}
