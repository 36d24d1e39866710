/** The answer to a linearizable read: read in the very moment in which it may be, and given at once. */

import { Pending } from '../base/pending.ts'
import { etcdError } from './errors.ts'
import type { ReadOutcome, ReadWaiter } from './read-index.ts'

export class PendingRead<Response> extends Pending<Response> implements ReadWaiter {
  readonly #read: () => Response | Promise<Response>

  /** What `read` throws, or rejects with, is what the answer fails with. */
  constructor(read: () => Response | Promise<Response>) {
    super()
    this.#read = read
  }

  onRead(outcome: ReadOutcome): void {
    if (outcome !== 'ready') {
      this.fail(etcdError(outcome))
      return
    }
    let response: Response | Promise<Response>
    try {
      response = this.#read()
    } catch (error) {
      this.fail(error)
      return
    }
    if (response instanceof Promise) this.#follow(response)
    else this.succeed(response)
  }

  #follow(response: Promise<Response>): void {
    response.then(
      (value) => this.succeed(value),
      (error: unknown) => this.fail(error),
    )
  }
}
