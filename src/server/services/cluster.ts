/** etcdserverpb.Cluster: who is in the cluster. */

import { defineUnary, type Method } from '../../rpc/engine.ts'
import {
  decodeMemberListRequest,
  encodeMemberListResponse,
  type MemberListRequest,
  type MemberListResponseInput,
} from '../../rpc/codec/etcdserverpb.ts'
import { etcdError } from '../errors.ts'
import type { Membership } from '../membership.ts'
import type { ReadIndex } from '../read-index.ts'
import type { ResponseHeaders } from '../response-header.ts'

export class ClusterService {
  readonly #membership: Membership
  readonly #readIndex: ReadIndex
  readonly #headers: ResponseHeaders

  constructor(membership: Membership, readIndex: ReadIndex, headers: ResponseHeaders) {
    this.#membership = membership
    this.#readIndex = readIndex
    this.#headers = headers
  }

  methods(): Method[] {
    return [
      defineUnary(
        '/etcdserverpb.Cluster/MemberList',
        { decode: decodeMemberListRequest, encode: encodeMemberListResponse },
        (request) => this.memberList(request),
      ),
    ]
  }

  async memberList(request: MemberListRequest): Promise<MemberListResponseInput> {
    if (request.linearizable) {
      const outcome = await this.#readIndex.wait()
      if (outcome !== 'ready') throw etcdError(outcome)
    }
    return { header: this.#headers.withoutRevision(), members: this.#membership.members }
  }
}
