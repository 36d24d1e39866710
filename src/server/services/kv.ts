/** etcdserverpb.KV: keys, ranges, transactions and compaction. */

import { Pending, type Soon } from '../../base/pending.ts'
import type { Store } from '../../mvcc/store.ts'
import {
  defineServerStream,
  defineUnary,
  type CallContext,
  type Method,
  type ResponseStream,
} from '../../rpc/engine.ts'
import { StatusError } from '../../rpc/status.ts'
import {
  AlarmType,
  decodeCompactionRequest,
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
  encodeCompactionResponse,
  encodeDeleteRangeResponse,
  encodePutResponse,
  encodeRangeStreamResponse,
  encodeTxnResponse,
  type CompactionRequest,
  type CompactionResponseInput,
  type DeleteRangeRequest,
  type DeleteRangeResponseInput,
  type PutRequest,
  type PutResponseInput,
  type RangeRequest,
  type RangeStreamResponseInput,
  type TxnRequest,
  type TxnResponseInput,
} from '../../rpc/codec/etcdserverpb.ts'
import type { Alarms } from '../alarms.ts'
import {
  isReadOnly,
  isSerializable,
  prepareReadTxn,
  readTxnResponse,
  type Steppable,
} from '../apply-txn.ts'
import type { Compactor } from '../compactor.ts'
import { etcdError } from '../errors.ts'
import type { OperationCounts } from '../metric-sources.ts'
import { PendingRead } from '../pending-read.ts'
import { ProposedResponse, type Headed } from '../proposed-response.ts'
import { SERVER_CALLER, type Caller, type ProposedRequest, type Proposer } from '../proposer.ts'
import { RangeExecution } from '../range.ts'
import { encodeInSlices, encodeRange, type EncodableRange } from '../range-encoding.ts'
import { checkStreamable, streamRange } from '../range-stream.ts'
import type { ReadIndex } from '../read-index.ts'
import {
  checkDeleteRangeRequest,
  checkPutRequest,
  checkRangeRequest,
  checkTxnRequest,
} from '../request-check.ts'
import type { ResponseHeaders } from '../response-header.ts'
import { SERVER_READER, type GiveWay, type Reader, type SlicedReads } from '../sliced-reads.ts'
import type { SpaceGuard } from '../space-guard.ts'

/** Keys read between two turns of the event loop: 0.2 ms of work from memory, 0.7 from LevelDB. */
const SLICE_KEYS = 200

export interface KvServiceOptions {
  readonly maxTxnOps: number
  readonly maxRequestBytes: number
}

export class KvService {
  readonly #store: Store
  readonly #alarms: Alarms
  readonly #proposer: Proposer
  readonly #readIndex: ReadIndex
  readonly #compactor: Compactor
  readonly #spaceGuard: SpaceGuard
  readonly #headers: ResponseHeaders
  readonly #operations: OperationCounts
  readonly #reads: SlicedReads
  readonly #options: KvServiceOptions

  constructor(
    parts: {
      readonly store: Store
      readonly alarms: Alarms
      readonly proposer: Proposer
      readonly readIndex: ReadIndex
      readonly compactor: Compactor
      readonly spaceGuard: SpaceGuard
      readonly headers: ResponseHeaders
      readonly operations: OperationCounts
      readonly reads: SlicedReads
    },
    options: KvServiceOptions,
  ) {
    this.#store = parts.store
    this.#alarms = parts.alarms
    this.#proposer = parts.proposer
    this.#readIndex = parts.readIndex
    this.#compactor = parts.compactor
    this.#spaceGuard = parts.spaceGuard
    this.#headers = parts.headers
    this.#operations = parts.operations
    this.#reads = parts.reads
    this.#options = options
  }

  methods(): Method[] {
    return [
      defineUnary(
        '/etcdserverpb.KV/Range',
        { decode: decodeRangeRequest, encode: encodeRange },
        (request, context) => this.rangeSoon(request, context),
      ),
      defineServerStream(
        '/etcdserverpb.KV/RangeStream',
        { decode: decodeRangeRequest, encode: encodeRangeStreamResponse },
        (request, stream, context) => void this.rangeStream(request, stream, context),
      ),
      defineUnary(
        '/etcdserverpb.KV/Put',
        { decode: decodePutRequest, encode: encodePutResponse },
        (request, context) => this.put(request, context),
      ),
      defineUnary(
        '/etcdserverpb.KV/DeleteRange',
        { decode: decodeDeleteRangeRequest, encode: encodeDeleteRangeResponse },
        (request, context) => this.deleteRange(request, context),
      ),
      defineUnary(
        '/etcdserverpb.KV/Txn',
        { decode: decodeTxnRequest, encode: encodeTxnResponse },
        (request, context) => this.txn(request, context),
      ),
      defineUnary(
        '/etcdserverpb.KV/Compact',
        { decode: decodeCompactionRequest, encode: encodeCompactionResponse },
        (request, context) => this.compact(request, context),
      ),
    ]
  }

  async range(request: RangeRequest): Promise<EncodableRange> {
    const soon = this.rangeSoon(request, SERVER_READER)
    return soon instanceof Pending ? soon.promise() : soon
  }

  /** Throws what it would fail with, where that is known at once. */
  rangeSoon(request: RangeRequest, reader: Reader): EncodableRange | Soon<EncodableRange> {
    const error = checkRangeRequest(request)
    if (error !== undefined) throw etcdError(error)
    if (request.serializable) return this.#readRange(request, reader)
    const pending = new PendingRead(() => this.#readRange(request, reader))
    this.#readIndex.join(pending)
    return pending
  }

  #readRange(request: RangeRequest, reader: Reader): EncodableRange | Promise<EncodableRange> {
    if (!this.#reads.isOpen) {
      return this.#reads.admission().then(() => this.#readRange(request, reader))
    }
    this.#checkNotCorrupt()
    const checked = this.#store.checkRevision(request.revision)
    if (!checked.ok) throw etcdError(checked.error)
    const header = this.#headers.at(this.#store.currentRevision)
    this.#operations.range++
    const execution = new RangeExecution(this.#store, request, checked.revision)
    // A range that ends within one slice, as most do, needs neither a pin nor another turn.
    if (execution.step(SLICE_KEYS)) return { header, ...execution.result() }
    return this.#holding(checked.revision, reader, async (giveWay) => {
      await giveWay()
      await runToEnd(execution, giveWay)
      return encodeInSlices({ header, ...execution.result() }, giveWay)
    })
  }

  /** Never rejects: how the stream ends tells the outcome. */
  async rangeStream(
    request: RangeRequest,
    stream: ResponseStream<RangeStreamResponseInput>,
    context: CallContext,
  ): Promise<void> {
    try {
      const error = checkRangeRequest(request) ?? checkStreamable(request)
      if (error !== undefined) throw etcdError(error)
      await this.#awaitReadable(request.serializable)
      const checked = this.#store.checkRevision(request.revision)
      if (!checked.ok) throw etcdError(checked.error)
      const header = this.#headers.at(this.#store.currentRevision)
      const maxBytes = this.#options.maxRequestBytes
      const target = { header, maxBytes, stream, context }
      this.#checkAdmitted()
      await this.#reads.run(context, (giveWay, stepOut) =>
        streamRange(this.#store, request, checked.revision, target, giveWay, stepOut),
      )
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      stream.fail(error)
    }
  }

  put(request: PutRequest, caller?: Caller): Soon<PutResponseInput> {
    const error = checkPutRequest(request)
    if (error !== undefined) throw etcdError(error)
    if (!this.#spaceGuard.hasRoom(request)) return this.#spaceGuard.refuse()
    return this.#propose<PutResponseInput>({ case: 'put', value: request }, caller)
  }

  deleteRange(request: DeleteRangeRequest, caller?: Caller): Soon<DeleteRangeResponseInput> {
    const error = checkDeleteRangeRequest(request)
    if (error !== undefined) throw etcdError(error)
    return this.#propose<DeleteRangeResponseInput>({ case: 'deleteRange', value: request }, caller)
  }

  txn(request: TxnRequest, reader: Reader = SERVER_READER): Soon<TxnResponseInput> {
    const error = checkTxnRequest(request, this.#options.maxTxnOps)
    if (error !== undefined) throw etcdError(error)
    if (isReadOnly(request)) return this.#readTxn(request, reader)
    if (!this.#spaceGuard.hasRoom(request)) return this.#spaceGuard.refuse()
    return this.#propose<TxnResponseInput>({ case: 'txn', value: request }, reader)
  }

  async compact(request: CompactionRequest, caller?: Caller): Promise<CompactionResponseInput> {
    const proposed = { case: 'compaction', value: request } as const
    const response = await this.#propose<CompactionResponseInput>(proposed, caller).promise()
    if (request.physical) await this.#compactor.finished()
    return response
  }

  async #readTxn(request: TxnRequest, reader: Reader): Promise<TxnResponseInput> {
    await this.#awaitReadable(isSerializable(request))
    const header = this.#headers.at(this.#store.currentRevision)
    return this.#holding(this.#store.compactedRevision, reader, async (giveWay) => {
      const run = (execution: Steppable): Promise<void> => runToEnd(execution, giveWay)
      const prepared = await prepareReadTxn(this.#store, request, run)
      if (!prepared.ok) throw etcdError(prepared.error)
      for (const execution of prepared.txn.executions) await run(execution)
      return { header, ...readTxnResponse(prepared.txn) }
    })
  }

  /** Runs a read that may take many turns, and keeps history from `revision` on meanwhile. */
  async #holding<Result>(
    revision: number,
    reader: Reader,
    read: (giveWay: GiveWay) => Promise<Result>,
  ): Promise<Result> {
    this.#checkAdmitted()
    const pin = this.#store.pin(revision)
    try {
      return await this.#reads.run(reader, read)
    } finally {
      pin.release()
    }
  }

  /** What was found in the turn in which the state is about to be replaced is of no use later. */
  #checkAdmitted(): void {
    if (!this.#reads.isOpen) throw etcdError('leader-changed')
  }

  async #awaitReadable(serializable: boolean): Promise<void> {
    if (!serializable) {
      const outcome = await this.#readIndex.wait()
      if (outcome !== 'ready') throw etcdError(outcome)
    }
    if (!this.#reads.isOpen) await this.#reads.admission()
    this.#checkNotCorrupt()
  }

  #checkNotCorrupt(): void {
    if (this.#alarms.isActive(AlarmType.CORRUPT)) throw etcdError('corrupt')
  }

  #propose<Response extends Headed>(
    request: ProposedRequest,
    caller: Caller = SERVER_CALLER,
  ): Pending<Response> {
    const response = new ProposedResponse<Response>(this.#headers)
    this.#proposer.submit(request, 'client', caller, response)
    return response
  }
}

/** Steps to the end, giving way after each slice. The caller keeps the history it needs. */
async function runToEnd(execution: Steppable, giveWay: GiveWay): Promise<void> {
  while (!execution.step(SLICE_KEYS)) await giveWay()
}
