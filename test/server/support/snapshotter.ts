/** What a snapshotter is told, where a test has nothing else in mind: never on its own. */

import type { SnapshotterOptions } from '../../../src/server/snapshotter.ts'

export function snapshotterOptions(fields: Partial<SnapshotterOptions> = {}): SnapshotterOptions {
  return { snapshotCount: 1_000_000, catchUpEntries: 5000, heldIndex: () => Infinity, ...fields }
}
