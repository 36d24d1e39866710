/** A whole server over simulated disks: booted as in production, called without a network. */

import type { CallContext, Method, ResponseStream } from '../../../src/rpc/engine.ts'
import { bootstrap, type BootstrapOptions } from '../../../src/server/bootstrap.ts'
import { Server, type ServerOptions } from '../../../src/server/server.ts'
import {
  MemoryLogDisk,
  openMemoryRaftLogStore,
  type DiskSchedule,
} from '../../../src/storage/memory-raft-log-store.ts'
import { MemoryStateDisk, openMemoryStateStore } from '../../../src/storage/memory-state-store.ts'
import type { OpenedStorage } from '../../../src/server/bootstrap.ts'
import { ManualClock, recordingLogger, seededRandom } from './doubles.ts'
import { CLUSTER_ID, MEMBER_ID } from './member.ts'

export interface Disks {
  readonly log: MemoryLogDisk
  readonly state: MemoryStateDisk
}

export function newDisks(): Disks {
  return { log: new MemoryLogDisk(), state: new MemoryStateDisk() }
}

export function openDisks({ log, state }: Disks, schedule?: DiskSchedule): OpenedStorage {
  const openedLog = openMemoryRaftLogStore(log, schedule)
  const openedState = openMemoryStateStore(state, schedule)
  return {
    log: openedLog.store,
    recoveredLog: openedLog.recovered,
    state: openedState.store,
    recoveredCheckpoint: openedState.checkpoint,
  }
}

export function bootstrapOptions(fields: Partial<BootstrapOptions> = {}): BootstrapOptions {
  return {
    clusterId: CLUSTER_ID,
    memberId: MEMBER_ID,
    initialMembers: [{ id: MEMBER_ID, name: 'one', peerUrls: ['http://p:1'] }],
    electionTicks: 10,
    heartbeatTicks: 1,
    preVote: true,
    random: seededRandom(),
    clock: new ManualClock(),
    logger: recordingLogger(),
    ...fields,
  }
}

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
    const server = new Server(storage, booted.member, {
      name: 'one',
      clientUrls: ['http://c:1'],
      heartbeatMs: 100,
      electionMs: 1000,
      snapshotCount: 10,
      quotaBytes: Infinity,
      maxRequestBytes: 1_000_000,
      maxTxnOps: 128,
      clock: new ManualClock(),
      random: seededRandom(),
      logger: recordingLogger(),
      startWallMs: (startWallMs += 1000),
      ...fields,
    })
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
    return (await found.handle(request, context)) as Response
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
}

function pathOf(method: string): string {
  return method.startsWith('/') ? method : `/etcdserverpb.${method.replace('.', '/')}`
}

let startWallMs = 1_000_000
