/**
 * One call of Watch: the client's requests go to its stream of watches, and what the stream says
 * goes to the client, as fast as that reads. While it does not read, nothing is taken from the
 * stream's queue, and no further requests are read from it.
 *
 *     requests ─► WatchStream (hub) ─► its queue ─► flush ─► engine
 */

import { keyRange } from '../base/key-range.ts'
import { ZERO_KEY } from '../base/key.ts'
import type { WatchHub } from '../mvcc/watch-hub.ts'
import type { WatchStream } from '../mvcc/watch-stream.ts'
import {
  WatchCreateRequest_FilterType as FilterType,
  decodeWatchRequest,
  type WatchCreateRequest,
  type WatchRequest,
} from '../rpc/codec/etcdserverpb.ts'
import type { RequestStream, ResponseStream } from '../rpc/engine.ts'
import { CodecError } from '../rpc/codec/wire.ts'
import { STATUS, StatusError } from '../rpc/status.ts'
import type { WatchResponses } from './watch-response.ts'

/** What an engine holds of a stream that is read slowly: it stops taking more at this much. */
const ENGINE_QUEUE_BYTES = 64 * 1024

export interface WatchCallParts {
  readonly hub: WatchHub
  readonly responses: WatchResponses
  /** The call has something to send: `flush` is to be called, later in this turn or soon after. */
  readonly onOutput: (call: WatchCall) => void
  /** The first watch that wants progress notifications was created. */
  readonly onProgressWanted: (call: WatchCall) => void
  readonly onSentEvents: (count: number) => void
}

export class WatchCall {
  readonly stream: WatchStream
  readonly #parts: WatchCallParts
  readonly #requests: RequestStream<Uint8Array>
  readonly #engine: ResponseStream<Uint8Array>
  #isBlocked = false
  #isClosed = false
  #wantsProgress = false

  constructor(
    parts: WatchCallParts,
    requests: RequestStream<Uint8Array>,
    engine: ResponseStream<Uint8Array>,
  ) {
    this.#parts = parts
    this.#requests = requests
    this.#engine = engine
    this.stream = parts.hub.open(() => {
      if (!this.#isBlocked) parts.onOutput(this)
    })
    // A client that has asked for all it wants goes on listening: half-close ends nothing.
    requests.onEnd(() => undefined)
    engine.onDrain(() => this.#onDrain())
  }

  /**
   * Takes one request; false when it is malformed, which ends the call. Why the bytes are decoded
   * here and not by the engine: the stream's watches have to go with the call.
   */
  receive(bytes: Uint8Array): boolean {
    if (this.#isClosed) return true
    try {
      this.#onRequest(decodeWatchRequest(bytes))
      return true
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      const message = `grpc: error unmarshalling request: ${error.message}`
      this.fail(new StatusError(STATUS.INTERNAL, message))
      return false
    }
  }

  /** Sends what the stream has to say, until the client is behind. */
  flush(): void {
    while (!this.#isBlocked && !this.#isClosed) {
      const output = this.stream.take()
      if (output === undefined) return
      if (output.type === 'events') this.#parts.onSentEvents(output.events.length)
      let hasRoom = true
      for (const message of this.#parts.responses.encode(output)) {
        hasRoom = this.#engine.send(message)
      }
      if (!hasRoom) this.#block()
    }
  }

  /** The client has gone away. */
  close(): void {
    this.#isClosed = true
    this.stream.close()
  }

  /** Ends the call from this side. */
  fail(error: StatusError): void {
    this.close()
    this.#engine.fail(error)
  }

  #block(): void {
    this.#isBlocked = true
    this.stream.hold(ENGINE_QUEUE_BYTES)
    this.#requests.pause()
  }

  #onDrain(): void {
    if (this.#isClosed) return
    this.#isBlocked = false
    this.stream.hold(0)
    this.#requests.resume()
    this.flush()
  }

  #onRequest({ requestUnion }: WatchRequest): void {
    switch (requestUnion?.case) {
      case 'createRequest':
        return this.#create(requestUnion.value)
      case 'cancelRequest':
        return this.stream.cancel(requestUnion.value.watchId)
      case 'progressRequest':
        return this.stream.requestProgress()
      case undefined:
        // As in etcd: a request of no known kind is no reason to end the watches.
        return
    }
  }

  #create(request: WatchCreateRequest): void {
    const { startRevision, filters, prevKv, progressNotify, fragment } = request
    // No key is the smallest one, which no range can begin before.
    const key = request.key.length === 0 ? ZERO_KEY : request.key
    this.stream.create(request.watchId, {
      range: keyRange(key, request.rangeEnd),
      startRevision,
      withoutPuts: filters.includes(FilterType.NOPUT),
      withoutDeletes: filters.includes(FilterType.NODELETE),
      withPrevious: prevKv,
      progressNotify,
      fragment,
    })
    if (!progressNotify || this.#wantsProgress) return
    this.#wantsProgress = true
    this.#parts.onProgressWanted(this)
  }
}
