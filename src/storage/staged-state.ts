/**
 * A state that is being gathered in `state.staging` while another one is in use. It is a database
 * of the same format, which costs about as much disk as the one in use.
 *
 *     open ──write…──► open ──finish──► ready ──install──► installed
 *       └────────────── abort, a failure ┴──► ended
 *
 * Why a failure here does not end the process: these writes were promised to nobody, nothing of
 * them is tried again, and the handle that failed is not used any more. On a full disk it is even
 * the cure: what was gathered is removed, and the state in use can go on.
 */

import { assert } from '../base/assert.ts'
import { keyFromBytes } from '../base/key.ts'
import type { BackendRecord, Logger } from '../base/ports.ts'
import { encodeCheckpoint } from './checkpoint-record.ts'
import { reasonOf } from './fail-stop.ts'
import type { StagedState } from './ports.ts'
import { RecordCodec, storedBound } from './record-codec.ts'
import { COPIES, findStateDamage, openStateDatabase } from './state-database.ts'
import type { StateDatabase } from './state-database.ts'
import type { StateDirectory } from './state-directory.ts'
import { StagingError } from './transfer-errors.ts'

/** The first checkpoint of a database. */
const FIRST_SEQUENCE = 1
/** One batch: its encoding takes about 0.3 ms of the main thread. */
const BATCH_BYTES = 128 * 1024

export class LevelStagedState implements StagedState {
  readonly #directory: StateDirectory
  readonly #logger: Logger
  readonly #codec: RecordCodec
  #database: StateDatabase | undefined
  /** The key of the record, as stored, that was written last. */
  #newestKey: Buffer | undefined
  #state: 'open' | 'ready' | 'installed' | 'ended'
  #isFinishing: boolean
  /** Steps run one after the other. */
  #work: Promise<void>
  #aborting: Promise<void> | undefined

  constructor(directory: StateDirectory, logger: Logger) {
    this.#directory = directory
    this.#logger = logger
    this.#codec = new RecordCodec()
    this.#database = undefined
    this.#newestKey = undefined
    this.#state = 'open'
    this.#isFinishing = false
    this.#work = Promise.resolve()
    this.#aborting = undefined
  }

  /** Neither ready, nor installed, nor given up. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Removes what earlier ones left and starts an empty database; call it first. */
  begin(): Promise<void> {
    return this.#step(async () => {
      await this.#directory.removeStaged()
      await this.#directory.removeOld()
      const opened = await openStateDatabase(
        this.#directory.files,
        this.#directory.staging,
        this.#logger,
      )
      if (!opened.ok) throw new Error(opened.message)
      this.#database = opened.database
    })
  }

  async write(records: readonly BackendRecord[]): Promise<void> {
    assert(!this.#isFinishing, 'a finished staged state takes no more records')
    await this.#step(() => this.#writeAll(records))
  }

  async finish(checkpoint: Uint8Array): Promise<void> {
    assert(!this.#isFinishing, 'a staged state is finished once')
    this.#isFinishing = true
    await this.#step(async () => {
      const database = this.#opened()
      const bytes = encodeCheckpoint({ sequence: FIRST_SEQUENCE, checkpoint })
      await database.barrier(this.#newestKey)
      for (const position of COPIES) await database.writeCopy(position, bytes)
      await database.settleCopies()
      this.#database = undefined
      await database.close()
      // While it can still be given up: the one who installs it finds damage fatal.
      const damage = await findStateDamage(this.#directory.files, this.#directory.staging)
      if (damage !== undefined) throw new Error(damage)
      await this.#directory.publish()
      if (this.#state === 'open') this.#state = 'ready'
    })
  }

  abort(): Promise<void> {
    if (this.#state === 'installed') return Promise.resolve()
    this.#state = 'ended'
    this.#aborting ??= this.#work.then(() => this.#remove())
    return this.#aborting
  }

  /** It is in use from now on, or the process ends. */
  markInstalled(): void {
    assert(this.#state === 'ready', 'only a finished staged state is installed')
    this.#state = 'installed'
  }

  async #writeAll(records: readonly BackendRecord[]): Promise<void> {
    const { records: db } = this.#opened()
    let at = 0
    while (at < records.length && this.#state === 'open') {
      const batch = db.batch()
      let bytes = 0
      for (const { key, value } of records.slice(at)) {
        const record = this.#codec.encode(keyFromBytes(key), value)
        batch.put(record.key, record.value)
        bytes += key.length + value.length
        at++
        if (bytes >= BATCH_BYTES) break
      }
      const last = records[at - 1]
      if (last !== undefined) this.#newestKey = storedBound(last.key)
      await batch.write()
    }
  }

  /** The first error ends it, and is what every later step answers. */
  #step(run: () => Promise<void>): Promise<void> {
    const step = this.#work.then(async () => {
      this.#checkWanted()
      try {
        await run()
      } catch (error) {
        this.#state = 'ended'
        throw new StagingError(this.#sentence(reasonOf(error)), { cause: error })
      }
      this.#checkWanted()
    })
    this.#work = step.catch(() => undefined)
    return step
  }

  #opened(): StateDatabase {
    assert(this.#database !== undefined, 'a state is gathered in an open database')
    return this.#database
  }

  #checkWanted(): void {
    if (this.#state === 'ended') throw new StagingError(this.#sentence('it was given up'))
  }

  #sentence(reason: string): string {
    return `gathering a state in ${this.#directory.staging} failed: ${reason}`
  }

  async #remove(): Promise<void> {
    try {
      await this.#database?.close()
      this.#database = undefined
      await this.#directory.removeStaged()
    } catch (error) {
      // The next one, or the next start, tries again.
      const reason = reasonOf(error)
      this.#logger.warn('cannot remove a state that was given up', { error: reason })
    }
  }
}
