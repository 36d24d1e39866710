/**
 * The engine interface: what a gRPC service looks like from inside, and what an engine must offer.
 * Services are plain handlers over decoded messages and never see a gRPC library, so that several
 * engines can serve the same methods.
 */

import type { Duplex } from 'node:stream'
import type { Soon } from '../base/pending.ts'
import type { Logger } from '../base/ports.ts'
import type { StatusError } from './status.ts'

/** One call's surroundings, for every kind of method. */
export interface CallContext {
  /** A request metadata value by lowercase name; the first one when it is repeated. */
  metadata(name: string): string | undefined
  /** Remote address as host:port, for logs. */
  readonly peerAddress: string
  readonly cancelled: boolean
  /** Runs once when the client goes away or its deadline passes; at once if that has happened. */
  onCancel(listener: () => void): void
}

/** The sending half of a streaming call. */
export interface ResponseStream<Response> {
  /** Queues one message. False means the peer reads slowly: wait for `onDrain` before more. */
  send(response: Response): boolean
  /**
   * Runs whenever the queue has emptied after a false; a listener set later replaces it. It never
   * runs once the call is cancelled.
   */
  onDrain(listener: () => void): void
  /** Ends the call with status OK. */
  end(): void
  /** Ends the call with an error status. */
  fail(error: StatusError): void
}

/** The receiving half of a client-streaming or bidirectional call. */
export interface RequestStream<Request> {
  onMessage(listener: (request: Request) => void): void
  /** The client has sent all it will send (half-close). */
  onEnd(listener: () => void): void
  pause(): void
  resume(): void
}

export interface Codec<Request, Response> {
  /** May throw on malformed bytes; the engine answers INTERNAL and the connection lives on. */
  decode(bytes: Uint8Array): Request
  encode(response: Response): Uint8Array
}

/** A method as an engine serves it. The type parameters are erased by the `define…` functions. */
export type Method =
  | {
      readonly kind: 'unary'
      readonly path: string
      readonly codec: Codec<unknown, unknown>
      /**
       * The response, or a Promise or Pending of it. Throws or fails with a StatusError for expected
       * failures; anything else is a bug.
       */
      handle(request: unknown, context: CallContext): unknown
    }
  | {
      readonly kind: 'server-stream'
      readonly path: string
      readonly codec: Codec<unknown, unknown>
      handle(request: unknown, stream: ResponseStream<unknown>, context: CallContext): void
    }
  | {
      readonly kind: 'bidi'
      readonly path: string
      readonly codec: Codec<unknown, unknown>
      handle(
        requests: RequestStream<unknown>,
        responses: ResponseStream<unknown>,
        context: CallContext,
      ): void
    }

/** A method, without what serves it. */
export type MethodName = Pick<Method, 'kind' | 'path'>

/** `path` is exact, for example "/etcdserverpb.KV/Put". */
export function defineUnary<Request, Response>(
  path: string,
  codec: Codec<Request, Response>,
  handle: (request: Request, context: CallContext) => Response | Soon<Response>,
): Method {
  return { kind: 'unary', path, codec, handle }
}

export function defineServerStream<Request, Response>(
  path: string,
  codec: Codec<Request, Response>,
  handle: (request: Request, stream: ResponseStream<Response>, context: CallContext) => void,
): Method {
  return { kind: 'server-stream', path, codec, handle }
}

export function defineBidi<Request, Response>(
  path: string,
  codec: Codec<Request, Response>,
  handle: (
    requests: RequestStream<Request>,
    responses: ResponseStream<Response>,
    context: CallContext,
  ) => void,
): Method {
  return { kind: 'bidi', path, codec, handle }
}

/** Sees every call, for metrics. `code` is the numeric gRPC status, `bytes` those of one message. */
export interface CallObserver {
  onStarted(path: string, kind: Method['kind']): void
  onReceived(path: string, kind: Method['kind'], bytes: number): void
  onSent(path: string, kind: Method['kind'], bytes: number): void
  onFinished(path: string, kind: Method['kind'], code: number): void
}

export interface EngineOptions {
  readonly logger: Logger
  readonly observer?: CallObserver
  /** The largest request message. Responses are not limited. */
  readonly maxReceiveBytes: number
  /** Calls in flight on one connection; what comes above that waits or is refused. */
  readonly maxConcurrentStreams?: number
  /** Request headers of one call, names and values together. */
  readonly maxHeaderBytes?: number
  readonly maxHeaderPairs?: number
  /** A connection on which nothing moved for this long is pinged. */
  readonly keepaliveMs?: number
  /** A connection that leaves a ping unanswered for this long is closed. */
  readonly keepaliveTimeoutMs?: number
  /** A client that pings more often than this is sent away. Not every engine looks at it. */
  readonly keepaliveMinTimeMs?: number
  /** Services that the API has though no method of them is served: their methods are "unknown". */
  readonly services?: readonly string[]
}

export const ENGINE_DEFAULTS = {
  maxConcurrentStreams: 1000,
  maxHeaderBytes: 16 * 1024,
  maxHeaderPairs: 64,
  keepaliveMs: 2 * 60 * 60 * 1000,
  keepaliveTimeoutMs: 20_000,
  keepaliveMinTimeMs: 5000,
} as const

/** A gRPC server over connections that something else accepted and recognised as HTTP/2. */
export interface Engine {
  /**
   * Takes a connection whose already-read bytes have been put back with `unshift`, and destroys
   * it in the end. The caller keeps an error listener on it.
   */
  handleConnection(socket: Duplex): void
  /** GOAWAY: no new calls; resolves when the calls in flight have ended. */
  drain(): Promise<void>
  /** Ends what is left at once. */
  close(): void
}
