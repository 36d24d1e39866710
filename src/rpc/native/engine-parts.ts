/** What all connections of a native engine share. */

import type { ENGINE_DEFAULTS, EngineOptions } from '../engine.ts'
import type { AdmissionRules } from './admission-rules.ts'
import type { DeadlineWheel } from './deadline-wheel.ts'
import type { FlushQueue } from './flush-queue.ts'
import type { HeaderField } from './header-field.ts'
import type { HuffmanDecoder } from './huffman.ts'
import type { SlabPool } from './slab-pool.ts'

export interface EngineParts {
  readonly options: EngineOptions
  readonly limits: Readonly<Record<keyof typeof ENGINE_DEFAULTS, number>>
  readonly admission: AdmissionRules
  readonly deadlines: DeadlineWheel
  readonly flushes: FlushQueue
  readonly staticFields: readonly HeaderField[]
  readonly huffman: HuffmanDecoder
  readonly slabs: SlabPool
  nowMs(): number
}
