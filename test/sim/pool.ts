/** Processes that run schedules, one each at a time. One that ends or hangs fails its schedule. */

import { fork, type ChildProcess } from 'node:child_process'
import { runJob, type Job, type JobResult } from './worker.ts'

/** A schedule that takes so long, instead of seconds, does not end, however busy the machine is. */
const PATIENCE_MS = 1_800_000
/** Less time goes into collecting what is young and dead. */
const NODE_ARGS = ['--max-semi-space-size=32', '--enable-source-maps']

export type Ending =
  | { readonly type: 'done'; readonly result: JobResult }
  | { readonly type: 'lost'; readonly job: Job; readonly sentence: string }

export interface PoolOptions {
  readonly workers: number
  /** The next job, or undefined when there is none. */
  readonly next: () => Job | undefined
  readonly onEnding: (ending: Ending) => void
}

export class Pool {
  readonly #options: PoolOptions
  readonly #children = new Set<ChildProcess>()
  #isStopped = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Resolves when all jobs are done, or soon after `stop`. */
  async run(): Promise<void> {
    const { workers } = this.#options
    if (workers === 0) return this.#runHere()
    await Promise.all(Array.from({ length: workers }, () => this.#work()))
  }

  /** What is under way is given up. */
  stop(): void {
    this.#isStopped = true
    for (const child of this.#children) child.kill('SIGKILL')
  }

  async #runHere(): Promise<void> {
    for (let job = this.#next(); job !== undefined; job = this.#next()) {
      this.#options.onEnding({ type: 'done', result: await runJob(job) })
    }
  }

  async #work(): Promise<void> {
    let child: ChildProcess | undefined
    for (let job = this.#next(); job !== undefined; job = this.#next()) {
      child ??= this.#fork()
      const ending = await runIn(child, job)
      if (this.#isStopped) return
      if (ending.type === 'lost') {
        child.kill('SIGKILL')
        this.#children.delete(child)
        child = undefined
      }
      this.#options.onEnding(ending)
    }
    if (child !== undefined) {
      this.#children.delete(child)
      child.disconnect()
    }
  }

  #next(): Job | undefined {
    return this.#isStopped ? undefined : this.#options.next()
  }

  #fork(): ChildProcess {
    const child = fork(new URL('./worker.js', import.meta.url), {
      serialization: 'advanced',
      execArgv: NODE_ARGS,
      // The terminal's interrupt is for the parent, which tells what there is so far.
      detached: true,
    })
    this.#children.add(child)
    return child
  }
}

function runIn(child: ChildProcess, job: Job): Promise<Ending> {
  return new Promise((resolve) => {
    const end = (ending: Ending): void => {
      clearTimeout(timer)
      child.off('message', onMessage)
      child.off('exit', onExit)
      resolve(ending)
    }
    const lose = (sentence: string): void => end({ type: 'lost', job, sentence })
    const onMessage = (result: JobResult): void => end({ type: 'done', result })
    const onExit = (code: number | null, signal: string | null): void =>
      lose(`the process ended with ${signal ?? `exit code ${code}`}`)
    const timer = setTimeout(() => lose('the schedule has no end'), PATIENCE_MS)
    child.on('message', onMessage)
    child.on('exit', onExit)
    child.send(job)
  })
}
