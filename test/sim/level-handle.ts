/** A simulated LevelDB that is open: what the stores use of the interface of LevelDB's package. */

import type { DiskPoint } from './files.ts'
import { LevelRows, type DiskFailure, type LevelDisk, type Write } from './level.ts'

/** Who keeps the disk. */
export interface LevelHost {
  /** Takes its time, at a point at which power may be cut; what it does is done at once. */
  step(point: DiskPoint, effect: () => Error | undefined): Promise<void>
  pointOf(writes: readonly Write[], isSync: boolean): DiskPoint
  readonly barrierPoint: DiskPoint
  failure(): DiskFailure | undefined
  errorOf(failure: DiskFailure): Error
  /** A group commit is durable. */
  onAppended(block: Buffer): void
  onClose(): void
}

/** The records of one moment. */
interface LevelSnapshot {
  readonly records: ReadonlyMap<string, Buffer>
  close(): Promise<void>
}

interface Reading {
  readonly gte: Uint8Array
  readonly lt?: Uint8Array
  readonly snapshot?: LevelSnapshot
}

export class LevelHandle {
  readonly #disk: LevelDisk
  readonly #host: LevelHost
  #isOpen = true

  constructor(disk: LevelDisk, host: LevelHost) {
    this.#disk = disk
    this.#host = host
  }

  get #live(): ReadonlyMap<string, Buffer> {
    this.#checkOpen()
    return this.#disk.live
  }

  getSync(key: Uint8Array): Buffer | undefined {
    return this.#live.get(nameOf(key))
  }

  async get(key: Uint8Array): Promise<Buffer | undefined> {
    return this.getSync(key)
  }

  put(key: Uint8Array, value: Uint8Array, { sync = false } = {}): Promise<void> {
    return this.#write([{ key: nameOf(key), value: Buffer.from(value) }], sync)
  }

  del(key: Uint8Array): Promise<void> {
    return this.#write([{ key: nameOf(key), value: undefined }], false)
  }

  batch(): LevelBatch {
    return new LevelBatch((writes) => this.#write(writes, false))
  }

  async clear({ gte, lt }: { gte: Uint8Array; lt: Uint8Array }): Promise<void> {
    const [from, to] = [nameOf(gte), nameOf(lt)]
    const found = [...this.#live.keys()].filter((key) => key >= from && key < to)
    this.#disk.begin(
      found.map((key) => ({ key, value: undefined })),
      false,
    )()
  }

  iterator({ gte, lt, snapshot }: Reading): LevelRows {
    const end = lt === undefined ? undefined : nameOf(lt)
    const records = snapshot?.records ?? this.#live
    return new LevelRows(records, nameOf(gte), end, () => this.#checkOpen())
  }

  snapshot(): LevelSnapshot {
    return { records: new Map(this.#live), close: async () => undefined }
  }

  /**
   * Reports no error. On a full disk there is no new log file, and nothing else tells; any other
   * failure sticks.
   */
  compactRange(): Promise<void> {
    this.#checkOpen()
    const disk = this.#disk
    const isFull = this.#host.failure() === 'full'
    if (isFull) this.#host.errorOf('full')
    else disk.rotate()
    return this.#host.step(this.#host.barrierPoint, () => {
      if (isFull) return undefined
      if (this.#host.failure() === undefined) disk.flushOld()
      else disk.die()
      return undefined
    })
  }

  async close(): Promise<void> {
    this.#isOpen = false
    this.#host.onClose()
  }

  #write(writes: readonly Write[], isSync: boolean): Promise<void> {
    if (!this.#isOpen) return Promise.reject(notOpen())
    const finish = this.#disk.begin(writes, isSync)
    const point = this.#host.pointOf(writes, isSync)
    return this.#host.step(point, () => {
      const failure = this.#host.failure()
      if (!finish(failure)) return this.#host.errorOf(failure ?? 'failed-sync')
      const value = writes[0]?.value
      if (point === 'append' && value !== undefined) this.#host.onAppended(value)
      return undefined
    })
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw notOpen()
  }
}

function notOpen(): Error {
  return new Error('Database is not open')
}

class LevelBatch {
  readonly #writes: Write[] = []
  readonly #send: (writes: readonly Write[]) => Promise<void>

  constructor(send: (writes: readonly Write[]) => Promise<void>) {
    this.#send = send
  }

  put(key: Uint8Array, value: Uint8Array): this {
    this.#writes.push({ key: nameOf(key), value: Buffer.from(value) })
    return this
  }

  del(key: Uint8Array): this {
    this.#writes.push({ key: nameOf(key), value: undefined })
    return this
  }

  write(): Promise<void> {
    return this.#send(this.#writes)
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}
