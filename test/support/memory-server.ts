/** A whole server over disks in memory, without sockets: its methods are called directly. */

import { performance } from 'node:perf_hooks'
import { bootstrap } from '../../src/server/bootstrap.ts'
import { Server } from '../../src/server/server.ts'
import type { ServerOptions } from '../../src/server/server-options.ts'
import { MemoryRaftLogStore, MemoryLogDisk } from '../../src/storage/memory-raft-log-store.ts'
import { MemoryStateDisk, MemoryStateStore } from '../../src/storage/memory-state-store.ts'
import { SOLO_TRANSPORT } from './solo-transport.ts'

const MEMBER_ID = '8e9e05c52164694d'
const CLOCK = { nowMs: () => performance.now() }
const QUIET = { debug: ignore, info: ignore, warn: ignore, error: ignore }

function ignore(): void {
  return undefined
}

/** Not started: call `start`, and `stop` in the end. */
export async function newMemoryServer(options: Partial<ServerOptions> = {}): Promise<Server> {
  const logDisk = new MemoryLogDisk()
  const state = new MemoryStateStore(new MemoryStateDisk())
  const { hardState, entries, compacted } = logDisk.state
  const storage = {
    log: new MemoryRaftLogStore(logDisk),
    recoveredLog: { hardState, entries, compacted, bytes: 0 },
    state,
    recoveredCheckpoint: undefined,
  }
  const booted = await bootstrap(storage, {
    origin: async () => ({
      ok: true,
      type: 'founded',
      clusterId: 'cdf818194e3a8c32',
      memberId: MEMBER_ID,
      members: [{ id: MEMBER_ID, name: 'default', peerUrls: ['http://localhost:2380'] }],
    }),
    forceNewCluster: false,
    electionTicks: 10,
    heartbeatTicks: 1,
    preVote: true,
    random: { below: () => 0 },
    clock: CLOCK,
    logger: QUIET,
  })
  if (!booted.ok) throw new Error(booted.message)
  return new Server(storage, booted.member, {
    name: 'default',
    clientUrls: ['http://localhost:2379'],
    heartbeatMs: 100,
    electionMs: 1000,
    snapshotCount: 10_000,
    snapshotCatchUpEntries: 5000,
    autoCompaction: undefined,
    strictReconfigCheck: true,
    maxLearners: 1,
    initialElectionTickAdvance: true,
    quotaBytes: Infinity,
    maxRequestBytes: 1572864,
    maxTxnOps: 128,
    clock: CLOCK,
    random: { below: () => 0 },
    logger: QUIET,
    startWallMs: 1,
    wallMs: () => 1,
    transport: SOLO_TRANSPORT,
    onRemoved: ignore,
    onForeign: ignore,
    ...options,
  })
}
