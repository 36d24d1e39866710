/**
 * The reference engine: gRPC by @grpc/grpc-js, over connections that the listener accepted.
 *
 * Messages pass through grpc-js as bytes; decoding and encoding happen here, so that malformed
 * ones get a clear status and every byte is counted.
 */

import {
  Server,
  ServerCredentials,
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
} from '@grpc/grpc-js'
import type { ServerOptions } from 'node:http2'
import type { Duplex } from 'node:stream'
import { unreachable } from '../base/assert.ts'
import { Pending } from '../base/pending.ts'
import { ENGINE_DEFAULTS, type Engine, type EngineOptions, type Method } from './engine.ts'
import {
  GrpcJsContext,
  GrpcJsRequestStream,
  GrpcJsResponseStream,
  type DuplexCall,
} from './grpc-js-call.ts'
import { STATUS } from './status.ts'
import { servicesOf, unknownMethod } from './unknown-method.ts'

type MethodOf<Kind extends Method['kind']> = Extract<Method, { kind: Kind }>

/** `drain` ends sessions gracefully; this engine's caller decides when it has waited enough. */
const NO_GRACE_LIMIT_MS = 2 ** 31 - 1

/** What grpc-js has no public way to set. A test fails when these are not there any more. */
interface ServerInternals {
  commonServerOptions: ServerOptions
  _retrieveHandler(path: string): object | null
}

export class GrpcJsEngine implements Engine {
  readonly #options: EngineOptions
  readonly #services: ReadonlySet<string>
  readonly #injector: ReturnType<Server['createConnectionInjector']>
  readonly #sockets = new Set<Duplex>()
  #isDraining = false
  #drainWaiters: (() => void)[] = []

  constructor(methods: readonly Method[], options: EngineOptions) {
    this.#options = options
    const paths = methods.map(({ path }) => path)
    this.#services = new Set([...servicesOf(paths), ...(options.services ?? [])])
    const server = new Server(serverOptions(options))
    for (const method of methods) this.#register(server, method)
    this.#adjust(server)
    this.#injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  }

  handleConnection(socket: Duplex): void {
    if (this.#isDraining) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#onSocketClosed(socket))
    this.#injector.injectConnection(socket)
  }

  drain(): Promise<void> {
    if (!this.#isDraining) this.#injector.drain(NO_GRACE_LIMIT_MS)
    this.#isDraining = true
    if (this.#sockets.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#drainWaiters.push(resolve))
  }

  close(): void {
    this.#isDraining = true
    for (const socket of this.#sockets) socket.destroy()
  }

  #onSocketClosed(socket: Duplex): void {
    this.#sockets.delete(socket)
    if (!this.#isDraining || this.#sockets.size > 0) return
    const waiters = this.#drainWaiters
    this.#drainWaiters = []
    for (const resolve of waiters) resolve()
  }

  #register(server: Server, method: Method): void {
    switch (method.kind) {
      case 'unary':
        server.register(method.path, this.#unary(method), sameBytes, sameBytes, 'unary')
        return
      case 'server-stream':
        server.register(
          method.path,
          this.#serverStream(method),
          sameBytes,
          sameBytes,
          'serverStream',
        )
        return
      case 'bidi':
        server.register(method.path, this.#bidi(method), sameBytes, sameBytes, 'bidi')
        return
      default:
        unreachable(method)
    }
  }

  #unary(method: MethodOf<'unary'>): handleUnaryCall<Buffer, Buffer> {
    return (call, callback) => {
      const context = new GrpcJsContext(call, method, this.#options)
      const { state } = context
      const fail = (thrown: unknown): void => {
        const { code, message } = state.statusOf(thrown)
        if (state.finish(code)) callback({ code, details: message })
      }
      const succeed = (response: unknown): void => {
        if (state.isFinished) return
        try {
          const bytes = state.encode(response)
          if (state.finish(STATUS.OK)) callback(null, bytes)
        } catch (thrown) {
          fail(thrown)
        }
      }
      try {
        const result = method.handle(state.decode(call.request), context)
        // A plain value is answered in this turn, without the microtasks of a promise.
        if (result instanceof Pending) result.listen({ onValue: succeed, onFailure: fail })
        else if (result instanceof Promise) result.then(succeed, fail)
        else succeed(result)
      } catch (thrown) {
        fail(thrown)
      }
    }
  }

  #serverStream(method: MethodOf<'server-stream'>): handleServerStreamingCall<Buffer, Buffer> {
    return (call) => {
      const context = new GrpcJsContext(call, method, this.#options)
      const responses = new GrpcJsResponseStream(call, context.state)
      try {
        method.handle(context.state.decode(call.request), responses, context)
      } catch (thrown) {
        responses.fail(context.state.statusOf(thrown))
      }
    }
  }

  #bidi(method: MethodOf<'bidi'>): handleBidiStreamingCall<Buffer, Buffer> {
    return (call) => {
      const context = new GrpcJsContext(call, method, this.#options)
      const responses = new GrpcJsResponseStream(call, context.state)
      const requests = new GrpcJsRequestStream(call, context.state, responses)
      try {
        method.handle(requests, responses, context)
      } catch (thrown) {
        responses.fail(context.state.statusOf(thrown))
      }
    }
  }

  #adjust(server: Server): void {
    const internals = server as unknown as ServerInternals
    const options = { ...ENGINE_DEFAULTS, ...this.#options }
    internals.commonServerOptions.maxHeaderListPairs = options.maxHeaderPairs
    internals.commonServerOptions.settings = {
      maxConcurrentStreams: options.maxConcurrentStreams,
      maxHeaderListSize: options.maxHeaderBytes,
    }
    const known = internals._retrieveHandler.bind(server)
    internals._retrieveHandler = (path) => known(path) ?? this.#unknown(path)
  }

  /** A handler for one call of a method that is not served. Bidi, because that starts at once. */
  #unknown(path: string): object {
    const func = (call: DuplexCall): void => {
      const { code, message } = unknownMethod(path, this.#services)
      call.emit('error', { code, details: message })
    }
    return { func, serialize: sameBytes, deserialize: sameBytes, type: 'bidi', path }
  }
}

function serverOptions(given: EngineOptions): Record<string, number> {
  const options = { ...ENGINE_DEFAULTS, ...given }
  return {
    'grpc.max_receive_message_length': options.maxReceiveBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': options.maxConcurrentStreams,
    'grpc.keepalive_time_ms': options.keepaliveMs,
    'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs,
    'grpc.enable_channelz': 0,
  }
}

function sameBytes(bytes: Buffer): Buffer {
  return bytes
}
