/**
 * A running member: the server with its disk below and its sockets above.
 *
 *   start: data directory ─► log and state ─► bootstrap ─► server ─► listeners
 *   stop:  listeners ─► server ─► disk
 */

import { randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { assert } from '../base/assert.ts'
import { SERVICES } from '../rpc/codec/etcdserverpb.ts'
import { GrpcJsEngine } from '../rpc/grpc-js-engine.ts'
import { openDataDirectory } from '../storage/data-directory.ts'
import { openRaftLogStore } from '../storage/raft-log-store.ts'
import { openStateStore } from '../storage/state-store.ts'
import { bootstrap, type OpenedStorage } from './bootstrap.ts'
import { ClientSockets } from './client-sockets.ts'
import type { Config } from './config.ts'
import type { Log } from './logger.ts'
import { clusterIdOf, memberIdOf } from './member-id.ts'
import { Server } from './server.ts'

export type StartedMember =
  | { readonly ok: true; readonly member: Member }
  /** One sentence for the operator. */
  | { readonly ok: false; readonly message: string }

/** How long calls in flight may take to end when the member stops. */
const DRAIN_LIMIT_MS = 700
/** What a message may weigh beyond the request in it, as etcd allows. */
const GRPC_OVERHEAD_BYTES = 512 * 1024

const CLOCK = { nowMs: () => performance.now() }
const RANDOM = { below: (bound: number) => randomInt(bound) }

export class Member {
  readonly #server: Server
  readonly #sockets: ClientSockets

  private constructor(server: Server, sockets: ClientSockets) {
    this.#server = server
    this.#sockets = sockets
  }

  /** `onFatal` is called when a write has failed; it ends the process. */
  static async start(
    config: Config,
    log: Log,
    onFatal: (error: Error) => void,
  ): Promise<StartedMember> {
    const opened = await openStorage(config, log, onFatal)
    if (!opened.ok) return opened
    const booted = await bootstrapMember(config, log, opened.storage)
    if (!booted.ok) return booted
    const server = new Server(opened.storage, booted.member, {
      name: config.name,
      clientUrls: config.advertiseClientUrls.map(({ href }) => href),
      heartbeatMs: config.heartbeatIntervalMs,
      electionMs: config.electionTimeoutMs,
      snapshotCount: config.snapshotCount,
      quotaBytes: config.quotaBackendBytes,
      maxRequestBytes: config.maxRequestBytes,
      maxTxnOps: config.maxTxnOps,
      watchProgressNotifyIntervalMs: config.watchProgressNotifyIntervalMs,
      clock: CLOCK,
      random: RANDOM,
      logger: log.logger('server'),
      startWallMs: Date.now(),
    })
    log.logger('server').info('nothing listens on the peer URLs of a cluster of one', {
      'listen-peer-urls': config.listenPeerUrls.map(({ href }) => href),
    })
    await server.start()
    const engine = new GrpcJsEngine(server.methods(), {
      logger: log.logger('rpc'),
      observer: server.metrics.calls,
      maxReceiveBytes: config.maxRequestBytes + GRPC_OVERHEAD_BYTES,
      maxConcurrentStreams: config.maxConcurrentStreams,
      services: SERVICES,
    })
    const sockets = await ClientSockets.open(config, engine, server.http, log.logger('rpc'))
    return sockets.ok ? { ok: true, member: new Member(server, sockets.sockets) } : sockets
  }

  /** Takes no new calls, lets those in flight end for a moment, then stops the server. */
  async stop(): Promise<void> {
    this.#server.endStreams()
    await this.#sockets.close(DRAIN_LIMIT_MS)
    await this.#server.stop()
  }
}

type OpenedStorageResult =
  | { readonly ok: true; readonly storage: OpenedStorage }
  | { readonly ok: false; readonly message: string }

async function openStorage(
  config: Config,
  log: Log,
  onFatal: (error: Error) => void,
): Promise<OpenedStorageResult> {
  const options = { onFatal, logger: log.logger('storage') }
  const opened = await openDataDirectory(config.dataDirectory, options.logger)
  if (!opened.ok) return opened
  const startMs = CLOCK.nowMs()
  const raftLog = await openRaftLogStore(opened.directory.log, options)
  if (!raftLog.ok) return raftLog
  const state = await openStateStore(opened.directory.state, options)
  if (!state.ok) return state
  options.logger.info('opened the data directory', {
    path: config.dataDirectory,
    'log-entries': raftLog.recovered.entries.length,
    'log-bytes': raftLog.recovered.bytes,
    'took-ms': Math.round(CLOCK.nowMs() - startMs),
  })
  const storage = {
    log: raftLog.store,
    recoveredLog: raftLog.recovered,
    state: state.store,
    recoveredCheckpoint: state.checkpoint,
  }
  return { ok: true, storage }
}

/** Ids are computed from the flags for a new member alone; a known one keeps those on its disk. */
function bootstrapMember(
  config: Config,
  log: Log,
  storage: OpenedStorage,
): ReturnType<typeof bootstrap> {
  const { name, initialCluster, initialClusterToken } = config
  const initialMembers = initialCluster.map((member) => ({
    ...member,
    id: memberIdOf(member.peerUrls, initialClusterToken),
  }))
  const self = initialMembers.find((member) => member.name === name)
  assert(self !== undefined, 'the initial cluster names this member')
  return bootstrap(storage, {
    clusterId: clusterIdOf(initialMembers.map(({ id }) => id)),
    memberId: self.id,
    initialMembers,
    electionTicks: Math.ceil(config.electionTimeoutMs / config.heartbeatIntervalMs),
    heartbeatTicks: 1,
    preVote: true,
    random: RANDOM,
    clock: CLOCK,
    logger: log.logger('raft'),
  })
}
