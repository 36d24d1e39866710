/**
 * One LeaseKeepAlive stream: renewals run side by side, their answers go out in the order of the
 * requests. A client sends all its keep-alives over one such stream; the renewal of one that has
 * expired may take long, and must not keep the others from being renewed in time.
 */

import type { CallContext, RequestStream, ResponseStream } from '../rpc/engine.ts'
import { StatusError } from '../rpc/status.ts'
import type {
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponseInput,
} from '../rpc/codec/etcdserverpb.ts'

/** Requests without an answer yet; at this many the stream is not read any further. */
const UNANSWERED_MAX = 1000

/** Rejects with the StatusError to end the stream with. */
export type KeepAlive = (id: bigint) => Promise<LeaseKeepAliveResponseInput>

type Answer = LeaseKeepAliveResponseInput | StatusError

interface Slot {
  answer: Answer | undefined
}

export class KeepAliveStream {
  readonly #requests: RequestStream<LeaseKeepAliveRequest>
  readonly #responses: ResponseStream<LeaseKeepAliveResponseInput>
  readonly #keepAlive: KeepAlive
  /** In the order of the requests. */
  readonly #slots: Slot[] = []
  #isBlocked = false
  #isPaused = false
  #requestsEnded = false
  #isOver = false

  constructor(
    requests: RequestStream<LeaseKeepAliveRequest>,
    responses: ResponseStream<LeaseKeepAliveResponseInput>,
    context: CallContext,
    keepAlive: KeepAlive,
  ) {
    this.#requests = requests
    this.#responses = responses
    this.#keepAlive = keepAlive
    context.onCancel(() => (this.#isOver = true))
    responses.onDrain(() => {
      this.#isBlocked = false
      this.#flush()
    })
    requests.onMessage(({ id }) => this.#onRequest(id))
    requests.onEnd(() => {
      this.#requestsEnded = true
      this.#flush()
    })
  }

  #onRequest(id: bigint): void {
    if (this.#isOver) return
    const slot: Slot = { answer: undefined }
    this.#slots.push(slot)
    if (this.#slots.length >= UNANSWERED_MAX && !this.#isPaused) {
      this.#isPaused = true
      this.#requests.pause()
    }
    void this.#answer(slot, id)
  }

  async #answer(slot: Slot, id: bigint): Promise<void> {
    try {
      slot.answer = await this.#keepAlive(id)
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      slot.answer = error
    }
    this.#flush()
  }

  /** Sends what is next in order, as far as it is known and the client reads. */
  #flush(): void {
    while (!this.#isOver && !this.#isBlocked) {
      const answer = this.#slots[0]?.answer
      if (answer === undefined) break
      this.#slots.shift()
      if (answer instanceof StatusError) {
        this.#isOver = true
        this.#responses.fail(answer)
      } else {
        this.#isBlocked = !this.#responses.send(answer)
      }
    }
    if (this.#isOver) return
    if (this.#requestsEnded && this.#slots.length === 0) {
      this.#isOver = true
      this.#responses.end()
    } else if (this.#isPaused && this.#slots.length < UNANSWERED_MAX / 2) {
      this.#isPaused = false
      this.#requests.resume()
    }
  }
}
