/** v3lockpb.Lock: a lock by name, held by the contender whose key is the oldest. */

import { EMPTY_KEY } from '../../base/key.ts'
import { promiseOf } from '../../base/pending.ts'
import {
  LockService as CODECS,
  type LockRequest,
  type LockResponseInput,
  type UnlockRequest,
  type UnlockResponseInput,
} from '../../rpc/codec/v3lockpb.ts'
import { defineUnary, type CallContext, type Method } from '../../rpc/engine.ts'
import { STATUS, StatusError } from '../../rpc/status.ts'
import type { KeyQueue } from '../key-queue.ts'
import { throwRecipeError } from '../recipe-error.ts'
import type { KvService } from './kv.ts'
import type { LeaseService } from './lease.ts'

const NO_VALUE = new Uint8Array(0)

export interface LockParts {
  readonly kv: KvService
  readonly lease: LeaseService
  readonly queue: KeyQueue
}

export class LockService {
  readonly #parts: LockParts

  constructor(parts: LockParts) {
    this.#parts = parts
  }

  methods(): Method[] {
    return [
      defineUnary(CODECS.lock.path, CODECS.lock.codec, (request, context) =>
        this.lock(request, context).catch(throwRecipeError),
      ),
      defineUnary(CODECS.unlock.path, CODECS.unlock.codec, (request) =>
        this.unlock(request).catch(throwRecipeError),
      ),
    ]
  }

  /**
   * Answers when the caller holds the lock: at once to the lease that holds it already. The key
   * that is answered goes with the lease, which is the caller's to keep alive.
   */
  async lock({ name, lease }: LockRequest, context: CallContext): Promise<LockResponseInput> {
    const { queue } = this.#parts
    const session = await this.#parts.lease.session(lease)
    const entry = await queue.enter(name, session, NO_VALUE)
    const turn = await queue.awaitTurn(entry, context)
    if (!turn.ok) throw new StatusError(STATUS.UNKNOWN, 'mutex: session is expired')
    return { header: turn.header, key: entry.key }
  }

  /** Unlocking what is not locked is no error. */
  async unlock({ key }: UnlockRequest): Promise<UnlockResponseInput> {
    const request = { key, rangeEnd: EMPTY_KEY, prevKv: false }
    const { header } = await promiseOf(this.#parts.kv.deleteRange(request))
    return { header }
  }
}
