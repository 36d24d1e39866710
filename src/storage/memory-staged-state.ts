/** The twin of a staged state in memory: each step waits for the simulated disk. */

import { assert } from '../base/assert.ts'
import { keyFromBytes } from '../base/key.ts'
import type { Key } from '../base/key.ts'
import type { BackendRecord } from '../base/ports.ts'
import type { StagedState } from './ports.ts'
import { StagingError } from './transfer-errors.ts'

/** What the disk holds of a state that is complete and in nobody's use. */
export interface PublishedState {
  readonly records: Map<Key, Uint8Array>
  readonly checkpoint: Uint8Array
}

/** The disk, as a staged state sees it. */
export interface StagingDisk {
  /** Runs `effect` when the disk is at it; never resolves after a crash. */
  step(effect: () => void): Promise<void>
  /** The sentence of the failure that a test wants, a full disk or such. */
  stagingFailure(): string | undefined
  publish(state: PublishedState | undefined): void
}

export class MemoryStagedState implements StagedState {
  readonly #disk: StagingDisk
  readonly #records: Map<Key, Uint8Array>
  #state: 'open' | 'ready' | 'installed' | 'ended'
  #isFinishing: boolean

  constructor(disk: StagingDisk) {
    this.#disk = disk
    this.#records = new Map()
    this.#state = 'open'
    this.#isFinishing = false
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  begin(): Promise<void> {
    return this.#step(() => this.#disk.publish(undefined))
  }

  async write(records: readonly BackendRecord[]): Promise<void> {
    assert(!this.#isFinishing, 'a finished staged state takes no more records')
    await this.#step(() => {
      for (const { key, value } of records) {
        this.#records.set(keyFromBytes(key), Uint8Array.from(value))
      }
    })
  }

  async finish(checkpoint: Uint8Array): Promise<void> {
    assert(!this.#isFinishing, 'a staged state is finished once')
    this.#isFinishing = true
    const state = { records: this.#records, checkpoint: Uint8Array.from(checkpoint) }
    // The barrier, then the name.
    await this.#step(() => undefined)
    await this.#step(() => {
      this.#disk.publish(state)
      this.#state = 'ready'
    })
  }

  async abort(): Promise<void> {
    if (this.#state === 'installed') return
    const wasReady = this.#state === 'ready'
    this.#state = 'ended'
    await this.#disk.step(() => {
      if (wasReady) this.#disk.publish(undefined)
    })
  }

  markInstalled(): void {
    assert(this.#state === 'ready', 'only a finished staged state is installed')
    this.#state = 'installed'
  }

  async #step(effect: () => void): Promise<void> {
    this.#checkWanted()
    let failure: string | undefined
    await this.#disk.step(() => {
      if (this.#state === 'ended') return
      failure = this.#disk.stagingFailure()
      if (failure === undefined) effect()
      else this.#state = 'ended'
    })
    if (failure !== undefined) throw new StagingError(`gathering a state failed: ${failure}`)
    this.#checkWanted()
  }

  #checkWanted(): void {
    if (this.#state === 'ended') throw new StagingError('gathering a state failed: it was given up')
  }
}
