/**
 * The clients' wire in a thread of its own: the engine with its listeners and connections there,
 * the services here, the bridge between them. What that thread does not survive, the process does
 * not either.
 */

import { Worker } from 'node:worker_threads'
import type { Logger } from '../../base/ports.ts'
import { CallCounts } from '../call-counts.ts'
import type { Method } from '../engine.ts'
import type { AnswerHttp } from '../http-exchange.ts'
import type { ListenAddress, ListenerLimits } from '../listener.ts'
import { FlushQueue } from '../native/flush-queue.ts'
import type { Wire, WireListenResult } from '../wire.ts'
import { Back } from './back.ts'
import { Backlog } from './backlog.ts'
import { Carrier } from './carrier.ts'
import { HTTP_METHOD, httpMethod } from './http-method.ts'
import type {
  ListenFailure,
  WireCommand,
  WireReport,
  WireSettings,
  WireWorkerData,
} from './wire-messages.ts'

export interface WireThreadOptions {
  readonly settings: WireSettings
  readonly methods: readonly Method[]
  readonly answerHttp: AnswerHttp
  readonly logger: Logger
  /** The thread has ended, which it never should. */
  readonly onFatal: (error: Error) => void
}

export class WireThread implements Wire {
  /** Of all calls, as the engine counts them. */
  readonly counts: CallCounts
  readonly #worker: Worker
  readonly #carrier: Carrier
  readonly #options: WireThreadOptions
  /** By listener: who waits for it to listen, and to be closed. */
  readonly #listening: ((failure: ListenFailure | undefined) => void)[] = []
  readonly #closed: (() => void)[] = []
  #isEnded = false

  constructor(options: WireThreadOptions) {
    const { settings, methods, answerHttp, logger } = options
    const names = methods.map(({ kind, path }) => ({ kind, path }))
    this.#options = options
    this.counts = new CallCounts(names)
    const backlog = Backlog.memory()
    const workerData: WireWorkerData = {
      ...settings,
      methods: [...names, HTTP_METHOD],
      counts: this.counts.memory,
      backlog,
    }
    // The name of the file as it is compiled.
    this.#worker = new Worker(new URL('./wire-worker.js', import.meta.url), { workerData })
    this.#carrier = this.#newCarrier(new Backlog(backlog))
    const served = [...methods, httpMethod(answerHttp)]
    void new Back(served, this.#carrier, settings.metadataNames, { logger })
    this.#worker.on('message', (message: ArrayBuffer | WireReport) => this.#onMessage(message))
    this.#worker.on('error', (error) => this.#onEnded(error))
    this.#worker.on('exit', () => this.#onEnded(undefined))
  }

  listen(address: ListenAddress, limits: Partial<ListenerLimits>): Promise<WireListenResult> {
    return new Promise((resolve) => {
      const listener = this.#listening.length
      this.#listening.push((failure) => {
        if (failure !== undefined) resolve({ ok: false, ...failure })
        else resolve({ ok: true, listener: this.#listener(listener) })
      })
      this.#command({ type: 'listen', listener, address, limits })
    })
  }

  async end(): Promise<void> {
    this.#isEnded = true
    await this.#worker.terminate()
  }

  #listener(listener: number): Extract<WireListenResult, { ok: true }>['listener'] {
    return {
      open: () => this.#command({ type: 'open', listener }),
      close: (graceMs) =>
        new Promise((resolve) => {
          this.#closed[listener] = resolve
          this.#command({ type: 'close', listener, graceMs })
        }),
    }
  }

  #newCarrier(incoming: Backlog): Carrier {
    // What all promises of a turn have to say leaves in one parcel.
    const flushes = new FlushQueue()
    return new Carrier({
      port: this.#worker,
      plan: (flush) => flushes.add({ flush }),
      incoming,
    })
  }

  #command(command: WireCommand): void {
    this.#worker.postMessage(command)
  }

  #onMessage(message: ArrayBuffer | WireReport): void {
    if (message instanceof ArrayBuffer) this.#carrier.receive(message)
    else if (message.type === 'listening') this.#listening[message.listener]?.(message.failure)
    else if (message.type === 'closed') this.#closed[message.listener]?.()
    else this.#options.logger[message.level](message.message, message.fields)
  }

  #onEnded(error: Error | undefined): void {
    if (this.#isEnded) return
    this.#isEnded = true
    // Where it happened, which the sentence does not tell.
    if (error !== undefined) this.#options.logger.error('the wire thread failed', { error })
    const reason = error === undefined ? '' : `: ${error.message}`
    this.#options.onFatal(new Error(`the thread that serves the clients has ended${reason}`))
  }
}
