/** A cluster for one run: its members, the proxies before them, and the disks they are on. */

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as elapse } from 'node:timers/promises'
import { ProcessCluster } from '../support/cluster.ts'
import type { ClusterMember } from '../support/cluster-member.ts'
import { programUnderTest } from '../support/cluster-program.ts'
import { freePort } from '../support/free-port.ts'
import type { Request } from '../sim/check/history.ts'
import type { TestBed } from '../support/test-bed.ts'
import { PeerNetwork } from './network.ts'
import { ChaosClient } from './client.ts'
import type { DataVolume, Rig, Site } from './ports.ts'
import type { Recorder } from './recorder.ts'

const TOKEN = 'chaos'
const CALL_TIMEOUT_MS = 1000

export interface SiteOptions {
  readonly bed: TestBed
  readonly nodes: number
  readonly rigs: readonly Rig[]
  readonly flags: readonly string[]
  readonly recorder: Recorder
  readonly told: () => number
  readonly note: (text: string) => void
}

export class ChaosSite implements Site {
  readonly network = new PeerNetwork(TOKEN)
  readonly #volumes = new Map<string, DataVolume>()
  readonly #options: SiteOptions
  #cluster: ProcessCluster | undefined
  /** Ends every wait. */
  readonly #over = new AbortController()

  private constructor(options: SiteOptions) {
    this.#options = options
  }

  /** Resolves when every member answers a linearizable read. */
  static async start(options: SiteOptions): Promise<ChaosSite> {
    const site = new ChaosSite(options)
    try {
      await site.#start()
      return site
    } catch (error) {
      await site.end()
      throw error
    }
  }

  get cluster(): ProcessCluster {
    if (this.#cluster === undefined) throw new Error('the cluster has not been started')
    return this.#cluster
  }

  volumeOf(member: string): DataVolume {
    const volume = this.#volumes.get(member)
    if (volume === undefined) throw new Error(`${member} has no volume of its own`)
    return volume
  }

  get told(): number {
    return this.#options.told()
  }

  async perform(request: Request): Promise<void> {
    const member = this.cluster.awake[0]
    if (member === undefined) return
    const client = new ChaosClient(member.endpoint)
    await this.#options.recorder.perform('site', member.name, client, request, CALL_TIMEOUT_MS)
    client.close()
  }

  note(text: string): void {
    this.#options.note(text)
  }

  async elapse(ms: number): Promise<void> {
    await elapse(ms, undefined, { signal: this.#over.signal }).catch(() => undefined)
  }

  /** Takes away all that faults may have left. Members that were ended start again. */
  async mend(): Promise<void> {
    this.network.heal()
    for (const member of this.cluster.members) {
      if (member.isRunning) member.resume()
      else this.restart(member)
    }
  }

  /** Starts it again, when it does not run and is still wanted. */
  restart(member: ClusterMember): void {
    if (!this.cluster.members.includes(member) || member.isRunning) return
    this.note(`start ${member.name}`)
    member.relaunch()
  }

  async end(): Promise<void> {
    this.#over.abort()
    await this.#cluster?.killAll()
    await this.network.close()
    for (const volume of this.#volumes.values()) await volume.dispose()
  }

  async #start(): Promise<void> {
    const { bed, nodes, rigs, flags } = this.#options
    const volume = rigs.find((rig) => rig.volume !== undefined)?.volume
    for (let n = 1; n <= nodes && volume !== undefined; n++) {
      this.#volumes.set(`m${n}`, await volume(`m${n}`))
    }
    const folder = bed.temporaryDirectory()
    this.#cluster = await ProcessCluster.start(bed, programUnderTest(), {
      size: nodes,
      token: TOKEN,
      args: [...flags, ...rigs.flatMap((rig) => rig.flags ?? [])],
      portsOf: async (name) => {
        const peer = await freePort()
        const advertisedPeer = await this.network.before(name, peer)
        return { client: await freePort(), peer, advertisedPeer }
      },
      dataDirectoryOf: (name) => {
        const directory = join(this.#volumes.get(name)?.path ?? folder, name)
        rmSync(directory, { recursive: true, force: true }) // of a start that found its port taken
        return directory
      },
      commandOf: (name, command) =>
        rigs.reduce((wrapped, rig) => rig.wrap?.(name, wrapped) ?? wrapped, command),
    })
  }
}
