/**
 * The disk of one member, over all its lives, as the stores of `src/storage` see it: the real
 * stores run on it. Everything they write takes its time on a simulated disk, and each step of it
 * is a point at which a schedule may cut the power.
 *
 *     log/            one LevelDB (level.ts), and the mark beside it, which is never synced
 *     state/ …        two more, records and checkpoint, and what is gathered beside them; renames are
 *                     durable or not done
 */

import { basename, dirname } from 'node:path'
import type { Files, RewrittenFile } from '../../src/storage/files.ts'
import type { LevelDatabase } from '../../src/storage/level.ts'
import type { DiskSchedule } from '../../src/storage/memory-raft-log-store.ts'
import type { StoreOptions } from '../../src/storage/ports.ts'
import { decodeAnchor } from '../../src/storage/log-block.ts'
import { readUint64 } from '../../src/storage/uint64.ts'
import { Draws } from './draws.ts'
import { ANCHOR_KEY, DurableLog, sequenceOf } from './durable-log.ts'
import { LevelHandle, type LevelHost } from './level-handle.ts'
import {
  LevelDisk,
  type CrashChoice,
  type CrashEffect,
  type DiskFailure,
  type Write,
} from './level.ts'

export const LOG = 'disk/log'
export const STATE = 'disk/state'
const STAGING = `${STATE}.staging`
const CHECKPOINT = `${STATE}/checkpoint`

/** What is written. */
export const DISK_POINTS = [
  'append',
  'log-compaction',
  'state-write',
  'checkpoint-barrier',
  'copies-barrier',
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
        const host = this.#hostOf(directory, scheduleOf(directory), onClose)
        const handle = new LevelHandle(disk, host)
        return { ok: true, db: handle as unknown as LevelDatabase }
      },
      findDamage: async () => undefined,
      // Sizes of files are nothing that its databases have.
      extendLogFile: async () => undefined,
      directoryBytes: async (directory) => {
        let bytes = 0
        for (const [key, value] of this.#levels.get(directory)?.live ?? []) {
          bytes += key.length + value.length
        }
        return bytes
      },
      names: async (directory) => {
        const inner = [...this.#levels.keys()].filter((one) => dirname(one) === directory)
        const own = this.#levels.get(directory)
        return [...inner.map((one) => basename(one)), ...(own === undefined ? [] : [own.logName])]
      },
      move: (from, to) =>
        this.#step(scheduleOf(to), moveOf(to), () => {
          const moved = this.#below(from)
          if (moved.length === 0) return new Error(`ENOENT: ${from}`)
          for (const [path, disk] of moved) {
            this.#levels.delete(path)
            this.#levels.set(to + path.slice(from.length), disk)
          }
          return undefined
        }),
      remove: async (path) => {
        if (this.#below(path).length === 0) return
        await this.#step(scheduleOf(path), 'remove', () => {
          for (const [removed] of this.#below(path)) this.#levels.delete(removed)
          return undefined
        })
      },
      syncTree: (path) =>
        this.#step(scheduleOf(path), 'staging-sync', () => {
          const failure = this.#failureAt(path)
          if (failure !== undefined) return this.#errorOf(failure)
          for (const [, disk] of this.#below(path)) disk.syncAll()
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

  /** A bit of a group commit that is still needed flips. False: there is none. */
  corruptLog(draws: Draws): boolean {
    const base = this.#levels.get(LOG)?.base
    if (base === undefined) return false
    const from = decodeAnchor(base.get(ANCHOR_KEY) ?? Buffer.alloc(0))?.sequence ?? 0
    const blocks = [...base.keys()].filter((key) => key !== ANCHOR_KEY && sequenceOf(key) >= from)
    if (blocks.length < 2) return false
    const newest = blocks.toSorted().at(-1)!
    const key = draws.chance(0.5) ? draws.pick(blocks) : newest
    // A record that its reader drops leaves a hole, or a log that ends early: the mark beside it
    // tells, unless it was written before that record was.
    const isTold = key !== newest || sequenceOf(key) <= this.#markedSequence
    if (isTold && draws.chance(0.5)) base.delete(key)
    else flip(base, key, draws)
    return true
  }

  get #markedSequence(): number {
    const mark = this.#marks.at(-1)
    return mark === undefined ? 0 : readUint64(mark, 8)
  }

  corruptRecord(draws: Draws): boolean {
    const base = this.#levels.get(STATE)?.base
    const records = [...(base?.keys() ?? [])].filter((key) => key[0] === '\u0002')
    if (base === undefined || records.length === 0) return false
    flip(base, draws.pick(records), draws)
    return true
  }

  corruptCheckpoint(copies: readonly (1 | 2)[], draws: Draws): boolean {
    const base = this.#levels.get(CHECKPOINT)?.base
    if (base === undefined) return false
    const keys = copies.map((copy) => String.fromCharCode(copy))
    if (keys.some((key) => !base.has(key))) return false
    for (const key of keys) flip(base, key, draws)
    return true
  }

  #hostOf(directory: string, schedule: DiskSchedule, onClose: () => void): LevelHost {
    return {
      step: (point, effect) => this.#step(schedule, point, effect),
      pointOf: (writes, isSync) => pointOf(directory, writes, isSync),
      barrierPoint: barrierPointOf(directory),
      failure: () => this.#failureAt(directory),
      errorOf: (failure) => this.#errorOf(failure),
      onAppended: (block) => this.durableLog.add(block),
      onClose,
    }
  }

  /** Takes its time; what it does is done at once. */
  #step(schedule: DiskSchedule, point: DiskPoint, effect: () => Error | undefined): Promise<void> {
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

  #errorOf(failure: DiskFailure): Error {
    this.#failed++
    const reason = failure === 'full' ? 'No space left on device' : 'Input/output error'
    return new Error(`IO error: ${reason}`)
  }

  #failureAt(directory: string): DiskFailure | undefined {
    return this.#failures.get(partOf(directory))
  }

  /** The database in a directory and those in directories below it. */
  #below(directory: string): [path: string, disk: LevelDisk][] {
    return [...this.#levels].filter(
      ([path]) => path === directory || path.startsWith(`${directory}/`),
    )
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
  return directory.startsWith(STAGING) ? 'staging' : 'state'
}

function barrierPointOf(directory: string): DiskPoint {
  if (directory.startsWith(STAGING)) return 'staging-barrier'
  return directory === CHECKPOINT ? 'copies-barrier' : 'checkpoint-barrier'
}

function pointOf(directory: string, writes: readonly Write[], isSync: boolean): DiskPoint {
  if (directory === LOG) return isSync ? 'append' : 'log-compaction'
  const isLive = !directory.startsWith(STAGING)
  if (!isSync) return isLive ? 'state-write' : 'staging-write'
  if (!isLive) return 'staging-checkpoint'
  return writes[0]?.key === '\u0001' ? 'first-checkpoint-copy' : 'second-checkpoint-copy'
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
