/** Response headers: who answered, in which term, and at which revision of the store. */

import type { MemberId } from '../raft/types.ts'
import type { ResponseHeaderInput } from '../rpc/codec/etcdserverpb.ts'

export class ResponseHeaders {
  readonly clusterId: string
  readonly memberId: MemberId
  readonly #term: () => number

  constructor(clusterId: string, memberId: MemberId, term: () => number) {
    this.clusterId = clusterId
    this.memberId = memberId
    this.#term = term
  }

  at(revision: number): ResponseHeaderInput {
    const { clusterId, memberId } = this
    return { clusterId, memberId, revision, raftTerm: this.#term() }
  }

  /** Calls on the cluster's membership show no revision. */
  withoutRevision(): ResponseHeaderInput {
    const { clusterId, memberId } = this
    return { clusterId, memberId, raftTerm: this.#term() }
  }
}
