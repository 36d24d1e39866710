/** v3electionpb.Election: the oldest candidate below a name leads, and its value is proclaimed. */

import {
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
  type TxnRequest,
  type TxnResponseInput,
} from '../../rpc/codec/etcdserverpb.ts'
import {
  ElectionService as CODECS,
  type CampaignRequest,
  type CampaignResponseInput,
  type LeaderKey,
  type LeaderRequest,
  type LeaderResponseInput,
  type ProclaimRequest,
  type ProclaimResponseInput,
  type ResignRequest,
  type ResignResponseInput,
} from '../../rpc/codec/v3electionpb.ts'
import type { Key } from '../../base/key.ts'
import { promiseOf } from '../../base/pending.ts'
import type { WatchHub } from '../../mvcc/watch-hub.ts'
import {
  defineServerStream,
  defineUnary,
  type CallContext,
  type Method,
  type ResponseStream,
} from '../../rpc/engine.ts'
import { STATUS, StatusError } from '../../rpc/status.ts'
import { etcdError } from '../errors.ts'
import { queueRange, type Entry, type KeyQueue } from '../key-queue.ts'
import { createdAt, deleteOp, putOp, rangeRequest } from '../key-requests.ts'
import { LeaderObservation } from '../leader-observation.ts'
import type { NeedLeader } from '../need-leader.ts'
import { recipeError, throwRecipeError } from '../recipe-error.ts'
import type { ResponseHeaders } from '../response-header.ts'
import type { KvService } from './kv.ts'
import type { LeaseService } from './lease.ts'

export interface ElectionParts {
  readonly kv: KvService
  readonly lease: LeaseService
  readonly queue: KeyQueue
  readonly hub: WatchHub
  readonly headers: ResponseHeaders
  readonly needLeader: NeedLeader<LeaderObservation>
}

export class ElectionService {
  readonly #parts: ElectionParts
  readonly #observations = new Set<LeaderObservation>()
  #stopped = false

  constructor(parts: ElectionParts) {
    this.#parts = parts
  }

  methods(): Method[] {
    const { campaign, proclaim, leader, observe, resign } = CODECS
    return [
      defineUnary(campaign.path, campaign.codec, (request, context) =>
        this.campaign(request, context).catch(throwRecipeError),
      ),
      defineUnary(proclaim.path, proclaim.codec, (request) =>
        this.proclaim(request).catch(throwRecipeError),
      ),
      defineUnary(leader.path, leader.codec, (request) =>
        this.leader(request).catch(throwRecipeError),
      ),
      defineServerStream(observe.path, observe.codec, (request, stream, context) =>
        this.observe(request, stream, context),
      ),
      defineUnary(resign.path, resign.codec, (request) =>
        this.resign(request).catch(throwRecipeError),
      ),
    ]
  }

  /**
   * Answers when the caller leads. A lease that is a candidate already keeps its place and takes
   * the new value. As in etcd the header is that of the candidature, not of its success.
   */
  async campaign(
    { name, lease: given, value }: CampaignRequest,
    context: CallContext,
  ): Promise<CampaignResponseInput> {
    const { queue } = this.#parts
    const lease = await this.#parts.lease.session(given)
    const entry = await queue.enter(name, lease, value)
    const { key, createRevision: rev, header } = entry
    const leader = { name, key, rev, lease }
    if (entry.value !== undefined && Buffer.compare(entry.value, value) !== 0) {
      await this.#changeValue(entry, leader, value)
    }
    const turn = await queue.awaitTurn(entry, context)
    if (!turn.ok) throw notLeader()
    return { header, leader }
  }

  /** Any candidate may change its value, as in etcd; the leader's is what observers hear. */
  async proclaim({ leader, value }: ProclaimRequest): Promise<ProclaimResponseInput> {
    if (leader === undefined) throw leaderMissing()
    const { key, rev } = leader
    const lease = await this.#parts.lease.session(leader.lease)
    const { succeeded, header } = await this.#txn({
      compare: [createdAt(key, rev)],
      success: [putOp(key, value, lease)],
      failure: [],
    })
    if (succeeded !== true) throw notLeader()
    return { header }
  }

  async leader({ name }: LeaderRequest): Promise<LeaderResponseInput> {
    const { header, kvs } = await this.#parts.kv.range(oldestOf(name))
    const kv = kvs?.[0]
    if (kv === undefined) throw new StatusError(STATUS.UNKNOWN, 'election: no leader')
    return { header, kv }
  }

  observe(
    { name }: LeaderRequest,
    stream: ResponseStream<LeaderResponseInput>,
    context: CallContext,
  ): void {
    if (this.#stopped) throw etcdError('stopped')
    const { needLeader } = this.#parts
    const observation = new LeaderObservation(this.#parts, oldestOf(name), stream)
    this.#observations.add(observation)
    if (context.metadata('hasleader') === 'true') needLeader.add(observation)
    context.onCancel(() => observation.close())
    void observation
      .run()
      .catch((thrown: unknown) => observation.fail(recipeError(thrown)))
      .finally(() => {
        this.#observations.delete(observation)
        needLeader.delete(observation)
      })
  }

  /** Resigning what one does not lead is no error. */
  async resign({ leader }: ResignRequest): Promise<ResignResponseInput> {
    if (leader === undefined) throw leaderMissing()
    const { key, rev } = leader
    const { header } = await this.#txn({
      compare: [createdAt(key, rev)],
      success: [deleteOp(key)],
      failure: [],
    })
    return { header }
  }

  /** Called at every heartbeat. */
  tick(hasLeader: boolean): void {
    for (const observation of this.#parts.needLeader.takeOverdue(hasLeader)) {
      observation.fail(etcdError('no-leader'))
    }
  }

  /** Ends the observations; new ones are refused. */
  stop(): void {
    this.#stopped = true
    for (const observation of this.#observations) observation.fail(etcdError('stopped'))
  }

  /** A candidate whose call fails is none any more. */
  async #changeValue(entry: Entry, leader: LeaderKey, value: Uint8Array): Promise<void> {
    try {
      await this.proclaim({ leader, value })
    } catch (error) {
      await this.#parts.queue.leave(entry)
      throw error
    }
  }

  #txn(request: TxnRequest): Promise<TxnResponseInput> {
    return promiseOf(this.#parts.kv.txn(request))
  }
}

function oldestOf(name: Key): ReturnType<typeof rangeRequest> {
  const sort = { sortTarget: SortTarget.CREATE, sortOrder: SortOrder.ASCEND }
  return rangeRequest({ ...queueRange(name), ...sort, limit: 1 })
}

function leaderMissing(): StatusError {
  return new StatusError(STATUS.UNKNOWN, '"leader" field must be provided')
}

function notLeader(): StatusError {
  return new StatusError(STATUS.UNKNOWN, 'election: not leader')
}
