/**
 * The disk of one member, over all its lives, as the stores of `src/storage` see it: the real
 * stores run on it. Everything they write takes its time on a simulated disk, and each step of it
 * is a point at which a schedule may cut the power.
 *
 *     log/            one LevelDB (level.ts), and the mark beside it, which is never synced
 *     state/ …        another one, and what is gathered beside it; renames are durable or not done
 */

import { basename, dirname } from 'node:path'
import type { Files, RewrittenFile } from '../../src/storage/files.ts'
import type { LevelDatabase } from '../../src/storage/level.ts'
import type { DiskSchedule } from '../../src/storage/memory-raft-log-store.ts'
import type { StoreOptions } from '../../src/storage/ports.ts'
import { decodeAnchor } from '../../src/storage/log-block.ts'
import { Draws } from './draws.ts'
import { ANCHOR_KEY, DurableLog, sequenceOf } from './durable-log.ts'
import {
  LevelDisk,
  LevelRows,
  type CrashChoice,
  type CrashEffect,
  type DiskFailure,
  type Write,
} from './level.ts'

export const LOG = 'disk/log'
export const STATE = 'disk/state'
const STAGING = `${STATE}.staging`

/** What is written. */
export const DISK_POINTS = [
  'append',
  'log-compaction',
  'state-write',
  'checkpoint-barrier',
  'first-checkpoint-copy',
  'second-checkpoint-copy',
  'staging-write',
  'staging-barrier',
  'staging-checkpoint',
  'staging-sync',
  'publish',
  'switch-out',
  'switch-in',
  'remove',
] as const

export type DiskPoint = (typeof DISK_POINTS)[number]

/** Not done yet; done, and nobody knows; done, and the member has gone on for a turn. */
export const PHASES = ['begun', 'done', 'told'] as const
export type Phase = (typeof PHASES)[number]

/** Where a failing disk fails. */
export type DiskPart = 'log' | 'state' | 'staging'

export interface DiskHost {
  /** True: power is cut now, so that nobody is told. */
  readonly onPoint: (point: DiskPoint, phase: Phase) => boolean
}

export interface LifeOfDisk {
  readonly files: Files
}

export class SimFiles {
  readonly durableLog = new DurableLog()
  readonly #sizes: Draws
  #levels = new Map<string, LevelDisk>()
  /** What the mark beside the log has been, newest last; none of it was ever synced. */
  #marks: Buffer[] = []
  #failures = new Map<DiskPart, DiskFailure>()
  #host: DiskHost | undefined
  #failed = 0

  constructor(seed: number, name: string) {
    this.#sizes = new Draws(seed, `file sizes ${name}`)
  }

  /** For one life of the member. */
  open(host: DiskHost, log: DiskSchedule, state: DiskSchedule): NonNullable<StoreOptions['files']> {
    this.#host = host
    this.durableLog.load(this.#levels.get(LOG)?.base ?? new Map())
    const scheduleOf = (path: string): DiskSchedule => (path.startsWith(LOG) ? log : state)
    const inUse = new Set<LevelDisk>()
    return {
      openLevel: async (directory) => {
        if (this.#failureAt(directory) === 'full') {
          this.#failed++
          const message = `data directory ${directory} is not writable: No space left on device`
          return { ok: false, error: 'unwritable', message }
        }
        const disk = this.#levels.get(directory) ?? this.#create(directory)
        if (inUse.has(disk)) {
          const message = `data directory ${directory} is in use by another process`
          return { ok: false, error: 'in-use', message }
        }
        inUse.add(disk)
        const onClose = (): void => void inUse.delete(disk)
        const handle = new LevelHandle(this, directory, disk, scheduleOf(directory), onClose)
        return { ok: true, db: handle as unknown as LevelDatabase }
      },
      findDamage: async () => undefined,
      directoryBytes: async (directory) => {
        let bytes = 0
        for (const [key, value] of this.#levels.get(directory)?.live ?? []) {
          bytes += key.length + value.length
        }
        return bytes
      },
      names: async (directory) =>
        [...this.#levels.keys()]
          .filter((one) => dirname(one) === directory)
          .map((one) => basename(one)),
      move: (from, to) =>
        this.step(scheduleOf(to), moveOf(to), () => {
          const disk = this.#levels.get(from)
          if (disk === undefined) return new Error(`ENOENT: ${from}`)
          this.#levels.delete(from)
          this.#levels.set(to, disk)
          return undefined
        }),
      remove: async (path) => {
        if (!this.#levels.has(path)) return
        await this.step(scheduleOf(path), 'remove', () => {
          this.#levels.delete(path)
          return undefined
        })
      },
      syncTree: (path) =>
        this.step(scheduleOf(path), 'staging-sync', () => {
          const failure = this.#failureAt(path)
          if (failure !== undefined) return this.errorOf(failure)
          this.#levels.get(path)?.syncAll()
          return undefined
        }),
      read: async () => this.#marks.at(-1),
      openRewritten: async (): Promise<RewrittenFile> => ({
        rewrite: (bytes, done) => {
          this.#marks = [...this.#marks.slice(-4), Buffer.from(bytes)]
          done(null)
        },
        close: async () => undefined,
      }),
    }
  }

  /** Writes fail from now on. */
  fail(part: DiskPart, failure: DiskFailure): void {
    this.#failures.set(part, failure)
  }

  get isFailing(): boolean {
    return this.#failures.size > 0
  }

  /** How many failures the stores were told of since the last call. */
  takeFailures(): number {
    const failed = this.#failed
    this.#failed = 0
    return failed
  }

  heal(): void {
    this.#failures.clear()
  }

  /** The process has ended, the system has not: what was written is there. */
  settle(): void {
    for (const disk of this.#levels.values()) disk.settle()
  }

  /** Power is cut. */
  crash(choice: CrashChoice): { readonly log: CrashEffect; readonly state: CrashEffect } {
    const effects = new Map([...this.#levels].map(([path, disk]) => [path, disk.crash(choice)]))
    const { draws } = choice
    const mark = draws.chance(0.5)
      ? this.#marks.at(-1)
      : this.#marks[draws.below(this.#marks.length)]
    this.#marks = mark === undefined ? [] : [mark]
    const log = effects.get(LOG) ?? NOTHING
    return { log, state: effects.get(STATE) ?? NOTHING }
  }

  get hasUnsyncedState(): boolean {
    return this.#levels.get(STATE)?.hasUnsynced === true
  }

  /** A bit of a group commit that is still needed flips. False: there is none. */
  corruptLog(draws: Draws): boolean {
    const base = this.#levels.get(LOG)?.base
    if (base === undefined) return false
    const from = decodeAnchor(base.get(ANCHOR_KEY) ?? Buffer.alloc(0))?.sequence ?? 0
    const blocks = [...base.keys()].filter((key) => key !== ANCHOR_KEY && sequenceOf(key) >= from)
    if (blocks.length < 2) return false
    const key = draws.pick(blocks)
    // A record that its reader drops leaves a hole, or a log that ends early: the mark beside it tells.
    if (draws.chance(0.5)) base.delete(draws.chance(0.5) ? blocks.toSorted().at(-1)! : key)
    else flip(base, key, draws)
    return true
  }

  corruptRecord(draws: Draws): boolean {
    const base = this.#levels.get(STATE)?.base
    const records = [...(base?.keys() ?? [])].filter((key) => key[0] === '\u0002')
    if (base === undefined || records.length === 0) return false
    flip(base, draws.pick(records), draws)
    return true
  }

  corruptCheckpoint(copies: readonly (1 | 3)[], draws: Draws): boolean {
    const base = this.#levels.get(STATE)?.base
    if (base === undefined) return false
    const keys = copies.map((copy) => String.fromCharCode(copy))
    if (keys.some((key) => !base.has(key))) return false
    for (const key of keys) flip(base, key, draws)
    return true
  }

  /** Takes its time; what it does is done at once. */
  step(schedule: DiskSchedule, point: DiskPoint, effect: () => Error | undefined): Promise<void> {
    const host = this.#host
    return new Promise((resolve, reject) => {
      host?.onPoint(point, 'begun')
      schedule(() => {
        const error = effect()
        if (host?.onPoint(point, 'done') === true) return
        if (error === undefined) resolve()
        else reject(error)
        host?.onPoint(point, 'told')
      })
    })
  }

  failureAt(directory: string): DiskFailure | undefined {
    return this.#failureAt(directory)
  }

  errorOf(failure: DiskFailure): Error {
    this.#failed++
    const reason = failure === 'full' ? 'No space left on device' : 'Input/output error'
    return new Error(`IO error: ${reason}`)
  }

  #failureAt(directory: string): DiskFailure | undefined {
    return this.#failures.get(partOf(directory))
  }

  #create(directory: string): LevelDisk {
    const segmentBytes = this.#sizes.pick([2000, 20_000, 400_000])
    const blockBytes = this.#sizes.pick([512, 4096, 32_768])
    const disk = new LevelDisk(segmentBytes, blockBytes, this.#sizes.pick([1, 5, 30]))
    this.#levels.set(directory, disk)
    return disk
  }
}

const NOTHING: CrashEffect = { lost: 0, kept: 0, inFlightLost: 0, inFlightKept: 0, isTorn: false }

function partOf(directory: string): DiskPart {
  if (directory === LOG) return 'log'
  return directory === STAGING ? 'staging' : 'state'
}

function moveOf(to: string): DiskPoint {
  if (to.endsWith('.staged')) return 'publish'
  return to.endsWith('.old') ? 'switch-out' : 'switch-in'
}

function flip(records: Map<string, Buffer>, key: string, draws: Draws): void {
  const bytes = Buffer.from(records.get(key)!)
  const at = draws.below(bytes.length)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << draws.below(8))
  records.set(key, bytes)
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

/** An open database: what the stores use of the interface of LevelDB's package. */
class LevelHandle {
  readonly #files: SimFiles
  readonly #directory: string
  readonly #disk: LevelDisk
  readonly #schedule: DiskSchedule
  readonly #onClose: () => void
  #isOpen = true

  constructor(
    files: SimFiles,
    directory: string,
    disk: LevelDisk,
    schedule: DiskSchedule,
    onClose: () => void,
  ) {
    this.#files = files
    this.#directory = directory
    this.#disk = disk
    this.#schedule = schedule
    this.#onClose = onClose
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

  /** Reports no error, but a failure sticks. */
  compactRange(): Promise<void> {
    this.#checkOpen()
    const disk = this.#disk
    disk.rotate()
    const point = this.#directory === STATE ? 'checkpoint-barrier' : 'staging-barrier'
    return this.#files.step(this.#schedule, point, () => {
      if (this.#files.failureAt(this.#directory) === undefined) disk.flushOld()
      else disk.die()
      return undefined
    })
  }

  async close(): Promise<void> {
    this.#isOpen = false
    this.#onClose()
  }

  #write(writes: readonly Write[], isSync: boolean): Promise<void> {
    if (!this.#isOpen) return Promise.reject(notOpen())
    const disk = this.#disk
    const finish = disk.begin(writes, isSync)
    const point = this.#pointOf(writes, isSync)
    return this.#files.step(this.#schedule, point, () => {
      const failure = this.#files.failureAt(this.#directory)
      if (!finish(failure)) return this.#files.errorOf(failure ?? 'failed-sync')
      const value = writes[0]?.value
      if (point === 'append' && value !== undefined) this.#files.durableLog.add(value)
      return undefined
    })
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw notOpen()
  }

  #pointOf(writes: readonly Write[], isSync: boolean): DiskPoint {
    if (this.#directory === LOG) return isSync ? 'append' : 'log-compaction'
    const isLive = this.#directory === STATE
    if (!isSync) return isLive ? 'state-write' : 'staging-write'
    if (!isLive) return 'staging-checkpoint'
    return writes[0]?.key === '\u0001' ? 'first-checkpoint-copy' : 'second-checkpoint-copy'
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
