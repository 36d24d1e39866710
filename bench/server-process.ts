/**
 * A server under measurement: a process of its own on random loopback ports, with a fresh data
 * folder on a real disk, and what Linux says it has used. One member of a cluster is one too.
 */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'

/** A server program to compare. */
export interface Target {
  /** Shown in the tables, for example "etcd 3.4.23". */
  readonly label: string
  readonly kind: 'quorate' | 'etcd'
  /** Program and leading arguments. */
  readonly command: readonly string[]
}

export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** What is measured: one server, or a cluster of them. */
export interface Server {
  /** Of every member, the leader's first. */
  readonly endpoints: readonly Endpoint[]
  usage(): Usage
  /** Ends it, by force if it takes too long, and removes its data. */
  stop(): Promise<void>
}

/** Where a member lives, from its first start to its last. */
export interface Place {
  readonly name: string
  readonly dataDir: string
  readonly port: number
  readonly peerPort: number
}

export interface Usage {
  readonly cpuSeconds: number
  readonly rssBytes: number
}

const readyText = 'ready to serve client requests'
const readyTimeoutMs = 30_000
const stopTimeoutMs = 20_000
/** Linux reports process times in these ticks on every common architecture (USER_HZ). */
const clockTicksPerSecond = 100
const keptLogBytes = 8192

export class ServerProcess implements Server {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly #target: Target
  readonly #place: Place
  readonly #flags: readonly string[]
  #child: ChildProcess
  #log = ''
  /** Nothing outlives this process, whatever ends it. */
  readonly #onExit = (): void => {
    this.#child.kill('SIGKILL')
    rmSync(this.#place.dataDir, { recursive: true, force: true })
  }

  /** Starts one of `members` processes that form a cluster; it is not ready yet. */
  constructor(target: Target, place: Place, members: readonly Place[]) {
    this.#target = target
    this.#place = place
    this.port = place.port
    this.#flags = flags(place, members)
    this.#child = this.#spawn()
    process.on('exit', this.#onExit)
  }

  /** Starts a cluster of one in a fresh folder below `parentDir`; resolves when it is ready. */
  static async start(target: Target, parentDir: string): Promise<ServerProcess> {
    const place = await newPlace('bench', parentDir)
    const server = new ServerProcess(target, place, [place])
    await server.ready()
    return server
  }

  /** The folder that holds everything it writes. */
  get dataDir(): string {
    return this.#place.dataDir
  }

  get endpoints(): readonly Endpoint[] {
    return [{ host: this.host, port: this.port }]
  }

  usage(): Usage {
    return readUsage(this.#child.pid!)
  }

  /** Resolves when the running process has said that it is ready; it is stopped when it does not. */
  async ready(): Promise<void> {
    try {
      await this.#untilReady()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM')
    process.off('exit', this.#onExit)
    rmSync(this.#place.dataDir, { recursive: true, force: true })
  }

  /** Ends the process, by force if it takes too long, and keeps its data for `restart`. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill(signal)
    const force = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs)
    await exited
    clearTimeout(force)
  }

  /** Starts the ended process again on its data; resolves when it is ready. */
  async restart(): Promise<void> {
    this.#log = ''
    this.#child = this.#spawn()
    await this.ready()
  }

  #spawn(): ChildProcess {
    const [program, ...leading] = this.#target.command
    const child = spawn(program!, [...leading, ...this.#flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const onOutput = (chunk: Buffer): void => {
      this.#log = (this.#log + chunk.toString()).slice(-keptLogBytes)
    }
    child.stdout.on('data', onOutput)
    child.stderr.on('data', onOutput)
    return child
  }

  #untilReady(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => reject(new Error(`${reason}; it said:\n${this.#log}`))
      const timer = setTimeout(() => fail('the server was not ready in time'), readyTimeoutMs)
      const onOutput = (): void => {
        if (!this.#log.includes(readyText)) return
        clearTimeout(timer)
        resolve()
      }
      this.#child.stdout!.on('data', onOutput)
      this.#child.stderr!.on('data', onOutput)
      this.#child.once('error', (error) => fail(error.message))
      this.#child.once('exit', (code, signal) => {
        clearTimeout(timer)
        fail(`the server ended with ${code ?? signal}`)
      })
      onOutput()
    })
  }
}

/** Free ports and a fresh folder below `parentDir`. */
export async function newPlace(name: string, parentDir: string): Promise<Place> {
  const [port, peerPort] = await Promise.all([freePort(), freePort()])
  return { name, port, peerPort, dataDir: mkdtempSync(path.join(parentDir, 'quorate-bench-')) }
}

/** The same flags for every server: room for the data that the benchmarks write, else defaults. */
function flags(place: Place, members: readonly Place[]): string[] {
  const client = `http://127.0.0.1:${place.port}`
  return [
    `--name=${place.name}`,
    `--data-dir=${path.join(place.dataDir, 'data')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peerUrl(place)}`,
    `--initial-advertise-peer-urls=${peerUrl(place)}`,
    `--initial-cluster=${members.map((member) => `${member.name}=${peerUrl(member)}`).join(',')}`,
    '--quota-backend-bytes=8589934592',
  ]
}

function peerUrl({ peerPort }: Place): string {
  return `http://127.0.0.1:${peerPort}`
}

async function freePort(): Promise<number> {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function readUsage(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name in parentheses may hold spaces; utime and stime are fields 14 and 15 of the line.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  const rss = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return {
    cpuSeconds: ticks / clockTicksPerSecond,
    rssBytes: Number(rss?.[1] ?? 0) * 1024,
  }
}
