/**
 * Who may read the store, and when. Reads that take many turns give way between slices, and end
 * early when nobody waits for them any more or when the server stops: the disk is closed only after
 * the last one has ended.
 *
 * While another member's state takes the place of this one's, the records on disk and the index in
 * memory are not of one piece. Then nobody gets in: who reads within a turn passes `admission`
 * first, and who reads over many turns is out before the change begins.
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

/**
 * Waits for somebody else, such as a client that reads slowly, who must not hold up a change of the
 * state. Throws the error to end with when the state has changed meanwhile.
 */
export type StepOut = (wait: Promise<void>) => Promise<void>

export class SlicedReads {
  #insideCount = 0
  #isStopped = false
  #onIdle: (() => void)[] = []
  /** Grows when the state under the reads is replaced. */
  #generation = 0
  #paused: Promise<void> | undefined
  #endPause: () => void = () => undefined

  /** Whether a read within this turn may begin. */
  get isOpen(): boolean {
    return this.#paused === undefined
  }

  /** Resolves, in a turn of its own if it has to wait, when a read may begin. */
  async admission(): Promise<void> {
    while (this.#paused !== undefined) await this.#paused
  }

  async run<Result>(
    reader: Reader,
    read: (giveWay: GiveWay, stepOut: StepOut) => Promise<Result>,
  ): Promise<Result> {
    if (!this.isOpen) await this.admission()
    if (this.#isStopped) throw etcdError('stopped')
    let inside = true
    this.#insideCount++
    const giveWay = async (): Promise<void> => {
      await nextTurn()
      if (this.#isStopped) throw etcdError('stopped')
      if (reader.cancelled) throw new StatusError(STATUS.CANCELLED, 'context canceled')
    }
    const stepOut = async (wait: Promise<void>): Promise<void> => {
      const generation = this.#generation
      inside = false
      this.#leave()
      await wait
      await this.admission()
      if (this.#isStopped) throw etcdError('stopped')
      if (this.#generation !== generation) throw etcdError('leader-changed')
      inside = true
      this.#insideCount++
    }
    try {
      return await read(giveWay, stepOut)
    } finally {
      if (inside) this.#leave()
    }
  }

  /** Lets no read begin; resolves when none runs. */
  async pause(): Promise<void> {
    this.#paused ??= new Promise((resolve) => (this.#endPause = resolve))
    // Who was admitted in this turn may still be on the way to its read.
    await nextTurn()
    await this.#idle()
  }

  /** The state has been replaced, and may be read again. */
  resume(): void {
    this.#generation++
    this.#paused = undefined
    this.#endPause()
  }

  /** Ends every read at its next slice; resolves when none is left. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#idle()
  }

  async #idle(): Promise<void> {
    if (this.#insideCount === 0) return
    await new Promise<void>((resolve) => this.#onIdle.push(resolve))
  }

  #leave(): void {
    this.#insideCount--
    if (this.#insideCount > 0) return
    const waiting = this.#onIdle
    this.#onIdle = []
    for (const wake of waiting) wake()
  }
}
