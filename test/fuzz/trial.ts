/** One input given to one decoder, under watch: what it took, and what it must not do. */

import { getHeapStatistics } from 'node:v8'
import { Finding, type Decoder } from './decoder.ts'

export const INPUT_MS_MAX = 50
const FREE_BYTES = 1024 * 1024
const BYTES_PER_INPUT_BYTE = 4
/** What was over a bound has to be so each time: a pause or a collection is no fault of the input. */
const REPETITIONS = 20

/** Undefined when all is as it should be. */
export async function trial(
  decoder: Decoder,
  bytes: Buffer,
  repetitions = REPETITIONS,
): Promise<Finding | undefined> {
  let excess = await measured(decoder, bytes)
  for (let i = 0; i < repetitions && excess !== undefined && !excess.isFinal; i++) {
    excess = await measured(decoder, bytes)
  }
  return excess?.finding
}

interface Excess {
  readonly finding: Finding
  /** Trying again would tell nothing new. */
  readonly isFinal: boolean
}

/** Not async: most decoders are not, and a promise costs more than they do. */
export function measured(
  decoder: Decoder,
  bytes: Buffer,
): Excess | undefined | Promise<Excess | undefined> {
  const memory = allocatedBytes()
  const startMs = performance.now()
  try {
    const result = decoder.run(bytes)
    if (typeof result !== 'boolean') return later(result)
  } catch (error) {
    return { finding: findingOf(error), isFinal: true }
  }
  const tookMs = performance.now() - startMs
  if (tookMs > INPUT_MS_MAX) return excess(`an input took ${Math.round(tookMs)} ms`)
  const taken = allocatedBytes() - memory
  const { freeBytes = FREE_BYTES } = decoder
  const bound = BYTES_PER_INPUT_BYTE * bytes.length + freeBytes
  return taken > bound ? excess(`an input took ${taken} bytes of memory`) : undefined
}

/** What takes several turns shares them with timers and other calls: its memory is not its own. */
async function later(result: Promise<boolean>): Promise<Excess | undefined> {
  try {
    await result
    return undefined
  } catch (error) {
    return { finding: findingOf(error), isFinal: true }
  }
}

function excess(text: string): Excess {
  return { finding: new Finding(text), isFinal: false }
}

export function findingOf(error: unknown): Finding {
  if (error instanceof Finding) return error
  if (!(error instanceof Error)) return new Finding(`threw ${String(error)}`)
  const finding = new Finding(`${error.name}: ${error.message}`)
  if (error.stack !== undefined) finding.stack = error.stack
  return finding
}

/** In this thread, collected or not. */
function allocatedBytes(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics()
  return heap + external
}
