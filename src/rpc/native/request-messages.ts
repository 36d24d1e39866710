/** The messages of one call's request, out of its DATA, with the checks that gRPC asks for. */

import { STATUS, StatusError } from '../status.ts'
import { PartialMessage } from './partial-message.ts'
import { MESSAGE_PREFIX_BYTES } from './protocol.ts'

/** Who gets the messages. */
export interface MessageSink {
  /** Takes no more messages. */
  readonly isOver: boolean
  /** A view into what was read, or a buffer of its own. */
  onRequestMessage(bytes: Buffer): void
  onBadMessage(error: StatusError): void
  /** Memory for a message that is not complete yet, or given back; ends the call when too much. */
  hold(bytes: number): boolean
}

export class RequestMessages {
  readonly #sink: MessageSink
  readonly #maxBytes: number
  #partial: PartialMessage | undefined
  #heldBytes = 0

  constructor(sink: MessageSink, maxBytes: number) {
    this.#sink = sink
    this.#maxBytes = maxBytes
  }

  /** The request ended inside of a message. */
  get isCutShort(): boolean {
    return this.#partial !== undefined
  }

  push(bytes: Buffer, start: number, end: number): void {
    let at = start
    while (at < end && !this.#sink.isOver) {
      if (this.#partial === undefined && end - at >= MESSAGE_PREFIX_BYTES) {
        const messageEnd = at + MESSAGE_PREFIX_BYTES + bytes.readUInt32BE(at + 1)
        if (messageEnd <= end) {
          if (!this.#isAllowed(bytes[at] !== 0, messageEnd - at - MESSAGE_PREFIX_BYTES)) return
          this.#sink.onRequestMessage(bytes.subarray(at + MESSAGE_PREFIX_BYTES, messageEnd))
          at = messageEnd
          continue
        }
      }
      at = this.#addToPartial(bytes, at, end)
    }
  }

  /** What has come of an unfinished message is not needed any more. */
  drop(): void {
    if (this.#heldBytes > 0) this.#sink.hold(-this.#heldBytes)
    this.#heldBytes = 0
    this.#partial = undefined
  }

  #addToPartial(bytes: Buffer, start: number, end: number): number {
    let at = start
    const partial = (this.#partial ??= new PartialMessage())
    if (!partial.hasPrefix) {
      at = partial.takePrefix(bytes, at, end)
      if (!partial.hasPrefix) return at
      if (!this.#isAllowed(partial.isCompressed, partial.messageBytes)) return end
    }
    at = partial.takeBody(bytes, at, end)
    if (partial.isComplete) {
      this.drop()
      this.#sink.onRequestMessage(partial.message)
    } else this.#account(partial.heldBytes)
    return at
  }

  #account(bytes: number): void {
    const gained = bytes - this.#heldBytes
    this.#heldBytes = bytes
    this.#sink.hold(gained)
  }

  #isAllowed(isCompressed: boolean, messageBytes: number): boolean {
    if (messageBytes > this.#maxBytes) {
      const text = `grpc: received message larger than max (${messageBytes} vs. ${this.#maxBytes})`
      this.#sink.onBadMessage(new StatusError(STATUS.RESOURCE_EXHAUSTED, text))
      return false
    }
    if (isCompressed) {
      const text = 'grpc: compressed flag set with identity or empty encoding'
      this.#sink.onBadMessage(new StatusError(STATUS.INTERNAL, text))
      return false
    }
    return true
  }
}
