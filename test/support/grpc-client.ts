/**
 * An independent gRPC client for the tests: the .proto files read at run time by another library
 * than the server's codec, so that a mistake in one does not hide in the other.
 *
 * Messages are plain objects: 64-bit integers as decimal strings, bytes as Buffers, enums as names
 * (unknown ones as numbers), absent scalars with their defaults, absent messages null, and for each
 * oneof a field of its name that tells which member is set.
 */

import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { PackageDefinition } from '@grpc/proto-loader'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// A response is whatever the server sent: tests look into it and compare it.
// eslint-disable-next-line typescript/no-explicit-any
export type Message = Record<string, any>

export type CallResult =
  { ok: true; response: Message } | { ok: false; code: number; message: string }

export interface CallOptions {
  readonly deadlineMs?: number
  readonly metadata?: Readonly<Record<string, string>>
}

export interface OpenCall {
  readonly result: Promise<CallResult>
  cancel(): void
}

/** Full method paths to definitions, from every .proto file in the folder. */
export function loadMethods(): ReadonlyMap<string, grpc.MethodDefinition<Message, Message>> {
  const methods = new Map<string, grpc.MethodDefinition<Message, Message>>()
  for (const definition of Object.values(loadProtos())) {
    if (definition.format !== undefined) continue // a message or an enum, not a service
    for (const method of Object.values(definition as grpc.ServiceDefinition)) {
      methods.set(method.path, method as grpc.MethodDefinition<Message, Message>)
    }
  }
  return methods
}

function loadProtos(): PackageDefinition {
  const folder =
    process.env['QUORATE_TEST_PROTO'] ?? fileURLToPath(new URL('../../proto', import.meta.url))
  const files = existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String) : []
  const protos = files.filter((file) => file.endsWith('.proto')).toSorted()
  if (protos.length === 0) throw new Error(`no .proto files in ${folder}`)
  return loadSync(protos, {
    includeDirs: [folder],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  })
}

export class GrpcClient {
  readonly #client: grpc.Client
  readonly #methods = loadMethods()

  /** `endpoint` is host:port. A large limit on both sides, so that only the server's limits count. */
  constructor(endpoint: string) {
    this.#client = new grpc.Client(endpoint, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 500,
    })
  }

  /** `method` as in "KV.Range" (package etcdserverpb) or a full "/package.Service/Method". */
  async call(method: string, request: Message, options: CallOptions = {}): Promise<CallResult> {
    return await this.begin(method, request, options).result
  }

  /** A call that the test goes on beside, and may cancel. */
  begin(method: string, request: Message, options: CallOptions = {}): OpenCall {
    const definition = this.#definition(method)
    let call: grpc.ClientUnaryCall | undefined
    const result = new Promise<CallResult>((resolve) => {
      call = this.#client.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
        metadataOf(options),
        callOptions(options),
        (error, response) => {
          if (error !== null) resolve({ ok: false, code: error.code, message: error.details })
          else resolve({ ok: true, response: response ?? {} })
        },
      )
    })
    return { result, cancel: () => call?.cancel() }
  }

  /** The response of a call that must succeed. */
  async ok(method: string, request: Message, options: CallOptions = {}): Promise<Message> {
    const result = await this.call(method, request, options)
    if (result.ok) return result.response
    throw new Error(`${method} failed with ${result.code}: ${result.message}`)
  }

  /** A bidirectional stream, or a server stream with one request written and half-closed. */
  stream(method: string, ...requests: readonly Message[]): TestStream {
    return this.#open(method, requests, {})
  }

  /** A stream that may stay open longer than a call. */
  longStream(method: string, deadlineMs: number, ...requests: readonly Message[]): TestStream {
    return this.#open(method, requests, { deadlineMs })
  }

  /** A unary call with raw bytes to any path, for methods that no .proto knows. */
  async raw(path: string, body: Buffer): Promise<CallResult> {
    return await new Promise((resolve) => {
      const same = (bytes: Buffer): Buffer => bytes
      this.#client.makeUnaryRequest(path, same, same, body, callOptions({}), (error, bytes) => {
        if (error !== null) resolve({ ok: false, code: error.code, message: error.details })
        else resolve({ ok: true, response: { bytes } })
      })
    })
  }

  close(): void {
    this.#client.close()
  }

  #open(method: string, requests: readonly Message[], options: CallOptions): TestStream {
    const definition = this.#definition(method)
    const deadline = callOptions(options)
    if (definition.requestStream) {
      const call = this.#client.makeBidiStreamRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        new grpc.Metadata(),
        deadline,
      )
      for (const request of requests) call.write(request)
      return new TestStream(call)
    }
    const call = this.#client.makeServerStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      requests[0] ?? {},
      new grpc.Metadata(),
      deadline,
    )
    return new TestStream(call)
  }

  #definition(method: string): grpc.MethodDefinition<Message, Message> {
    const path = method.startsWith('/') ? method : `/etcdserverpb.${method.replace('.', '/')}`
    const definition = this.#methods.get(path)
    if (definition === undefined) throw new Error(`no method ${path} in the .proto files`)
    return definition
  }
}

/** A stream's messages, one at a time, and its end. */
export class TestStream {
  readonly #call: grpc.ClientReadableStream<Message> & {
    write?(message: Message): boolean
    end?(): void
  }
  readonly #messages: Message[] = []
  #wake: (() => void) | undefined
  readonly ended: Promise<{ code: number; message: string }>

  constructor(call: grpc.ClientReadableStream<Message>) {
    this.#call = call
    call.on('data', (message: Message) => {
      this.#messages.push(message)
      this.#wake?.()
    })
    this.ended = new Promise((resolve) => {
      call.on('error', () => undefined) // the status tells the same
      call.on('status', (status: grpc.StatusObject) => {
        resolve({ code: status.code, message: status.details })
      })
    })
  }

  write(message: Message): void {
    this.#call.write?.(message)
  }

  /** The next message, or the status when the stream ends first. */
  async next(): Promise<Message | { code: number; message: string }> {
    const ready = this.#messages.shift()
    if (ready !== undefined) return ready
    const arrived = new Promise<'arrived'>((resolve) => {
      this.#wake = () => resolve('arrived')
    })
    const winner = await Promise.race([arrived, this.ended])
    this.#wake = undefined
    return this.#messages.shift() ?? (winner as { code: number; message: string })
  }

  /** Nothing more will be written; answers still come. */
  halfClose(): void {
    this.#call.end?.()
  }

  /** Stops reading: the connection's windows fill up. */
  pause(): void {
    this.#call.pause()
  }

  resume(): void {
    this.#call.resume()
  }

  cancel(): void {
    this.#call.cancel()
  }
}

function metadataOf(options: CallOptions): grpc.Metadata {
  const metadata = new grpc.Metadata()
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value)
  return metadata
}

function callOptions(options: CallOptions): grpc.CallOptions {
  return { deadline: Date.now() + (options.deadlineMs ?? 15_000) }
}
