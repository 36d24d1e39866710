/**
 * A server under measurement: a process of its own on random loopback ports, with a fresh data
 * folder on a real disk, and what Linux says it has used.
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

export class ServerProcess {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly #child: ChildProcess
  readonly #dataDir: string
  #log = ''
  /** Nothing outlives this process, whatever ends it. */
  readonly #onExit = (): void => {
    this.#child.kill('SIGKILL')
    rmSync(this.#dataDir, { recursive: true, force: true })
  }

  private constructor(child: ChildProcess, port: number, dataDir: string) {
    this.#child = child
    this.port = port
    this.#dataDir = dataDir
    process.on('exit', this.#onExit)
  }

  /** Starts the server in a fresh folder below `parentDir`; resolves when it says it is ready. */
  static async start(target: Target, parentDir: string): Promise<ServerProcess> {
    const [port, peerPort] = await Promise.all([freePort(), freePort()])
    const dataDir = mkdtempSync(path.join(parentDir, 'quorate-bench-'))
    const [program, ...leading] = target.command
    const child = spawn(program!, [...leading, ...flags(dataDir, port, peerPort)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const server = new ServerProcess(child, port, dataDir)
    try {
      await server.#untilReady()
    } catch (error) {
      await server.stop()
      throw error
    }
    return server
  }

  usage(): Usage {
    return readUsage(this.#child.pid!)
  }

  /** Ends the process, by force if it takes too long, and removes its data. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      const force = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs)
      await exited
      clearTimeout(force)
    }
    process.off('exit', this.#onExit)
    rmSync(this.#dataDir, { recursive: true, force: true })
  }

  #untilReady(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => reject(new Error(`${reason}; it said:\n${this.#log}`))
      const timer = setTimeout(() => fail('the server was not ready in time'), readyTimeoutMs)
      const onOutput = (chunk: Buffer): void => {
        this.#log = (this.#log + chunk.toString()).slice(-keptLogBytes)
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
    })
  }
}

/** The same flags for every server: one member, room for the data that the benchmarks write. */
function flags(dataDir: string, port: number, peerPort: number): string[] {
  const client = `http://127.0.0.1:${port}`
  const peer = `http://127.0.0.1:${peerPort}`
  return [
    '--name=bench',
    `--data-dir=${path.join(dataDir, 'data')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=bench=${peer}`,
    '--quota-backend-bytes=8589934592',
  ]
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
