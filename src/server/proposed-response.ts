/** The response to a request that was proposed: what applying it came to, with a header. */

import { Pending } from '../base/pending.ts'
import type { ResponseHeaderInput } from '../rpc/codec/etcdserverpb.ts'
import type { Outcome } from './apply-txn.ts'
import { etcdError } from './errors.ts'
import type { OutcomeListener } from './proposer.ts'
import type { ResponseHeaders } from './response-header.ts'

/** Every response of etcd's API. */
export interface Headed {
  header?: ResponseHeaderInput | undefined
}

export class ProposedResponse<Response extends Headed>
  extends Pending<Response>
  implements OutcomeListener
{
  readonly #headers: ResponseHeaders

  constructor(headers: ResponseHeaders) {
    super()
    this.#headers = headers
  }

  onOutcome(outcome: Outcome<object>): void {
    if (!outcome.ok) {
      this.fail(etcdError(outcome.error))
      return
    }
    // Nobody else has it: the applier made it for the one who proposed.
    const response = outcome.response as Response
    response.header = this.#headers.at(outcome.revision)
    this.succeed(response)
  }
}
