/**
 * A running member: the server with its disk below, its peers beside it and its sockets above.
 *
 *   start: data directory ─► log and state ─► bootstrap ─► addresses taken ─► server ─► served
 *   stop:  leadership ─► listeners ─► server ─► disk
 */

import { randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { collectDefaultMetrics } from 'prom-client'
import { queryCluster } from '../peer/cluster-query.ts'
import type { Transport } from '../peer/ports.ts'
import { TcpTransport } from '../peer/tcp-transport.ts'
import { SERVICES } from '../rpc/codec/etcdserverpb.ts'
import { WireThread } from '../rpc/bridge/wire-thread.ts'
import { newEngine, type EngineSettings } from '../rpc/engines.ts'
import { LocalWire, type Wire } from '../rpc/wire.ts'
import { openDataDirectory } from '../storage/data-directory.ts'
import { openRaftLogStore } from '../storage/raft-log-store.ts'
import { openStateStore } from '../storage/state-store.ts'
import { bootstrap, type OpenedStorage } from './bootstrap.ts'
import { METADATA_NAMES } from './call-guard.ts'
import { bindHost, ClientSockets } from './client-sockets.ts'
import type { Config } from './config.ts'
import type { Log } from './logger.ts'
import { identityBySettings, resolveOrigin, type ClusterAnswer } from './join.ts'
import { PeerGateway } from './peer-gateway.ts'
import { PeerMetrics } from './peer-metrics.ts'
import { Server } from './server.ts'
import { GRPC_OVERHEAD_BYTES, type ServerOptions } from './server-options.ts'

export type StartedMember =
  | { readonly ok: true; readonly member: Member }
  /** One sentence for the operator. */
  | { readonly ok: false; readonly message: string }

/** Why a member has to end that was not asked to. */
export interface MemberEnds {
  /** A write has failed: the process must end at once. */
  readonly onFatal: (error: Error) => void
  /** The cluster has removed this member: it is to be stopped. */
  readonly onRemoved: () => void
  /** The others at the start are of another cluster: this member can never join them. */
  readonly onForeign: () => void
}

/** How long calls in flight may take to end when the member stops. */
const DRAIN_LIMIT_MS = 700

const CLOCK = { nowMs: () => performance.now() }
const RANDOM = { below: (bound: number) => randomInt(bound) }

export class Member {
  readonly #server: Server
  readonly #sockets: ClientSockets

  private constructor(server: Server, sockets: ClientSockets) {
    this.#server = server
    this.#sockets = sockets
  }

  static async start(config: Config, log: Log, ends: MemberEnds): Promise<StartedMember> {
    const opened = await openStorage(config, log, ends.onFatal)
    if (!opened.ok) return opened
    const booted = await bootstrapMember(config, log, opened.storage)
    if (!booted.ok) return booted
    const gateway = new PeerGateway()
    const peerMetrics = new PeerMetrics(booted.member.checkpoint.memberId)
    const peers = await TcpTransport.listen({
      clusterId: booted.member.checkpoint.clusterId,
      memberId: booted.member.checkpoint.memberId,
      listenUrls: config.listenPeerUrls.map((url) => ({ ...url, host: bindHost(url) })),
      advertiseUrls: config.initialAdvertisePeerUrls.map(({ href }) => href),
      events: gateway,
      describeCluster: () => gateway.describeCluster(),
      clock: CLOCK,
      random: RANDOM,
      logger: log.logger('peer'),
      observer: peerMetrics,
    })
    if (!peers.ok) return peers
    const options = serverOptions(config, log, peers.transport, ends)
    const server = new Server(opened.storage, booted.member, options)
    gateway.open(server.peers)
    peerMetrics.register(server.metrics.registry)
    // Those of the process: it is this member's alone.
    collectDefaultMetrics({ register: server.metrics.registry })
    const wire = newWire(config, log, server, ends)
    const sockets = await ClientSockets.open(config, wire, server.http, log.logger('rpc'))
    if (!sockets.ok) return sockets
    await server.start()
    sockets.sockets.serve()
    return { ok: true, member: new Member(server, sockets.sockets) }
  }

  /** Lets another member lead, takes no new calls, lets those in flight end, stops the server. */
  async stop(): Promise<void> {
    await this.#server.handOver()
    this.#server.endStreams()
    await this.#sockets.close(DRAIN_LIMIT_MS)
    await this.#server.stop()
  }
}

function serverOptions(
  config: Config,
  log: Log,
  transport: Transport,
  ends: MemberEnds,
): ServerOptions {
  return {
    name: config.name,
    clientUrls: config.advertiseClientUrls.map(({ href }) => href),
    heartbeatMs: config.heartbeatIntervalMs,
    electionMs: config.electionTimeoutMs,
    snapshotCount: config.snapshotCount,
    snapshotCatchUpEntries: config.snapshotCatchUpEntries,
    autoCompaction: config.autoCompaction,
    strictReconfigCheck: config.strictReconfigCheck,
    maxLearners: config.maxLearners,
    initialElectionTickAdvance: config.initialElectionTickAdvance,
    quotaBytes: config.quotaBackendBytes,
    maxRequestBytes: config.maxRequestBytes,
    maxTxnOps: config.maxTxnOps,
    watchProgressNotifyIntervalMs: config.watchProgressNotifyIntervalMs,
    clock: CLOCK,
    random: RANDOM,
    logger: log.logger('server'),
    startWallMs: Date.now(),
    wallMs: () => Date.now(),
    transport,
    onRemoved: ends.onRemoved,
    onForeign: ends.onForeign,
  }
}

function newWire(config: Config, log: Log, server: Server, ends: MemberEnds): Wire {
  const { grpcEngine: engine, rpcThread } = config
  const logger = log.logger('rpc')
  const methods = server.methods()
  const answerHttp = server.http.answer.bind(server.http)
  const engineSettings = engineSettingsOf(config)
  const { calls } = server.metrics
  if (!rpcThread) {
    const options = { ...engineSettings, logger, observer: calls }
    return new LocalWire({ engine: newEngine(engine, methods, options), answerHttp, logger })
  }
  const wire = new WireThread({
    settings: { engine, engineSettings, metadataNames: METADATA_NAMES },
    methods,
    answerHttp,
    logger,
    onFatal: ends.onFatal,
  })
  calls.readFrom(wire.counts)
  return wire
}

function engineSettingsOf(config: Config): EngineSettings {
  const { grpcKeepaliveIntervalMs, grpcKeepaliveTimeoutMs, grpcKeepaliveMinTimeMs } = config
  return {
    maxReceiveBytes: config.maxRequestBytes + GRPC_OVERHEAD_BYTES,
    maxConcurrentStreams: config.maxConcurrentStreams,
    services: SERVICES,
    ...(grpcKeepaliveIntervalMs && { keepaliveMs: grpcKeepaliveIntervalMs }),
    ...(grpcKeepaliveTimeoutMs && { keepaliveTimeoutMs: grpcKeepaliveTimeoutMs }),
    ...(grpcKeepaliveMinTimeMs && { keepaliveMinTimeMs: grpcKeepaliveMinTimeMs }),
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

/** Where a new member comes from is found out once; a known one has it on its disk. */
function bootstrapMember(
  config: Config,
  log: Log,
  storage: OpenedStorage,
): ReturnType<typeof bootstrap> {
  const logger = log.logger('raft')
  return bootstrap(storage, {
    origin: () => resolveOrigin(config, askForCluster, log.logger('server')),
    expected: identityBySettings(config),
    forceNewCluster: config.forceNewCluster,
    query: askForCluster,
    electionTicks: Math.ceil(config.electionTimeoutMs / config.heartbeatIntervalMs),
    heartbeatTicks: 1,
    preVote: config.preVote,
    random: RANDOM,
    clock: CLOCK,
    logger,
  })
}

async function askForCluster(url: string, timeoutMs: number): Promise<ClusterAnswer> {
  const answer = await queryCluster(url, timeoutMs, CLOCK)
  return answer.ok ? answer : { ok: false, reason: answer.message }
}
