/** How much history automatic compaction keeps, as etcd's two flags say it. */

import type { AutoCompaction } from './auto-compactor.ts'
import { parseDurationMs } from './durations.ts'
import type { CompactionMode, Parsed } from './flags.ts'

const HOUR_MS = 3_600_000
const MIN_RETENTION_MS = 1

/**
 * As etcd: a number is hours or revisions, whatever the mode counts; an empty text and 0 are off,
 * and then the value is undefined.
 */
export function parseRetention(
  mode: CompactionMode,
  text: string,
): Parsed<AutoCompaction | undefined> {
  const count = /^\+?\d+$/.test(text) ? Number(text) : undefined
  switch (mode) {
    case 'revision': {
      const retention = text === '' ? 0 : count
      if (retention === undefined || !Number.isSafeInteger(retention)) {
        return { ok: false, reason: 'expected a number of revisions' }
      }
      return { ok: true, value: retention === 0 ? undefined : { mode, retention } }
    }
    case 'periodic': {
      const hours = text === '' ? 0 : count
      const retentionMs = hours === undefined ? parseDurationMs(text) : hours * HOUR_MS
      if (retentionMs === undefined || retentionMs < 0 || retentionMs > Number.MAX_SAFE_INTEGER) {
        return { ok: false, reason: 'expected a duration, such as 1h30m, or a number of hours' }
      }
      if (retentionMs === 0) return { ok: true, value: undefined }
      return { ok: true, value: { mode, retentionMs: Math.max(MIN_RETENTION_MS, retentionMs) } }
    }
  }
}
