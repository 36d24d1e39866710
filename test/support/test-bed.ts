/**
 * Owns what a suite of process tests leaves behind: temporary folders and server processes. Create
 * one per test file and call `cleanUp` in `afterAll`.
 *
 *     const bed = new TestBed()
 *     afterAll(() => bed.cleanUp())
 *     const node = await bed.startQuorate({ args: ['--quota-backend-bytes', '1000000'] })
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child } from './child-process.ts'
import type { ExitResult } from './child-process.ts'
import { freePort } from './free-port.ts'
import type { Program } from './programs.ts'
import { serverCommand } from './programs.ts'

export const READY = /ready to serve client requests/

/** Ids that follow from the default peer URL and the default cluster token. */
export const DEFAULT_MEMBER_ID = '8e9e05c52164694d'
export const DEFAULT_CLUSTER_ID = 'cdf818194e3a8c32'

export interface StartOptions {
  /** Added after the default arguments; a flag given here replaces the default of that name. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** A new temporary folder when absent. */
  readonly dataDirectory?: string
  readonly readyTimeoutMs?: number
}

export interface RunningServer {
  readonly child: Child
  readonly dataDirectory: string
  /** host:port of the client listener. */
  readonly endpoint: string
  readonly clientUrl: string
  readonly peerUrl: string
  stop(timeoutMs?: number): Promise<ExitResult>
  kill9(): Promise<ExitResult>
}

export class TestBed {
  readonly #folders: string[] = []
  readonly #children = new Set<Child>()
  readonly #onExit = (): void => {
    for (const child of this.#children) child.signal('SIGKILL')
  }

  constructor() {
    process.once('exit', this.#onExit)
  }

  temporaryDirectory(): string {
    const folder = mkdtempSync(join(tmpdir(), 'quorate-test-'))
    this.#folders.push(folder)
    return folder
  }

  /** A single node with the default name, peer URL and token, on free ports; ready when resolved. */
  async startQuorate(options: StartOptions = {}): Promise<RunningServer> {
    return await this.#startServer(serverCommand(), options)
  }

  async startEtcd(program: Program, options: StartOptions = {}): Promise<RunningServer> {
    return await this.#startServer([program.path], options)
  }

  /** Runs the server's command line to its end, for start-ups that must fail. */
  async runQuorate(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    timeoutMs = 15_000,
  ): Promise<{ result: ExitResult; child: Child }> {
    const [program, ...first] = serverCommand()
    const child = this.track(
      new Child(program, [...first, ...args], { env, cwd: this.temporaryDirectory() }),
    )
    return { result: await child.waitForExit(timeoutMs), child }
  }

  /** Hands a process over to this bed's clean-up. */
  track(child: Child): Child {
    this.#children.add(child)
    return child
  }

  async killAll(): Promise<void> {
    const running = [...this.#children].filter((child) => child.running)
    await Promise.all(running.map((child) => child.kill9().catch(() => undefined)))
  }

  async cleanUp(): Promise<void> {
    await this.killAll()
    process.removeListener('exit', this.#onExit)
    for (const folder of this.#folders)
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }

  async #startServer(
    command: readonly [string, ...string[]],
    options: StartOptions,
  ): Promise<RunningServer> {
    for (let attempt = 1; ; attempt++) {
      const dataDirectory = options.dataDirectory ?? join(this.temporaryDirectory(), 'data')
      const { args, endpoint, clientUrl, peerUrl } = await serverArguments(dataDirectory, options)
      const [program, ...first] = command
      const child = this.track(
        new Child(program, [...first, ...args], {
          ...(options.env === undefined ? {} : { env: options.env }),
          cwd: this.temporaryDirectory(),
        }),
      )
      try {
        await child.waitForOutput(READY, options.readyTimeoutMs ?? 20_000)
      } catch (error) {
        await child.kill9().catch(() => undefined)
        const portTaken = /already in use|EADDRINUSE/.test(child.output)
        if (portTaken && attempt < 4) continue
        throw error
      }
      return {
        child,
        dataDirectory,
        endpoint,
        clientUrl,
        peerUrl,
        stop: async (timeoutMs) => await child.stop(timeoutMs),
        kill9: async () => await child.kill9(),
      }
    }
  }
}

/** The flags of a single default-named node on free ports, without those the caller gives. */
export async function serverArguments(
  dataDirectory: string,
  options: Pick<StartOptions, 'args'> = {},
): Promise<{ args: string[]; endpoint: string; clientUrl: string; peerUrl: string }> {
  const given = options.args ?? []
  const endpoint = `127.0.0.1:${await freePort()}`
  const clientUrl = `http://${endpoint}`
  const peerUrl = `http://127.0.0.1:${await freePort()}`
  const defaults: readonly (readonly [string, string])[] = [
    ['--name', 'default'],
    ['--data-dir', dataDirectory],
    ['--listen-client-urls', clientUrl],
    ['--advertise-client-urls', clientUrl],
    ['--listen-peer-urls', peerUrl],
    ['--initial-advertise-peer-urls', 'http://localhost:2380'],
    ['--initial-cluster', 'default=http://localhost:2380'],
  ]
  const kept = defaults.filter(
    ([flag]) => !given.some((arg) => arg === flag || arg.startsWith(`${flag}=`)),
  )
  return { args: [...kept.flat(), ...given], endpoint, clientUrl, peerUrl }
}
