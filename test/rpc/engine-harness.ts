/** An engine behind a listener on a free port, and clients that send and receive plain bytes. */

import * as grpc from '@grpc/grpc-js'
import { connect, type Socket } from 'node:net'
import type { Logger } from '../../src/base/ports.ts'
import { CodecError } from '../../src/rpc/codec/wire.ts'
import type { Codec, Engine, EngineOptions, Method } from '../../src/rpc/engine.ts'
import { Listener, type ListenerLimits } from '../../src/rpc/listener.ts'

export type EngineFactory = (methods: readonly Method[], options: EngineOptions) => Engine

/** Text both ways; bytes that begin with 0xff are malformed. */
export const TEXT_CODEC: Codec<string, string> = {
  decode: (bytes) => {
    if (bytes[0] === 0xff) throw new CodecError('not text')
    return Buffer.from(bytes).toString()
  },
  encode: (text) => Buffer.from(text),
}

export interface LogLine {
  readonly level: string
  readonly message: string
}

export function recordingLogger(lines: LogLine[]): Logger {
  const at = (level: string) => (message: string) => void lines.push({ level, message })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

export interface Finished {
  readonly path: string
  readonly code: number
  readonly receivedBytes: number
  readonly sentBytes: number
}

export interface Status {
  readonly code: number
  readonly message: string
}

export class EngineHarness {
  readonly engine: Engine
  readonly listener: Listener
  readonly log: LogLine[]
  readonly started: string[]
  readonly finished: Finished[]
  readonly #clients: TextClient[] = []
  readonly #sockets: Socket[] = []

  private constructor(engine: Engine, listener: Listener, records: Records) {
    this.engine = engine
    this.listener = listener
    this.log = records.log
    this.started = records.started
    this.finished = records.finished
  }

  static async start(
    factory: EngineFactory,
    methods: readonly Method[],
    options: Partial<EngineOptions> = {},
    limits: Partial<ListenerLimits> = {},
  ): Promise<EngineHarness> {
    const records: Records = { log: [], started: [], finished: [] }
    const logger = recordingLogger(records.log)
    // What came and went since the last call ended: exact where calls follow one another.
    let receivedBytes = 0
    let sentBytes = 0
    const observer = {
      onStarted: (path: string) => void records.started.push(path),
      onReceived: (_path: string, _kind: Method['kind'], bytes: number) => {
        receivedBytes += bytes
      },
      onSent: (_path: string, _kind: Method['kind'], bytes: number) => {
        sentBytes += bytes
      },
      onFinished: (path: string, _kind: Method['kind'], code: number) => {
        records.finished.push({ path, code, receivedBytes, sentBytes })
        receivedBytes = 0
        sentBytes = 0
      },
    }
    const engine = factory(methods, {
      logger,
      observer,
      maxReceiveBytes: 2 * 1024 * 1024,
      ...options,
    })
    const result = await Listener.listen(
      { host: '127.0.0.1', port: 0 },
      {
        engine,
        logger,
        limits,
        onRequest: (request, response) => void response.end(`${request.method} ${request.url}\n`),
      },
    )
    if (!result.ok) throw new Error(result.message)
    return new EngineHarness(engine, result.listener, records)
  }

  /** A client with a connection of its own. */
  client(): TextClient {
    const client = new TextClient(`127.0.0.1:${this.listener.port}`)
    this.#clients.push(client)
    return client
  }

  /** A plain socket; its errors are its own. */
  socket(): Socket {
    const socket = connect(this.listener.port, '127.0.0.1')
    socket.on('error', () => undefined)
    this.#sockets.push(socket)
    return socket
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close()
    for (const socket of this.#sockets) socket.destroy()
    await this.listener.close(0)
    this.engine.close()
  }
}

interface Records {
  readonly log: LogLine[]
  readonly started: string[]
  readonly finished: Finished[]
}

const SAME = (bytes: Buffer): Buffer => bytes

export class TextClient {
  readonly grpc: grpc.Client

  constructor(endpoint: string) {
    this.grpc = new grpc.Client(endpoint, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
    })
  }

  /** The response's text, or the status. */
  call(
    path: string,
    request: string | Buffer,
    options: { deadlineMs?: number; metadata?: grpc.Metadata } = {},
  ): Promise<string | Status> {
    return new Promise((resolve) => {
      const deadline = Date.now() + (options.deadlineMs ?? 20_000)
      this.grpc.makeUnaryRequest(
        path,
        SAME,
        SAME,
        Buffer.from(request),
        options.metadata ?? new grpc.Metadata(),
        { deadline },
        (error, response) => {
          if (error !== null) resolve({ code: error.code, message: error.details })
          else resolve(response!.toString())
        },
      )
    })
  }

  serverStream(path: string, request: string): grpc.ClientReadableStream<Buffer> {
    return this.grpc.makeServerStreamRequest(path, SAME, SAME, Buffer.from(request))
  }

  bidi(path: string): grpc.ClientDuplexStream<Buffer, Buffer> {
    return this.grpc.makeBidiStreamRequest(path, SAME, SAME)
  }

  close(): void {
    this.grpc.close()
  }
}

/** Everything a stream brings, and how it ends. */
export function collect(
  stream: grpc.ClientReadableStream<Buffer>,
): Promise<{ readonly messages: string[]; readonly status: Status }> {
  const messages: string[] = []
  stream.on('data', (bytes: Buffer) => void messages.push(bytes.toString()))
  stream.on('error', () => undefined)
  return new Promise((resolve) => {
    stream.on('status', ({ code, details }) => {
      resolve({ messages, status: { code, message: details } })
    })
  })
}

/** A promise and what fulfils it. */
export function deferred<Value = void>(): {
  readonly promise: Promise<Value>
  readonly resolve: (value: Value) => void
} {
  let resolve: (value: Value) => void = () => undefined
  const promise = new Promise<Value>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
