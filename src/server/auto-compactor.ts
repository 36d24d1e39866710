/**
 * The auto compactor: forgets old revisions by itself, by etcd's rules and with its log lines.
 *
 *     revision:  every 5 minutes up to the current revision less the retention
 *     periodic:  samples the revision ten times an interval, the shorter of retention and an hour,
 *                and once an interval compacts up to the one sampled a retention ago
 *
 * The leader alone compacts. The others sample along, so that a new leader need not begin anew.
 */

import type { LogFields, Logger } from '../base/ports.ts'

export type AutoCompaction =
  /** Revisions to keep, and milliseconds of them. */
  | { readonly mode: 'revision'; readonly retention: number }
  | { readonly mode: 'periodic'; readonly retentionMs: number }

/** What a compaction came to. 'compacted': someone else was faster, which is as good. */
export type CompactionOutcome =
  { readonly ok: true } | { readonly ok: false; readonly error: string }

export interface AutoCompactorPorts {
  readonly logger: Logger
  readonly currentRevision: () => number
  readonly isLeader: () => boolean
  /** Through the log, as a client's request. Never rejects. */
  readonly compact: (revision: number) => Promise<CompactionOutcome>
}

const REVISION_INTERVAL_MS = 5 * 60 * 1000
const HOUR_MS = 60 * 60 * 1000
const SAMPLES_PER_INTERVAL = 10

export class AutoCompactor {
  readonly #schedule: Schedule
  readonly #ports: AutoCompactorPorts
  #nowMs = 0
  #nextLookMs: number | undefined
  #isCompacting = false
  #stopped = false

  /** The retention is above zero: with zero there is nothing to do, and no auto compactor. */
  constructor(compaction: AutoCompaction, ports: AutoCompactorPorts) {
    this.#schedule =
      compaction.mode === 'revision'
        ? new RevisionSchedule(compaction.retention)
        : new PeriodicSchedule(compaction.retentionMs)
    this.#ports = ports
  }

  /** Called often: several times in each tenth of the retention. `nowMs` never goes back. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs
    if (this.#stopped || this.#isCompacting) return
    if (this.#nextLookMs === undefined) this.#beginWait()
    else if (nowMs >= this.#nextLookMs) void this.#look()
  }

  stop(): void {
    this.#stopped = true
  }

  #beginWait(): void {
    this.#schedule.sample(this.#ports.currentRevision(), this.#nowMs)
    this.#nextLookMs = this.#nowMs + this.#schedule.lookIntervalMs
  }

  async #look(): Promise<void> {
    if (this.#ports.isLeader()) {
      const revision = this.#schedule.due(this.#ports.currentRevision(), this.#nowMs)
      if (revision !== undefined) await this.#compact(revision)
    }
    this.#beginWait()
  }

  async #compact(revision: number): Promise<void> {
    const { logger, compact } = this.#ports
    const { mode, fields, lookIntervalMs } = this.#schedule
    const startMs = this.#nowMs
    logger.info(`starting auto ${mode} compaction`, { revision, ...fields })
    this.#isCompacting = true
    const outcome = await compact(revision)
    this.#isCompacting = false
    if (this.#stopped) return
    if (outcome.ok || outcome.error === 'compacted') {
      this.#schedule.onCompacted(revision, this.#nowMs)
      const tookMs = Math.round(this.#nowMs - startMs)
      logger.info(`completed auto ${mode} compaction`, { revision, ...fields, 'took-ms': tookMs })
      return
    }
    logger.warn(`failed auto ${mode} compaction`, {
      revision,
      ...fields,
      'retry-interval-ms': lookIntervalMs,
      error: outcome.error,
    })
  }
}

/** When to compact, and up to where. */
interface Schedule {
  readonly mode: AutoCompaction['mode']
  readonly lookIntervalMs: number
  readonly fields: LogFields
  /** Told at the start and after every look. */
  sample(currentRevision: number, nowMs: number): void
  /** The revision to compact up to; undefined when it is not time, or nothing is new. */
  due(currentRevision: number, nowMs: number): number | undefined
  onCompacted(revision: number, nowMs: number): void
}

class RevisionSchedule implements Schedule {
  readonly mode = 'revision'
  readonly lookIntervalMs = REVISION_INTERVAL_MS
  readonly fields: LogFields
  readonly #retention: number
  #lastRevision = 0

  constructor(retention: number) {
    this.#retention = retention
    this.fields = { 'revision-compaction-retention': retention }
  }

  sample(): void {
    // It looks back by revisions and needs no memory of when they were.
  }

  due(currentRevision: number): number | undefined {
    const revision = currentRevision - this.#retention
    return revision <= 0 || revision === this.#lastRevision ? undefined : revision
  }

  onCompacted(revision: number): void {
    this.#lastRevision = revision
  }
}

class PeriodicSchedule implements Schedule {
  readonly mode = 'periodic'
  readonly lookIntervalMs: number
  readonly fields: LogFields
  readonly #intervalMs: number
  readonly #samplesKept: number
  /** One a look, the first from a retention ago once there are enough. */
  #samples: number[] = []
  #lastRevision = 0
  #lastSuccessMs: number | undefined
  /** The whole retention before the first compaction, the interval afterwards. */
  #waitMs: number

  constructor(retentionMs: number) {
    this.#intervalMs = Math.min(retentionMs, HOUR_MS)
    this.lookIntervalMs = this.#intervalMs / SAMPLES_PER_INTERVAL
    const looksPerRetention = (retentionMs / this.#intervalMs) * SAMPLES_PER_INTERVAL
    this.#samplesKept = Math.floor(looksPerRetention) + 1
    this.#waitMs = retentionMs
    this.fields = { 'compact-period-ms': retentionMs }
  }

  sample(currentRevision: number, nowMs: number): void {
    this.#lastSuccessMs ??= nowMs
    this.#samples.push(currentRevision)
    if (this.#samples.length > this.#samplesKept) this.#samples.shift()
  }

  due(_currentRevision: number, nowMs: number): number | undefined {
    const [revision] = this.#samples
    if (revision === undefined || revision === this.#lastRevision) return undefined
    if (nowMs - (this.#lastSuccessMs ?? nowMs) < this.#waitMs) return undefined
    this.#waitMs = this.#intervalMs
    return revision
  }

  onCompacted(revision: number, nowMs: number): void {
    this.#lastRevision = revision
    this.#lastSuccessMs = nowMs
  }
}
