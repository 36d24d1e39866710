/**
 * Reads that take many turns: how they give way, and how they end early when nobody waits for
 * them any more or when the server stops. The disk is closed only after the last one has ended.
 */

import { STATUS, StatusError } from '../rpc/status.ts'
import { etcdError } from './errors.ts'
import { nextTurn } from './turn.ts'

/** Whoever waits for a read; gone when `cancelled`. */
export interface Reader {
  readonly cancelled: boolean
}

/** A reader inside the server, which never goes away. */
export const SERVER_READER: Reader = { cancelled: false }

/** Lets others have a turn; throws the error to end with when the read is of no use any more. */
export type GiveWay = () => Promise<void>

export class SlicedReads {
  #runningCount = 0
  #isStopped = false
  #onIdle: (() => void) | undefined

  async run<Result>(reader: Reader, read: (giveWay: GiveWay) => Promise<Result>): Promise<Result> {
    if (this.#isStopped) throw etcdError('stopped')
    this.#runningCount++
    try {
      return await read(async () => {
        await nextTurn()
        if (this.#isStopped) throw etcdError('stopped')
        if (reader.cancelled) throw new StatusError(STATUS.CANCELLED, 'context canceled')
      })
    } finally {
      this.#runningCount--
      if (this.#runningCount === 0) this.#onIdle?.()
    }
  }

  /** Ends every read at its next slice; resolves when none is left. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#runningCount === 0) return
    await new Promise<void>((resolve) => (this.#onIdle = resolve))
  }
}
