/** Sends one state to one member, at the pace at which the member takes it. */

import { createHash, type Hash } from 'node:crypto'
import { AssertionError } from '../base/assert.ts'
import type { BackendRecord, Clock, LogFields, Logger } from '../base/ports.ts'
import type { Connection } from './connection.ts'
import { dial, type Dialed, type DialOptions } from './dial.ts'
import { dataFrame, FRAME_HEAD_BYTES } from './frame.ts'
import type { MemberHello } from './handshake.ts'
import { MAX_FRAME_BYTES, MAX_HELLO_BYTES, type PeerLimits } from './limits.ts'
import type { OutgoingSnapshot } from './ports.ts'
import {
  DIGEST_ALGORITHM,
  packedPart,
  RECORD_OVERHEAD_BYTES,
  type SnapshotPart,
  type SnapshotVerdict,
  verdictOf,
} from './snapshot-codec.ts'

export interface OutgoingSnapshotStreamOptions extends DialOptions {
  readonly hello: MemberHello
  readonly limits: PeerLimits
  readonly clock: Clock
  readonly connections: Set<Connection>
  readonly logger: Logger
  readonly onSent: (bytes: number) => void
  readonly onReceived: (bytes: number) => void
}

/** Why it does not go on; for the log. */
class Interrupted extends Error {}

export class OutgoingSnapshotStream {
  readonly #options: OutgoingSnapshotStreamOptions
  readonly #snapshot: OutgoingSnapshot
  readonly #hash: Hash = createHash(DIGEST_ALGORITHM)
  readonly #startMs: number
  #connection: Connection | undefined
  #cancelDial: (() => void) | undefined
  /** Set when it is over. */
  #endReason: string | undefined
  #verdict: SnapshotVerdict | undefined
  #hasRoom = true
  /** Goes on with whoever waits for something to happen. */
  #wake: () => void = () => undefined
  #records = 0
  #recordBytes = 0
  #ticks = 0

  constructor(snapshot: OutgoingSnapshot, options: OutgoingSnapshotStreamOptions) {
    this.#snapshot = snapshot
    this.#options = options
    this.#startMs = options.clock.nowMs()
  }

  /** Once. Whether the receiver has it, whole and durable. Never rejects. */
  async send(urls: readonly string[]): Promise<boolean> {
    const records = this.#snapshot.records[Symbol.asyncIterator]()
    try {
      await this.#connect(urls)
      await this.#sendAll(records)
      this.#log('info', 'sent a snapshot to a peer')
      return true
    } catch (error) {
      if (error instanceof AssertionError) throw error
      this.#log('warn', 'failed to send a snapshot to a peer', { error })
      return false
    } finally {
      this.cancel('finished')
      // The view of the records costs disk space until it ends.
      await records.return?.().catch(() => undefined)
    }
  }

  /** Ends it, at any time. */
  cancel(reason: string): void {
    this.#endReason ??= reason
    this.#cancelDial?.()
    this.#connection?.close(reason)
    this.#wake()
  }

  async #connect(urls: readonly string[]): Promise<void> {
    let failure = 'it has no URL'
    for (const url of urls) {
      const dialed = await this.#dial(url)
      if (dialed.ok) return
      failure = `${url}: ${dialed.reason}`
    }
    throw new Interrupted(failure)
  }

  #dial(url: string): Promise<Dialed> {
    return new Promise((resolve) => {
      const over = (): void =>
        resolve({ ok: false, refusal: undefined, reason: this.#endReason ?? '' })
      if (this.#endReason !== undefined) {
        over()
        return
      }
      this.#wake = over
      this.#cancelDial = dial(url, this.#options.hello, this.#options, (dialed) => {
        this.#cancelDial = undefined
        if (dialed.ok) this.#serve(dialed.connection)
        resolve(dialed)
      })
    })
  }

  #serve(connection: Connection): void {
    const { connections, limits, onSent, onReceived } = this.#options
    this.#connection = connection
    connections.add(connection)
    const user = {
      onFrame: (body: Uint8Array): void => {
        this.#verdict = verdictOf(body)
        if (this.#verdict === undefined) connection.close('malformed answer')
        this.#wake()
      },
      onClosed: (reason: string): void => {
        connections.delete(connection)
        this.#endReason ??= reason
        this.#wake()
      },
      onDrain: (): void => {
        this.#hasRoom = true
        this.#wake()
      },
      onTick: (): void => this.#onTick(),
      onSent,
      onReceived,
    }
    connection.serve(user, MAX_HELLO_BYTES, limits.snapshotSilenceTicks)
  }

  async #sendAll(records: AsyncIterator<readonly BackendRecord[]>): Promise<void> {
    const { message, checkpoint, bytes } = this.#snapshot
    const { snapshotChunkBytes } = this.#options.limits
    this.#log('info', 'sending a snapshot to a peer')
    await this.#write({ type: 'head', message, checkpointBytes: checkpoint.length, bytes })
    for (let at = 0; at < checkpoint.length; at += snapshotChunkBytes) {
      await this.#write({
        type: 'checkpoint',
        piece: checkpoint.subarray(at, at + snapshotChunkBytes),
      })
    }
    await this.#expect('go')
    for (;;) {
      const next = await records.next()
      if (next.done === true) break
      for (const chunk of chunksOf(next.value, snapshotChunkBytes)) {
        await this.#write({ type: 'records', records: chunk })
        this.#count(chunk)
      }
    }
    const digest = this.#hash.digest()
    const tail = { digest, records: this.#records, recordBytes: this.#recordBytes }
    this.#sendFrame(dataFrame(packedPart({ type: 'tail', ...tail })))
    await this.#expect('done')
  }

  /** Resolves when there is room for more. */
  async #write(part: SnapshotPart): Promise<void> {
    const frame = dataFrame(packedPart(part))
    if (frame.length > MAX_FRAME_BYTES) throw new Interrupted('a record is too large to send')
    this.#hash.update(frame.subarray(FRAME_HEAD_BYTES))
    this.#sendFrame(frame)
    while (!this.#hasRoom && this.#verdict === undefined) await this.#woken()
    // No answer is due before the end of what is being written.
    if (this.#verdict !== undefined) throw new Interrupted(answered(this.#verdict))
  }

  #sendFrame(frame: Uint8Array): void {
    if (this.#endReason !== undefined) throw new Interrupted(this.#endReason)
    this.#hasRoom = this.#connection?.send(frame) === true
  }

  async #expect(verdict: 'go' | 'done'): Promise<void> {
    while (this.#verdict === undefined) await this.#woken()
    if (this.#verdict !== verdict) throw new Interrupted(answered(this.#verdict))
    this.#verdict = undefined
  }

  /** Something happened. Throws when it was the end. */
  async #woken(): Promise<void> {
    if (this.#endReason === undefined) await new Promise<void>((resolve) => (this.#wake = resolve))
    // An answer that came before the end still counts.
    if (this.#endReason !== undefined && this.#verdict === undefined) {
      throw new Interrupted(this.#endReason)
    }
  }

  #count(records: readonly BackendRecord[]): void {
    this.#records += records.length
    for (const { key, value } of records) this.#recordBytes += key.length + value.length
  }

  #onTick(): void {
    if (++this.#ticks % this.#options.limits.progressTicks === 0) {
      this.#log('info', 'still sending a snapshot to a peer')
    }
  }

  #log(level: 'info' | 'warn', message: string, fields: LogFields = {}): void {
    const { hello, logger, clock } = this.#options
    logger[level](message, {
      'remote-peer-id': hello.to,
      'snapshot-index': this.#snapshot.message.snapshot.index,
      bytes: this.#recordBytes,
      'expected-bytes': this.#snapshot.bytes,
      'took-ms': Math.round(clock.nowMs() - this.#startMs),
      ...fields,
    })
  }
}

function answered(verdict: SnapshotVerdict): string {
  return `the receiver answered: ${verdict}`
}

/** Neighbouring records of at most `bytesMax` together, at least one. */
export function* chunksOf(
  records: readonly BackendRecord[],
  bytesMax: number,
): Generator<readonly BackendRecord[]> {
  let start = 0
  let bytes = 0
  for (const [i, { key, value }] of records.entries()) {
    const next = key.length + value.length + RECORD_OVERHEAD_BYTES
    if (i > start && bytes + next > bytesMax) {
      yield records.slice(start, i)
      start = i
      bytes = 0
    }
    bytes += next
  }
  if (start < records.length) yield records.slice(start)
}
