/** A cluster under measurement: member processes on one machine, all with etcd's default settings. */

import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from '../src/base/assert.ts'
import { callOnce } from './load-generator/call.ts'
import { GrpcConnection } from './load-generator/connection.ts'
import { readField } from './load-generator/protobuf.ts'
import { newPlace, ServerProcess } from './server-process.ts'
import type { Endpoint, Place, Server, Target, Usage } from './server-process.ts'

const leaderTimeoutMs = 30_000
const askAgainMs = 10

export class ServerCluster implements Server {
  readonly members: readonly ServerProcess[]
  #endpoints: readonly Endpoint[] = []

  private constructor(members: readonly ServerProcess[]) {
    this.members = members
  }

  /** Resolves when all members are ready and agree on a leader. */
  static async start(target: Target, parentDir: string, nodes: number): Promise<ServerCluster> {
    const places: Place[] = []
    for (let n = 1; n <= nodes; n++) places.push(await newPlace(`bench${n}`, parentDir))
    const members = places.map((place) => new ServerProcess(target, place, places))
    const cluster = new ServerCluster(members)
    try {
      await Promise.all(members.map((member) => member.ready()))
      const leader = await cluster.leader()
      const others = members.filter((member) => member !== leader)
      cluster.#endpoints = [leader, ...others].flatMap((member) => member.endpoints)
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  /** The leader of the start comes first. */
  get endpoints(): readonly Endpoint[] {
    return this.#endpoints
  }

  /** CPU of all members together, memory of the largest. */
  usage(): Usage {
    const usages = this.members.map((member) => member.usage())
    return {
      cpuSeconds: usages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
      rssBytes: Math.max(...usages.map(({ rssBytes }) => rssBytes)),
    }
  }

  async stop(): Promise<void> {
    // All at once: a leader that waits for others that have gone would take longer.
    await Promise.all(this.members.map((member) => member.stop()))
  }

  /** The leader that all members name, once they do. */
  async leader(): Promise<ServerProcess> {
    const connections = await Promise.all(
      this.members.map(({ host, port }) => GrpcConnection.connect(host, port)),
    )
    try {
      const endAt = performance.now() + leaderTimeoutMs
      while (performance.now() < endAt) {
        const views = await Promise.all(connections.map(viewOf))
        const [first] = views
        assert(first !== undefined, 'a cluster has members')
        const leads = views.findIndex(({ member }) => member === first.leader)
        if (leads >= 0 && views.every(({ leader }) => leader === first.leader)) {
          return this.members[leads]!
        }
        await sleep(askAgainMs)
      }
      throw new Error('the members do not agree on a leader')
    } finally {
      for (const connection of connections) connection.close()
    }
  }
}

/** Who a member is and whom it takes for the leader (0 for nobody), as rounded 64-bit ids. */
async function viewOf(
  connection: GrpcConnection,
): Promise<{ readonly member: number; readonly leader: number }> {
  const status = await callOnce(connection, '/etcdserverpb.Maintenance/Status', Buffer.alloc(0))
  const header = readField(status.message, 1)[0]
  assert(Buffer.isBuffer(header), 'a status has a header')
  const member = Number(readField(header, 2)[0])
  return { member, leader: Number(readField(status.message, 4)[0] ?? 0) }
}
