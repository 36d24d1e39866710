/** One connection from a member to another, through the proxy, under the rules of its two links. */

import { connect, type Socket } from 'node:net'
import { FRAME_HEAD_BYTES, FrameReader } from '../../src/peer/frame.ts'
import { decodeHello } from '../../src/peer/handshake.ts'
import { MAX_HELLO_BYTES } from '../../src/peer/limits.ts'

/** What happens to the bytes of a link. */
export type LinkRule =
  | { readonly type: 'pass' }
  /** Nothing arrives; the connection stays, and what is under way comes when the rule has gone. */
  | { readonly type: 'hold' }
  /** Connections end at once, and new ones are not taken. */
  | { readonly type: 'refuse' }
  /** Every piece comes later, by a time that is drawn for it, but none before another. */
  | { readonly type: 'delay'; readonly ms: () => number }
  /** As hold, but only within a frame: its first part arrives, the rest does not. */
  | { readonly type: 'stall-in-frame' }

export interface PipeSurroundings {
  nameOf(memberId: string): string
  ruleOf(from: string, to: string): LinkRule
  onBytes(count: number): void
  onClosed(): void
}

/** Held back bytes beyond this make the sender wait, as a full network does. */
const MAX_HELD_BYTES = 262_144

export class PeerPipe {
  readonly #to: string
  readonly #port: number
  readonly #dialer: Socket
  readonly #around: PipeSurroundings
  #from: string | undefined
  #target: Socket | undefined
  #directions: readonly Direction[] = []
  #isClosed = false

  constructor(to: string, port: number, dialer: Socket, around: PipeSurroundings) {
    this.#to = to
    this.#port = port
    this.#dialer = dialer
    this.#around = around
  }

  isBetween(a: string, b: string): boolean {
    return (this.#from === a && this.#to === b) || (this.#from === b && this.#to === a)
  }

  /** Reads the hello, to know whose connection it is, and only then goes on to the member. */
  start(): void {
    const dialer = this.#dialer
    dialer.setNoDelay(true)
    dialer.on('error', () => undefined)
    dialer.once('close', () => this.cut())
    const reader = new FrameReader(MAX_HELLO_BYTES)
    const pieces: Buffer[] = []
    const onData = (piece: Buffer): void => {
      pieces.push(piece)
      reader.push(piece)
      const frame = reader.next()
      if (frame === undefined) return
      const hello = typeof frame === 'string' ? undefined : decodeHello(frame.body)
      if (typeof hello !== 'object') return this.cut()
      dialer.off('data', onData)
      dialer.pause()
      // A query comes from who is no member yet, and has no link.
      this.#connect(hello.kind === 'query' ? '?' : this.#around.nameOf(hello.from), pieces)
    }
    dialer.on('data', onData)
    dialer.resume()
  }

  onRules(): void {
    if (this.#from === undefined) return
    const { ruleOf } = this.#around
    const rules = [ruleOf(this.#from, this.#to), ruleOf(this.#to, this.#from)]
    if (rules.some(({ type }) => type === 'refuse')) return this.cut()
    for (const direction of this.#directions) direction.flush()
  }

  /** Ends it; where a frame is under way its first part is sent before. */
  cut(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const direction of this.#directions) direction.sendHalf()
    this.#dialer.destroySoon()
    this.#target?.destroySoon()
    this.#around.onClosed()
  }

  #connect(from: string, first: readonly Buffer[]): void {
    this.#from = from
    const target = connect({ host: '127.0.0.1', port: this.#port })
    this.#target = target
    target.setNoDelay(true)
    target.on('error', () => undefined)
    target.once('close', () => this.cut())
    const { ruleOf, onBytes } = this.#around
    const dialer = this.#dialer
    const there = new Direction(dialer, target, () => ruleOf(from, this.#to), onBytes)
    const back = new Direction(target, dialer, () => ruleOf(this.#to, from), onBytes)
    this.#directions = [there, back]
    for (const piece of first) there.take(piece)
    there.start()
    back.start()
    this.onRules()
  }
}

interface Held {
  readonly piece: Buffer
  readonly dueAt: number
}

/** The bytes of a connection in one direction. */
class Direction {
  readonly #source: Socket
  readonly #sink: Socket
  readonly #rule: () => LinkRule
  readonly #onBytes: (count: number) => void
  readonly #held: Held[] = []
  #heldBytes = 0
  #timer: NodeJS.Timeout | undefined
  #lastDueAt = 0
  /** A frame whose first part alone was let through. */
  #isInFrame = false

  constructor(
    source: Socket,
    sink: Socket,
    rule: () => LinkRule,
    onBytes: (count: number) => void,
  ) {
    this.#source = source
    this.#sink = sink
    this.#rule = rule
    this.#onBytes = onBytes
  }

  start(): void {
    this.#source.on('data', (piece: Buffer) => this.take(piece))
    this.#sink.on('drain', () => this.#adjust())
    this.#source.resume()
  }

  take(piece: Buffer): void {
    const rule = this.#rule()
    const now = performance.now()
    const dueAt = rule.type === 'delay' ? Math.max(this.#lastDueAt, now + rule.ms()) : now
    this.#lastDueAt = dueAt
    this.#held.push({ piece, dueAt })
    this.#heldBytes += piece.length
    this.flush()
  }

  /** Sends what may go now. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const { type } = this.#rule()
    if (type === 'stall-in-frame' && !this.#isInFrame) this.sendHalf()
    if (type !== 'hold' && type !== 'stall-in-frame') {
      this.#isInFrame = false
      this.#sendDue()
    }
    this.#adjust()
  }

  /** The first part of a piece that waits, never the whole; nothing when there is none. */
  sendHalf(): void {
    const [first] = this.#held
    const { length = 0 } = first?.piece ?? {}
    if (first === undefined || length < 2) return
    const count = Math.min(FRAME_HEAD_BYTES + 1, length >>> 1) || 1
    this.#held[0] = { piece: first.piece.subarray(count), dueAt: first.dueAt }
    this.#heldBytes -= count
    this.#isInFrame = true
    this.#send(first.piece.subarray(0, count))
  }

  #sendDue(): void {
    const now = performance.now()
    for (;;) {
      const [first] = this.#held
      if (first === undefined) return
      if (first.dueAt > now) {
        this.#timer = setTimeout(() => this.flush(), first.dueAt - now)
        return
      }
      this.#held.shift()
      this.#heldBytes -= first.piece.length
      this.#send(first.piece)
    }
  }

  #send(piece: Buffer): void {
    if (this.#sink.destroyed) return
    this.#onBytes(piece.length)
    this.#sink.write(piece)
  }

  /** Who cannot send is told to wait. */
  #adjust(): void {
    const mustWait = this.#heldBytes > MAX_HELD_BYTES || this.#sink.writableNeedDrain
    if (mustWait) this.#source.pause()
    else this.#source.resume()
  }
}
