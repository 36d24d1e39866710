/** All that goes from this member to one other: its streams, calls and snapshot, and their state. */

import type { Clock, Logger, Random } from '../base/ports.ts'
import type { MemberId } from '../raft/types.ts'
import { Caller } from './caller.ts'
import type { Connection } from './connection.ts'
import type { MemberHello, Refusal, StreamKind } from './handshake.ts'
import type { PeerLimits, QueueLimits } from './limits.ts'
import { isBulk, type StreamMessage } from './message-codec.ts'
import type { PeerObserver } from './observer.ts'
import { OutgoingStream } from './outgoing-stream.ts'
import type { CallResult, OutgoingSnapshot, Peer } from './ports.ts'
import { OutgoingSnapshotStream } from './outgoing-snapshot-stream.ts'

export interface PeerLinkOptions {
  readonly clusterId: string
  readonly memberId: MemberId
  /** Its own. */
  readonly urls: readonly string[]
  readonly limits: PeerLimits
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly observer: PeerObserver
  readonly connections: Set<Connection>
  /** Their control stream to this member is connected. */
  readonly isHeard: (id: MemberId) => boolean
  readonly onUnreachable: (id: MemberId) => void
  /** The peer answered that this member has been removed. */
  readonly onRemoved: () => void
  /** Who listens at its URL is of another cluster. */
  readonly onForeign: (id: MemberId) => void
}

export class PeerLink {
  readonly #id: MemberId
  readonly #options: PeerLinkOptions
  #urls: readonly string[]
  readonly #control: OutgoingStream
  readonly #bulk: OutgoingStream
  readonly #caller: Caller
  #snapshot: OutgoingSnapshotStream | undefined
  #activeSinceMs: number | undefined
  /** Kinds of failures to connect that were logged since it was last connected. */
  readonly #toldFailures = new Set<Refusal | 'unreachable'>()
  #isStopped = false

  constructor(peer: Peer, options: PeerLinkOptions) {
    this.#id = peer.id
    this.#options = options
    this.#urls = peer.urls
    const { controlQueue, bulkQueue } = options.limits
    this.#control = this.#stream('messages', controlQueue)
    this.#bulk = this.#stream('append', bulkQueue)
    this.#caller = new Caller(peer.urls, {
      ...options,
      ...this.#traffic(),
      hello: this.#hello('call'),
    })
  }

  get activeSinceMs(): number | undefined {
    return this.#activeSinceMs
  }

  setUrls(urls: readonly string[]): void {
    if (urls.length === this.#urls.length && urls.every((url, i) => url === this.#urls[i])) return
    this.#urls = urls
    this.#control.setUrls(urls)
    this.#bulk.setUrls(urls)
    this.#caller.setUrls(urls)
  }

  send(message: StreamMessage): void {
    const stream = isBulk(message) ? this.#bulk : this.#control
    stream.send(message)
  }

  call(request: Uint8Array, timeoutMs: number): Promise<CallResult> {
    return this.#caller.call(request, timeoutMs)
  }

  async sendSnapshot(snapshot: OutgoingSnapshot): Promise<boolean> {
    const { observer, clock, logger } = this.#options
    if (this.#snapshot !== undefined) {
      logger.warn('a snapshot is already on its way to this peer', { 'remote-peer-id': this.#id })
      await snapshot.records[Symbol.asyncIterator]().return?.()
      return false
    }
    const options = { ...this.#options, ...this.#traffic(), hello: this.#hello('snapshot') }
    const sender = new OutgoingSnapshotStream(snapshot, options)
    this.#snapshot = sender
    observer.onSnapshotSendStarted(this.#id)
    const startMs = clock.nowMs()
    const ok = await sender.send(this.#urls)
    this.#snapshot = undefined
    observer.onSnapshotSendEnded(this.#id, ok, (clock.nowMs() - startMs) / 1000)
    return ok
  }

  /** Whether both directions are connected may have changed. */
  updateActivity(reason: string): void {
    const { clock, isHeard, logger, memberId, observer } = this.#options
    const isActive = !this.#isStopped && this.#control.isConnected && isHeard(this.#id)
    if (isActive === (this.#activeSinceMs !== undefined)) return
    const fields = { 'local-member-id': memberId, 'peer-id': this.#id }
    if (isActive) {
      this.#activeSinceMs = clock.nowMs()
      this.#toldFailures.clear()
      logger.info('peer became active', fields)
      observer.onActive(this.#id)
      return
    }
    this.#activeSinceMs = undefined
    if (!this.#isStopped) {
      logger.warn('peer became inactive (message send to peer failed)', {
        ...fields,
        error: reason,
      })
    }
    observer.onInactive(this.#id)
  }

  /** `stopped`: the whole transport ends. `gone`: this peer is none any more. */
  stop(why: 'stopped' | 'gone'): void {
    this.#isStopped = true
    this.#control.stop()
    this.#bulk.stop()
    this.#caller.stop(why === 'stopped' ? 'stopped' : 'unreachable')
    this.#snapshot?.cancel(why)
    this.updateActivity(why)
  }

  #stream(kind: 'messages' | 'append', queue: QueueLimits): OutgoingStream {
    const { observer } = this.#options
    return new OutgoingStream(
      this.#urls,
      { ...this.#options, queue, hello: this.#hello(kind) },
      {
        onConnected: () => this.updateActivity(''),
        onBroken: (reason) => this.#onBroken(kind, reason),
        onDialFailed: (url, refusal, reason) => this.#onDialFailed(url, refusal, reason),
        onDropped: (count) => {
          if (count > 0 && !this.#isStopped) observer.onSendFailures(this.#id, count)
        },
        onUnreachable: () => {
          if (!this.#isStopped) this.#options.onUnreachable(this.#id)
        },
        onRoundTrip: (seconds) => {
          if (kind === 'messages') observer.onRoundTrip(this.#id, seconds)
        },
        ...this.#traffic(),
      },
    )
  }

  #traffic(): { onSent(bytes: number): void; onReceived(bytes: number): void } {
    const { observer } = this.#options
    return {
      onSent: (bytes) => observer.onSent(this.#id, bytes),
      onReceived: (bytes) => observer.onReceived(this.#id, bytes),
    }
  }

  #hello<Kind extends StreamKind>(kind: Kind): MemberHello & { readonly kind: Kind } {
    const { clusterId, memberId, urls } = this.#options
    return { kind, clusterId, from: memberId, to: this.#id, urls }
  }

  #onBroken(kind: StreamKind, reason: string): void {
    if (this.#isStopped) return
    if (kind === 'messages') {
      // The other connections lead to the same place: they are as good as this one was.
      this.#bulk.close(reason)
      this.#caller.close(reason)
    }
    this.updateActivity(reason)
  }

  #onDialFailed(url: string, refusal: Refusal | undefined, reason: string): void {
    const { logger, memberId, onRemoved, onForeign } = this.#options
    const failure = refusal ?? 'unreachable'
    if (!this.#toldFailures.has(failure)) {
      this.#toldFailures.add(failure)
      const fields = { 'local-member-id': memberId, 'remote-peer-id': this.#id }
      logger.warn('failed to connect to a peer', { ...fields, url, error: reason })
    }
    if (refusal === 'removed') onRemoved()
    if (refusal === 'wrong-cluster') onForeign(this.#id)
  }
}
