/** A whole server over simulated disks: booted as in production, called without a network. */

import { Pending } from '../../../src/base/pending.ts'
import type { CallContext, Method, RequestStream, ResponseStream } from '../../../src/rpc/engine.ts'
import {
  bootstrap,
  type BootstrapOptions,
  type OpenedStorage,
} from '../../../src/server/bootstrap.ts'
import type { FoundingMember, Origin } from '../../../src/server/join.ts'
import { Server } from '../../../src/server/server.ts'
import type { ServerOptions } from '../../../src/server/server-options.ts'
import {
  MemoryLogDisk,
  openMemoryRaftLogStore,
  type DiskSchedule,
} from '../../../src/storage/memory-raft-log-store.ts'
import { MemoryStateDisk, openMemoryStateStore } from '../../../src/storage/memory-state-store.ts'
import { SOLO_TRANSPORT } from '../../support/solo-transport.ts'
import { ManualClock, recordingLogger, seededRandom } from './doubles.ts'
import { CLUSTER_ID, MEMBER_ID } from './member.ts'

export interface Disks {
  readonly log: MemoryLogDisk
  readonly state: MemoryStateDisk
}

export function newDisks(): Disks {
  return { log: new MemoryLogDisk(), state: new MemoryStateDisk() }
}

/** `stateSchedule` is that of both disks when it is left out. */
export function openDisks(
  { log, state }: Disks,
  schedule?: DiskSchedule,
  stateSchedule = schedule,
): OpenedStorage {
  const openedLog = openMemoryRaftLogStore(log, schedule)
  const openedState = openMemoryStateStore(state, stateSchedule)
  return {
    log: openedLog.store,
    recoveredLog: openedLog.recovered,
    state: openedState.store,
    recoveredCheckpoint: openedState.checkpoint,
  }
}

export function bootstrapOptions(fields: Partial<BootstrapOptions> = {}): BootstrapOptions {
  return {
    origin: async () => foundedBy([{ id: MEMBER_ID, name: 'one', peerUrls: ['http://p:1'] }]),
    forceNewCluster: false,
    electionTicks: 10,
    heartbeatTicks: 1,
    preVote: true,
    random: seededRandom(),
    clock: new ManualClock(),
    logger: recordingLogger(),
    ...fields,
  }
}

/** A new cluster of these, as the first of them starts it. */
export function foundedBy(members: readonly FoundingMember[]): Origin {
  const memberId = members[0]?.id ?? MEMBER_ID
  return { ok: true, type: 'founded', clusterId: CLUSTER_ID, memberId, members }
}

export function serverOptions(fields: Partial<ServerOptions> = {}): ServerOptions {
  return {
    name: 'one',
    clientUrls: ['http://c:1'],
    heartbeatMs: 100,
    electionMs: 1000,
    snapshotCount: 10,
    snapshotCatchUpEntries: 5000,
    autoCompaction: undefined,
    strictReconfigCheck: true,
    maxLearners: 1,
    initialElectionTickAdvance: true,
    quotaBytes: Infinity,
    maxRequestBytes: 1_000_000,
    maxTxnOps: 128,
    clock: new ManualClock(),
    random: seededRandom(),
    logger: recordingLogger(),
    startWallMs: (startWallMs += 1000),
    wallMs: () => startWallMs,
    transport: SOLO_TRANSPORT,
    onRemoved: () => undefined,
    onForeign: () => undefined,
    ...fields,
  }
}

let startWallMs = 1_000_000

const CONTEXT: CallContext = {
  metadata: () => undefined,
  peerAddress: 'test:1',
  cancelled: false,
  onCancel: () => undefined,
}

export class TestServer {
  readonly server: Server
  readonly #methods: ReadonlyMap<string, Method>

  constructor(server: Server) {
    this.server = server
    this.#methods = new Map(server.methods().map((method) => [method.path, method]))
  }

  static async start(
    disks: Disks,
    schedule?: DiskSchedule,
    fields: Partial<ServerOptions> = {},
  ): Promise<TestServer> {
    const storage = openDisks(disks, schedule)
    const booted = await bootstrap(storage, bootstrapOptions())
    if (!booted.ok) throw new Error(booted.message)
    const server = new Server(storage, booted.member, serverOptions(fields))
    await server.start()
    return new TestServer(server)
  }

  /**
   * `method` as in "KV.Put" (package etcdserverpb) or a full "/package.Service/Method". Rejects
   * with the StatusError of the call.
   */
  async call<Response>(method: string, request: object, context = CONTEXT): Promise<Response> {
    const found = this.#methods.get(pathOf(method))
    if (found?.kind !== 'unary') throw new Error(`no unary method ${method}`)
    const answer = found.handle(request, context)
    return (await (answer instanceof Pending ? answer.promise() : answer)) as Response
  }

  serverStream(
    method: string,
    request: object,
    stream: ResponseStream<unknown>,
    context = CONTEXT,
  ): void {
    const found = this.#methods.get(pathOf(method))
    if (found?.kind !== 'server-stream') throw new Error(`no server stream ${method}`)
    found.handle(request, stream, context)
  }

  bidi<Request, Response>(
    method: string,
    requests: RequestStream<Request>,
    responses: ResponseStream<Response>,
    context = CONTEXT,
  ): void {
    const found = this.#methods.get(pathOf(method))
    if (found?.kind !== 'bidi') throw new Error(`no call of two streams ${method}`)
    found.handle(requests, responses, context)
  }
}

function pathOf(method: string): string {
  return method.startsWith('/') ? method : `/etcdserverpb.${method.replace('.', '/')}`
}
