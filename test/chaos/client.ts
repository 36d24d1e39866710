/** A gRPC client of one member: Node's own gRPC library, with the project's messages. */

import * as grpc from '@grpc/grpc-js'
import {
  decodeCompactionResponse,
  decodeDeleteRangeResponse,
  decodeLeaseGrantResponse,
  decodeLeaseKeepAliveResponse,
  decodeLeaseRevokeResponse,
  decodeLeaseTimeToLiveResponse,
  decodePutResponse,
  decodeRangeResponse,
  decodeTxnResponse,
  decodeWatchResponse,
  encodeCompactionRequest,
  encodeDeleteRangeRequest,
  encodeLeaseGrantRequest,
  encodeLeaseKeepAliveRequest,
  encodeLeaseRevokeRequest,
  encodeLeaseTimeToLiveRequest,
  encodePutRequest,
  encodeRangeRequest,
  encodeTxnRequest,
  encodeWatchRequest,
  type WatchRequestInput,
  type WatchResponse,
} from '../../src/rpc/codec/etcdserverpb.ts'
import {
  decodeLockResponse,
  decodeUnlockResponse,
  encodeLockRequest,
  encodeUnlockRequest,
} from '../../src/rpc/codec/v3lockpb.ts'
import type { Request } from '../sim/check/history.ts'
import type { Answer } from '../sim/outcome.ts'
import { wireCall } from '../sim/wire.ts'

interface ClientCodec {
  encode(message: object): Buffer
  decode(bytes: Buffer): object
}

const CODECS = new Map<string, ClientCodec>([
  ['KV.Put', codec(encodePutRequest, decodePutResponse)],
  ['KV.Range', codec(encodeRangeRequest, decodeRangeResponse)],
  ['KV.DeleteRange', codec(encodeDeleteRangeRequest, decodeDeleteRangeResponse)],
  ['KV.Txn', codec(encodeTxnRequest, decodeTxnResponse)],
  ['KV.Compact', codec(encodeCompactionRequest, decodeCompactionResponse)],
  ['Lease.LeaseGrant', codec(encodeLeaseGrantRequest, decodeLeaseGrantResponse)],
  ['Lease.LeaseRevoke', codec(encodeLeaseRevokeRequest, decodeLeaseRevokeResponse)],
  ['Lease.LeaseTimeToLive', codec(encodeLeaseTimeToLiveRequest, decodeLeaseTimeToLiveResponse)],
  ['/v3lockpb.Lock/Lock', codec(encodeLockRequest, decodeLockResponse)],
  ['/v3lockpb.Lock/Unlock', codec(encodeUnlockRequest, decodeUnlockResponse)],
])
const KEEP_ALIVE = codec(encodeLeaseKeepAliveRequest, decodeLeaseKeepAliveResponse)
const WATCH = codec(encodeWatchRequest, decodeWatchResponse)

export class ChaosClient {
  readonly #client: grpc.Client

  /** `endpoint` is host:port. Connects with the first call, and again after a break. */
  constructor(endpoint: string) {
    this.#client = new grpc.Client(endpoint, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 300,
    })
  }

  async ask(request: Request, timeoutMs: number): Promise<Answer> {
    if (request.type === 'lease-keep-alive') return await this.#renew(request.lease, timeoutMs)
    const { method, message } = wireCall(request)
    const messages = CODECS.get(method)!
    const path = method.startsWith('/') ? method : `/etcdserverpb.${method.replace('.', '/')}`
    return await new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        path,
        messages.encode,
        messages.decode,
        message,
        new grpc.Metadata(),
        { deadline: Date.now() + timeoutMs },
        (error, response) => resolve(error === null ? answered(response) : failed(error)),
      )
    })
  }

  watch(
    onResponse: (response: WatchResponse) => void,
    onEnd: () => void,
  ): { write(request: WatchRequestInput): void; cancel(): void } {
    const call = this.#client.makeBidiStreamRequest<object, object>(
      '/etcdserverpb.Watch/Watch',
      WATCH.encode,
      WATCH.decode,
    )
    call.on('data', (response: WatchResponse) => onResponse(response))
    call.on('error', () => undefined) // the status tells the same
    call.on('status', onEnd)
    return {
      write: (request) => void call.write(request),
      cancel: () => call.cancel(),
    }
  }

  close(): void {
    this.#client.close()
  }

  /** On a stream of its own, as clients that renew a lease once do it. */
  async #renew(lease: bigint, timeoutMs: number): Promise<Answer> {
    return await new Promise((resolve) => {
      const call = this.#client.makeBidiStreamRequest<object, object>(
        '/etcdserverpb.Lease/LeaseKeepAlive',
        KEEP_ALIVE.encode,
        KEEP_ALIVE.decode,
        new grpc.Metadata(),
        { deadline: Date.now() + timeoutMs },
      )
      call.on('data', (response: object) => {
        resolve(answered(response))
        call.cancel()
      })
      call.on('error', (error: grpc.ServiceError) => resolve(failed(error)))
      call.on('end', () => resolve({ type: 'broken' }))
      call.write({ id: lease })
      call.end()
    })
  }
}

function codec<Message, Response extends object>(
  encode: (message: Message) => Uint8Array,
  decode: (bytes: Uint8Array) => Response,
): ClientCodec {
  return {
    encode: (message) => Buffer.from(encode(message as Message)),
    decode,
  }
}

function answered(response: object | undefined): Answer {
  return { type: 'answered', response: response ?? {} }
}

/** Without a connection nothing was sent. All else may have been heard. */
function failed({ code, details }: grpc.ServiceError): Answer {
  if (details.startsWith('No connection established')) return { type: 'unreachable' }
  if (code === grpc.status.DEADLINE_EXCEEDED) return { type: 'timeout' }
  return { type: 'refused', message: details }
}
