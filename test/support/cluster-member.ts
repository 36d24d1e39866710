/**
 * One member of a cluster under test: a name, addresses and a folder that stay, and one process
 * after the other that runs on them. What all its processes said is kept.
 */

import { Child } from './child-process.ts'
import type { ExitResult } from './child-process.ts'
import { freePort } from './free-port.ts'
import type { CallResult, Message } from './grpc-client.ts'
import { GrpcClient } from './grpc-client.ts'
import type { TestBed } from './test-bed.ts'

export interface MemberPlace {
  readonly name: string
  readonly clientPort: number
  /** Where it listens for the others. */
  readonly peerPort: number
  /** Where the others find it, when something stands in between. */
  readonly advertisedPeerPort?: number | undefined
  readonly dataDirectory: string
}

export interface MemberStatus {
  readonly id: string
  readonly clusterId: string
  /** '0000000000000000' when it knows of none. */
  readonly leader: string
  readonly term: number
  readonly revision: number
  readonly applied: number
  readonly isLearner: boolean
}

export const NOBODY = '0000000000000000'

const STATUS_TIMEOUT_MS = 1000
const EXIT_TIMEOUT_MS = 20_000

export class ClusterMember {
  readonly name: string
  readonly dataDirectory: string
  /** host:port of the client listener. */
  readonly endpoint: string
  readonly clientUrl: string
  #peerUrl: string
  #listenPeerUrl: string | undefined
  /** Connects anew by itself after a restart. */
  readonly client: GrpcClient
  readonly #bed: TestBed
  readonly #command: readonly [string, ...string[]]
  readonly #logs: string[] = []
  #arguments: readonly string[] = []
  #child: Child | undefined
  #isPaused = false
  #isToEnd = false

  constructor(bed: TestBed, command: readonly [string, ...string[]], place: MemberPlace) {
    this.#bed = bed
    this.#command = command
    this.name = place.name
    this.dataDirectory = place.dataDirectory
    this.endpoint = `127.0.0.1:${place.clientPort}`
    this.clientUrl = `http://${this.endpoint}`
    const { peerPort, advertisedPeerPort = peerPort } = place
    this.#peerUrl = `http://127.0.0.1:${advertisedPeerPort}`
    if (advertisedPeerPort !== peerPort) this.#listenPeerUrl = `http://127.0.0.1:${peerPort}`
    this.client = new GrpcClient(this.endpoint)
  }

  /** Where the others find it. */
  get peerUrl(): string {
    return this.#peerUrl
  }

  /** The peer address from its next start on; the new one is returned. */
  async moveToAnotherPeerPort(): Promise<string> {
    this.#peerUrl = `http://127.0.0.1:${await freePort()}`
    return this.#peerUrl
  }

  /** Each listens at the other's peer address from its next start on. */
  exchangePeerAddress(other: ClusterMember): void {
    const own = this.#peerUrl
    this.#peerUrl = other.#peerUrl
    other.#peerUrl = own
  }

  /** What was given to its last process after the flags that place it. */
  get arguments(): readonly string[] {
    return this.#arguments
  }

  get pid(): number | undefined {
    return this.#child?.running === true ? this.#child.pid : undefined
  }

  get isRunning(): boolean {
    return this.#child?.running === true
  }

  /** It was started, and nobody here has ended it since. */
  get endedByItself(): boolean {
    return this.#child !== undefined && !this.#child.running && !this.#isToEnd
  }

  /** Running and not stopped by SIGSTOP. */
  get isAwake(): boolean {
    return this.isRunning && !this.#isPaused
  }

  /** All that its processes wrote, each under a line that tells how it was started. */
  get log(): string {
    return [...this.#logs, this.#currentLog()].join('\n')
  }

  /** What the process that runs now, or ran last, wrote. */
  get output(): string {
    return this.#child?.output ?? ''
  }

  /** Starts a process; `more` follows the flags that place it. It is not ready when this returns. */
  launch(more: readonly string[]): void {
    if (this.isRunning) throw new Error(`${this.name} already runs`)
    if (this.#child !== undefined) this.#logs.push(this.#currentLog())
    const placed = [
      ['--name', this.name],
      ['--data-dir', this.dataDirectory],
      ['--listen-client-urls', this.clientUrl],
      ['--advertise-client-urls', this.clientUrl],
      ['--listen-peer-urls', this.#listenPeerUrl ?? this.peerUrl],
      ['--initial-advertise-peer-urls', this.peerUrl],
    ]
    this.#arguments = more
    const [program, ...first] = this.#command
    const child = new Child(program, [...first, ...placed.flat(), ...more], {
      cwd: this.#bed.temporaryDirectory(),
    })
    this.#child = this.#bed.track(child)
    this.#isPaused = false
    this.#isToEnd = false
  }

  /** Starts a process with the flags of the last one. */
  relaunch(): void {
    this.launch(this.#arguments)
  }

  async kill9(): Promise<void> {
    this.#isToEnd ||= this.isRunning
    await this.#child?.kill9()
  }

  /** SIGTERM, and the end of the process. */
  async terminate(): Promise<ExitResult> {
    if (this.#child === undefined) throw new Error(`${this.name} was never started`)
    this.resume()
    this.#isToEnd ||= this.isRunning
    return await this.#child.stop(EXIT_TIMEOUT_MS)
  }

  /** The end of a process that ends by itself. */
  async exited(timeoutMs = EXIT_TIMEOUT_MS): Promise<ExitResult> {
    if (this.#child === undefined) throw new Error(`${this.name} was never started`)
    return await this.#child.waitForExit(timeoutMs)
  }

  async waitForOutput(pattern: RegExp, timeoutMs = EXIT_TIMEOUT_MS): Promise<void> {
    await this.#child?.waitForOutput(pattern, timeoutMs)
  }

  /** SIGSTOP: it neither answers nor forgets. */
  pause(): void {
    this.#child?.signal('SIGSTOP')
    this.#isPaused = true
  }

  resume(): void {
    this.#child?.signal('SIGCONT')
    this.#isPaused = false
  }

  /** Throws when it does not answer. */
  async status(): Promise<MemberStatus> {
    const answer = await this.client.ok('Maintenance.Status', {}, { deadlineMs: STATUS_TIMEOUT_MS })
    const header = answer['header'] as Message
    return {
      id: hexId(header['member_id']),
      clusterId: hexId(header['cluster_id']),
      leader: hexId(answer['leader']),
      term: Number(header['raft_term']),
      revision: Number(header['revision']),
      applied: Number(answer['raftAppliedIndex']),
      isLearner: answer['isLearner'] === true,
    }
  }

  async call(method: string, request: Message, deadlineMs = 10_000): Promise<CallResult> {
    return await this.client.call(method, request, { deadlineMs })
  }

  async ok(method: string, request: Message, deadlineMs = 10_000): Promise<Message> {
    const result = await this.call(method, request, deadlineMs)
    if (result.ok) return result.response
    throw new Error(`${this.name}: ${method} failed with ${result.code}: ${result.message}`)
  }

  #currentLog(): string {
    const child = this.#child
    return child === undefined ? '' : `=== ${this.name}: ${child.command}\n${child.output}`
  }
}

/** A member or cluster id of an answer, as the tools print it, with its leading zeros. */
export function hexId(id: unknown): string {
  return BigInt(String(id)).toString(16).padStart(16, '0')
}

/** The id of an answer or a text as the wire wants it: a decimal string. */
export function decimalId(hex: string): string {
  return BigInt(`0x${hex}`).toString()
}
