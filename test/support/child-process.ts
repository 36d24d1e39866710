/**
 * A process under test: its output is collected, its end is awaited in bounded time, and it is
 * ended by its own pid and nothing else.
 */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'

export interface ExitResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Milliseconds from the start of the process, or from the signal that `stop` sent, to its end. */
  readonly tookMs: number
}

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly stdin?: string | Buffer
  /** Keeps standard input open behind `stdin`, for `write`. */
  readonly holdsStdin?: boolean
}

/** The environment without any ETCD_ or ETCDCTL_ variable: those would change the flags. */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (!/^(ETCD|ETCDCTL|QUORATE)_/.test(name)) env[name] = value
  }
  return { ...env, ...extra }
}

export class Child {
  readonly command: string
  readonly #process: ChildProcess
  readonly #stdout: Buffer[] = []
  readonly #stderr: Buffer[] = []
  readonly #all: Buffer[] = []
  readonly #outputListeners = new Set<() => void>()
  readonly #startedAt: number
  readonly exited: Promise<ExitResult>
  #running = true

  constructor(program: string, args: readonly string[], options: SpawnOptions = {}) {
    this.command = [program, ...args].join(' ')
    this.#startedAt = performance.now()
    const stdin = options.stdin === undefined ? 'ignore' : 'pipe'
    this.#process = spawn(program, args, {
      stdio: [stdin, 'pipe', 'pipe'],
      env: cleanEnvironment(options.env),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    this.#collect(this.#process.stdout, this.#stdout)
    this.#collect(this.#process.stderr, this.#stderr)
    if (options.stdin !== undefined) {
      this.#process.stdin?.on('error', () => undefined) // the process may end without reading
      if (options.holdsStdin === true) this.#process.stdin?.write(options.stdin)
      else this.#process.stdin?.end(options.stdin)
    }
    this.exited = new Promise((resolve, reject) => {
      this.#process.once('error', (error) => {
        this.#running = false
        reject(error)
      })
      this.#process.once('close', (code, signal) => {
        this.#running = false
        resolve({ code, signal, tookMs: performance.now() - this.#startedAt })
        for (const listener of this.#outputListeners) listener()
      })
    })
    this.exited.catch(() => undefined) // awaited later, or never
  }

  get pid(): number {
    const pid = this.#process.pid
    if (pid === undefined) throw new Error(`${this.command} did not start`)
    return pid
  }

  get running(): boolean {
    return this.#running
  }

  /** Both outputs, as they came. */
  get output(): string {
    return Buffer.concat(this.#all).toString('utf8')
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#stdout)
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString('utf8')
  }

  /** The last lines of the output, for error messages. */
  tail(lines = 25): string {
    return `--- ${this.command}\n${this.output.trimEnd().split('\n').slice(-lines).join('\n')}\n---`
  }

  write(text: string): void {
    this.#process.stdin?.write(text)
  }

  signal(name: NodeJS.Signals): void {
    if (this.#running) this.#process.kill(name)
  }

  /** Waits for the process to end by itself; ends it and throws when it does not in time. */
  async waitForExit(timeoutMs: number): Promise<ExitResult> {
    const result = await withTimeout(this.exited, timeoutMs)
    if (result !== 'timeout') return result
    this.signal('SIGKILL')
    await this.exited
    throw new Error(`still running after ${timeoutMs} ms\n${this.tail()}`)
  }

  /** SIGTERM, then waits; SIGKILL and an error when that is ignored. */
  async stop(timeoutMs = 10_000): Promise<ExitResult> {
    const sentAt = performance.now()
    this.signal('SIGTERM')
    const result = await this.waitForExit(timeoutMs)
    return { ...result, tookMs: performance.now() - sentAt }
  }

  async kill9(): Promise<ExitResult> {
    this.signal('SIGKILL')
    return await this.waitForExit(10_000)
  }

  /** Resolves once the output matches; throws when the process ends or the time is over first. */
  async waitForOutput(pattern: RegExp, timeoutMs: number): Promise<void> {
    const seen = new Promise<'seen' | 'ended'>((resolve) => {
      const check = (): void => {
        if (pattern.test(this.output)) resolve('seen')
        else if (!this.#running) resolve('ended')
        else return
        this.#outputListeners.delete(check)
      }
      this.#outputListeners.add(check)
      check()
    })
    const result = await withTimeout(seen, timeoutMs)
    if (result === 'seen') return
    throw new Error(`no ${String(pattern)} in the output (${result})\n${this.tail()}`)
  }

  #collect(stream: NodeJS.ReadableStream | null, into: Buffer[]): void {
    stream?.on('data', (chunk: Buffer) => {
      into.push(chunk)
      this.#all.push(chunk)
      for (const listener of this.#outputListeners) listener()
    })
  }
}

/** `'timeout'` when the promise is still pending after the time; it goes on unobserved. */
export async function withTimeout<T>(
  promise: Promise<T>,
  timeoutMs: number,
): Promise<T | 'timeout'> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<'timeout'>((resolve) => {
    timer = setTimeout(() => resolve('timeout'), timeoutMs)
  })
  try {
    return await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}
