/**
 * Takes one state that comes in on a connection, at the pace of its sink, and checks it.
 *
 *     head ── checkpoint whole ──> records … ── tail right ──> finishing ──> done
 *       └───────────────┴─────────────┴──── broken or wrong ──> aborted
 */

import { createHash, type Hash } from 'node:crypto'
import { AssertionError } from '../base/assert.ts'
import type { BackendRecord, Clock, LogFields, Logger } from '../base/ports.ts'
import type { Connection } from './connection.ts'
import { dataFrame } from './frame.ts'
import type { PeerLimits } from './limits.ts'
import type { Route } from './message-codec.ts'
import type { SnapshotSink, TransportEvents } from './ports.ts'
import {
  decodePart,
  DIGEST_ALGORITHM,
  packedVerdict,
  type SnapshotHead,
  type SnapshotPart,
  type SnapshotTail,
} from './snapshot-codec.ts'

export interface IncomingSnapshotStreamOptions {
  readonly route: Route
  readonly limits: PeerLimits
  readonly clock: Clock
  readonly logger: Logger
  readonly onSnapshot: TransportEvents['onSnapshot']
  /** The sender breaks the protocol. */
  onMalformed(): void
  /** A sink took it up. */
  onStarted(): void
  /** Once after `onStarted`, when the sink has finished or aborted. */
  onEnded(ok: boolean, seconds: number): void
}

export class IncomingSnapshotStream {
  readonly #connection: Connection
  readonly #options: IncomingSnapshotStreamOptions
  readonly #hash: Hash = createHash(DIGEST_ALGORITHM)
  readonly #startMs: number
  #head: SnapshotHead | undefined
  #checkpoint: Uint8Array[] = []
  #checkpointBytes = 0
  #sink: SnapshotSink | undefined
  /** A call of the sink is under way. */
  #isBusy = false
  /** Nothing that comes now matters. */
  #isOver = false
  #records = 0
  #recordBytes = 0
  /** As they were at the last tick. */
  #tickRecordBytes = 0
  #ticks = 0
  #resolveEnded: () => void = () => undefined
  /** Resolves when the connection is done with and no call of the sink is under way. */
  readonly ended: Promise<void> = new Promise((resolve) => (this.#resolveEnded = resolve))

  constructor(connection: Connection, options: IncomingSnapshotStreamOptions) {
    this.#connection = connection
    this.#options = options
    this.#startMs = options.clock.nowMs()
  }

  onFrame(body: Uint8Array): void {
    if (this.#isOver) return
    const part = decodePart(body, this.#options.route)
    if (part === undefined) {
      this.#closeMalformed('malformed part of a snapshot')
      return
    }
    if (part.type === 'tail') this.#onTail(part)
    else {
      this.#hash.update(body)
      this.#onPart(part)
    }
  }

  onTick(): void {
    if (this.#sink === undefined || this.#isOver) return
    // Only while it gets on: a sender need not wait for a sink that hangs.
    if (this.#recordBytes > this.#tickRecordBytes) this.#connection.sendSign()
    this.#tickRecordBytes = this.#recordBytes
    if (++this.#ticks % this.#options.limits.progressTicks === 0) {
      this.#log('info', 'still receiving a snapshot from a peer')
    }
  }

  /** The connection is gone. */
  onClosed(reason: string): void {
    if (this.#sink === undefined) {
      if (!this.#isOver) this.#log('warn', 'failed to receive a snapshot from a peer', { reason })
      this.#isOver = true
      this.#resolveEnded()
    } else if (!this.#isOver) void this.#abort(this.#sink, reason)
  }

  #onPart(part: Exclude<SnapshotPart, { readonly type: 'tail' }>): void {
    const isExpected =
      part.type === 'head'
        ? this.#head === undefined
        : this.#head !== undefined && (part.type === 'records') === (this.#sink !== undefined)
    if (!isExpected) this.#closeMalformed(`unexpected part of a snapshot: ${part.type}`)
    else if (part.type === 'head') this.#onHead(part)
    else if (part.type === 'checkpoint') this.#onCheckpoint(part.piece)
    else this.#onRecords(part.records)
  }

  #closeMalformed(reason: string): void {
    this.#options.onMalformed()
    this.#connection.close(reason)
  }

  #onHead(head: SnapshotHead): void {
    if (head.checkpointBytes > this.#options.limits.maxCheckpointBytes) {
      this.#closeMalformed(`checkpoint of ${head.checkpointBytes} bytes`)
      return
    }
    this.#head = head
    if (head.checkpointBytes === 0) this.#begin(head)
  }

  #onCheckpoint(piece: Uint8Array): void {
    const expected = this.#head?.checkpointBytes ?? 0
    this.#checkpoint.push(piece)
    this.#checkpointBytes += piece.length
    if (this.#checkpointBytes > expected) this.#closeMalformed('the checkpoint is too long')
    else if (this.#checkpointBytes === expected && this.#head !== undefined) this.#begin(this.#head)
  }

  #begin({ message, bytes }: SnapshotHead): void {
    const checkpoint = Buffer.concat(this.#checkpoint)
    this.#checkpoint = []
    const sink = this.#options.onSnapshot(message, checkpoint, bytes)
    if (sink === undefined) {
      this.#isOver = true
      this.#log(
        'info',
        'refused a snapshot from a peer: another one is being received or installed',
      )
      this.#answer('refused')
      return
    }
    this.#sink = sink
    this.#log('info', 'receiving a snapshot from a peer')
    this.#options.onStarted()
    // Whoever takes it up may have stopped the transport.
    if (this.#connection.isClosed) this.onClosed('closed')
    else this.#connection.send(dataFrame(packedVerdict('go')))
  }

  #onRecords(records: readonly BackendRecord[]): void {
    this.#records += records.length
    for (const { key, value } of records) this.#recordBytes += key.length + value.length
    if (this.#sink !== undefined) void this.#write(this.#sink, records)
  }

  async #write(sink: SnapshotSink, records: readonly BackendRecord[]): Promise<void> {
    this.#connection.pause()
    this.#isBusy = true
    const isWritten = await succeeds(sink.write(records))
    this.#isBusy = false
    if (this.#isOver) await this.#finishAbort(sink)
    else if (isWritten) this.#connection.resume()
    else await this.#fail(sink, 'it cannot be written')
  }

  #onTail(tail: SnapshotTail): void {
    const sink = this.#sink
    if (sink === undefined) {
      this.#closeMalformed('unexpected part of a snapshot: tail')
      return
    }
    const digest = this.#hash.digest()
    const isWhole =
      digest.equals(tail.digest) &&
      tail.records === this.#records &&
      tail.recordBytes === this.#recordBytes
    void (isWhole ? this.#finish(sink) : this.#fail(sink, 'its digest is wrong'))
  }

  async #finish(sink: SnapshotSink): Promise<void> {
    // From here on it stands, even if the connection breaks.
    this.#isOver = true
    if (!(await succeeds(sink.finish()))) {
      await this.#fail(sink, 'it cannot be made durable')
      return
    }
    this.#log('info', 'received a snapshot from a peer')
    this.#end(true)
    this.#answer('done')
  }

  async #fail(sink: SnapshotSink, reason: string): Promise<void> {
    this.#answer('failed')
    await this.#abort(sink, reason)
  }

  async #abort(sink: SnapshotSink, reason: string): Promise<void> {
    this.#isOver = true
    this.#log('warn', 'failed to receive a snapshot from a peer', { reason })
    // Otherwise whoever waits for the sink does it.
    if (!this.#isBusy) await this.#finishAbort(sink)
  }

  async #finishAbort(sink: SnapshotSink): Promise<void> {
    await succeeds(sink.abort())
    this.#end(false)
  }

  #end(ok: boolean): void {
    this.#options.onEnded(ok, (this.#options.clock.nowMs() - this.#startMs) / 1000)
    this.#resolveEnded()
  }

  #answer(verdict: 'refused' | 'done' | 'failed'): void {
    this.#connection.send(dataFrame(packedVerdict(verdict)))
    this.#connection.end()
  }

  #log(level: 'info' | 'warn', message: string, fields: LogFields = {}): void {
    const { route, logger, clock } = this.#options
    logger[level](message, {
      'remote-peer-id': route.from,
      'snapshot-index': this.#head?.message.snapshot.index,
      bytes: this.#recordBytes,
      'expected-bytes': this.#head?.bytes,
      'took-ms': Math.round(clock.nowMs() - this.#startMs),
      ...fields,
    })
  }
}

/** A sink that rejects has had enough; what made it do so is its own business to tell. */
async function succeeds(step: Promise<void>): Promise<boolean> {
  try {
    await step
    return true
  } catch (error) {
    if (error instanceof AssertionError) throw error
    return false
  }
}
