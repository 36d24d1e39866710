/**
 * What serves the clients: an engine and its listeners, in this thread or in one of their own
 * (`bridge/wire-thread.ts`).
 */

import type { Logger } from '../base/ports.ts'
import type { Engine } from './engine.ts'
import { requestListener, type AnswerHttp } from './http-exchange.ts'
import { Listener, type ListenAddress, type ListenerLimits } from './listener.ts'

/** What an address is served by. */
export interface WireListener {
  /** Serves, from now on, also the connections that have waited. */
  open(): void
  /** Takes no more connections, and ends what is left after `graceMs`. */
  close(graceMs: number): Promise<void>
}

export type WireListenResult =
  | { readonly ok: true; readonly listener: WireListener }
  /** `code` is the system's, for example EADDRINUSE. */
  | { readonly ok: false; readonly code: string; readonly message: string }

export interface Wire {
  /** Takes the address; its connections wait until the listener is opened. */
  listen(address: ListenAddress, limits: Partial<ListenerLimits>): Promise<WireListenResult>
  /** After the listeners are closed. */
  end(): Promise<void>
}

export interface LocalWireOptions {
  readonly engine: Engine
  readonly answerHttp: AnswerHttp
  readonly logger: Logger
}

/** In this thread. */
export class LocalWire implements Wire {
  readonly #options: LocalWireOptions

  constructor(options: LocalWireOptions) {
    this.#options = options
  }

  listen(address: ListenAddress, limits: Partial<ListenerLimits>): Promise<WireListenResult> {
    const { engine, answerHttp, logger } = this.#options
    const onRequest = requestListener(answerHttp)
    return Listener.listen(address, { engine, logger, limits, onRequest, isHeld: true })
  }

  end(): Promise<void> {
    this.#options.engine.close()
    return Promise.resolve()
  }
}
