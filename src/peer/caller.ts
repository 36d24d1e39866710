/** Calls to one member, over one connection that is made when it is needed. */

import type { Logger } from '../base/ports.ts'
import { packedCall, responseOf } from './call-codec.ts'
import type { Connection } from './connection.ts'
import { dial, type Dialed, type DialOptions } from './dial.ts'
import { dataFrame } from './frame.ts'
import type { MemberHello } from './handshake.ts'
import type { PeerLimits } from './limits.ts'
import type { CallResult } from './ports.ts'

/** Room for the array around a request or response. */
export const CALL_OVERHEAD_BYTES = 64
/** Requests that the system has not taken yet. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024

export interface CallerOptions extends DialOptions {
  readonly hello: MemberHello
  readonly limits: PeerLimits
  readonly connections: Set<Connection>
  readonly logger: Logger
  readonly onSent: (bytes: number) => void
  readonly onReceived: (bytes: number) => void
}

interface PendingCall {
  readonly request: Uint8Array
  readonly resolve: (result: CallResult) => void
  readonly timer: NodeJS.Timeout
  isSent: boolean
}

export class Caller {
  readonly #options: CallerOptions
  #urls: readonly string[]
  #nextUrl = 0
  #connection: Connection | undefined
  #cancelDial: (() => void) | undefined
  readonly #pending = new Map<number, PendingCall>()
  #lastId = 0
  #isStopped = false

  constructor(urls: readonly string[], options: CallerOptions) {
    this.#urls = urls
    this.#options = options
  }

  setUrls(urls: readonly string[]): void {
    this.#urls = urls
    this.#nextUrl = 0
  }

  call(request: Uint8Array, timeoutMs: number): Promise<CallResult> {
    const { limits, logger } = this.#options
    if (this.#isStopped) return Promise.resolve({ ok: false, error: 'stopped' })
    if (request.length > limits.maxCallBytes) {
      logger.error('a call to a peer is too large', { bytes: request.length })
      return Promise.resolve({ ok: false, error: 'unreachable' })
    }
    const bufferedBytes = this.#connection?.bufferedBytes ?? 0
    if (this.#pending.size >= limits.maxCalls || bufferedBytes > MAX_BUFFERED_BYTES) {
      return Promise.resolve({ ok: false, error: 'unreachable' })
    }
    return new Promise((resolve) => {
      const id = ++this.#lastId
      const timer = setTimeout(() => this.#onTimeout(id), timeoutMs)
      const call = { request, resolve, timer, isSent: false }
      this.#pending.set(id, call)
      if (this.#connection !== undefined) this.#send(this.#connection, id, call)
      else if (this.#cancelDial === undefined) this.#dial()
    })
  }

  /** Ends the connection; calls that were sent end in `timeout`. */
  close(reason: string): void {
    this.#connection?.close(reason)
  }

  /** `result` for the calls that have not been sent: those that were may have been handled. */
  stop(error: 'stopped' | 'unreachable'): void {
    this.#isStopped = true
    this.#cancelDial?.()
    for (const [id, call] of this.#pending) {
      const isUnknown = call.isSent && error !== 'stopped'
      this.#settle(id, { ok: false, error: isUnknown ? 'timeout' : error })
    }
    this.#connection?.close('stopped')
  }

  #dial(): void {
    const url = this.#urls[this.#nextUrl % this.#urls.length]
    if (url === undefined) {
      this.#settleAll()
      return
    }
    this.#nextUrl++
    this.#cancelDial = dial(url, this.#options.hello, this.#options, (dialed) => {
      this.#cancelDial = undefined
      this.#onDialed(dialed)
    })
  }

  #onDialed(dialed: Dialed): void {
    if (!dialed.ok) {
      this.#settleAll()
      return
    }
    // The next one that is dialed may be the one that works, but this one does: start with it.
    this.#nextUrl--
    const { connection } = dialed
    const { limits, connections, onSent, onReceived } = this.#options
    this.#connection = connection
    connections.add(connection)
    const user = {
      onFrame: (body: Uint8Array): void => this.#onFrame(connection, body),
      onClosed: (): void => this.#onClosed(connection),
      onSent,
      onReceived,
    }
    connection.serve(user, limits.maxCallBytes + CALL_OVERHEAD_BYTES, limits.silenceTicks)
    for (const [id, call] of this.#pending) this.#send(connection, id, call)
  }

  #send(connection: Connection, id: number, call: PendingCall): void {
    if (connection.isClosed) return
    call.isSent = true
    connection.send(dataFrame(packedCall(id, call.request)))
  }

  #onFrame(connection: Connection, body: Uint8Array): void {
    const response = responseOf(body)
    if (response === undefined) connection.close('malformed response')
    else this.#settle(response.id, response.result)
  }

  #onClosed(connection: Connection): void {
    this.#options.connections.delete(connection)
    this.#connection = undefined
    this.#settleAll()
  }

  #onTimeout(id: number): void {
    const isSent = this.#pending.get(id)?.isSent === true
    this.#settle(id, { ok: false, error: isSent ? 'timeout' : 'unreachable' })
  }

  #settleAll(): void {
    for (const [id, { isSent }] of this.#pending) {
      this.#settle(id, { ok: false, error: isSent ? 'timeout' : 'unreachable' })
    }
  }

  /** An answer that comes too late finds no call. */
  #settle(id: number, result: CallResult): void {
    const call = this.#pending.get(id)
    if (call === undefined) return
    this.#pending.delete(id)
    clearTimeout(call.timer)
    call.resolve(result)
  }
}
