/** A client with one watch of everything, that takes as much as the test lets it. */

import { decodeKeyValue } from '../../../src/mvcc/kv.ts'
import {
  decodeWatchResponse,
  encodeWatchRequest,
  type WatchCreateRequestInput,
} from '../../../src/rpc/codec/etcdserverpb.ts'
import type { RequestStream, ResponseStream } from '../../../src/rpc/engine.ts'
import type { StatusError } from '../../../src/rpc/status.ts'
import { Caller } from './recipe-bench.ts'
import { k, text } from './requests.ts'
import type { TestMember } from './test-cluster.ts'

export interface SeenEvent {
  readonly revision: number
  readonly key: string
  /** Undefined for a delete. */
  readonly value: string | undefined
}

export class WatchClient
  extends Caller
  implements RequestStream<Uint8Array>, ResponseStream<Uint8Array>
{
  readonly events: SeenEvent[] = []
  /** Runs for each event as it comes. */
  onEvent: (event: SeenEvent) => void = () => undefined
  reads = true
  failed: StatusError | undefined
  created = 0
  /** Set when the watch ended because of a compaction. */
  compactRevision: number | undefined
  isCanceled = false
  #onMessage: (bytes: Uint8Array) => void = () => undefined
  #onDrain: () => void = () => undefined

  constructor({ test }: TestMember, fields: WatchCreateRequestInput = {}) {
    super()
    test.bidi<Uint8Array, Uint8Array>('/etcdserverpb.Watch/Watch', this, this, this)
    const value = { key: k('\0'), rangeEnd: k('\0'), ...fields }
    this.#onMessage(encodeWatchRequest({ requestUnion: { case: 'createRequest', value } }))
  }

  /** As "key=value@revision", and "-key@revision" for a delete. */
  get story(): string[] {
    return this.events.map(({ key, value, revision }) =>
      value === undefined ? `-${key}@${revision}` : `${key}=${value}@${revision}`,
    )
  }

  onMessage(listener: (bytes: Uint8Array) => void): void {
    this.#onMessage = listener
  }
  onEnd(): void {
    return undefined
  }
  pause(): void {
    return undefined
  }
  resume(): void {
    return undefined
  }

  send(bytes: Uint8Array): boolean {
    const { created, canceled, compactRevision, events } = decodeWatchResponse(bytes)
    if (created) this.created++
    if (canceled) {
      this.isCanceled = true
      if (compactRevision > 0) this.compactRevision = compactRevision
    }
    for (const { type, kv } of events) {
      const { key, value, modRevision } = decodeKeyValue(kv ?? new Uint8Array(0))
      const seen = { revision: modRevision, key, value: type === 0 ? text(value) : undefined }
      this.events.push(seen)
      this.onEvent(seen)
    }
    return this.reads
  }
  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }
  drain(): void {
    this.reads = true
    this.#onDrain()
  }
  end(): void {
    throw new Error('a watch never ends well')
  }
  fail(error: StatusError): void {
    this.failed = error
  }
}
