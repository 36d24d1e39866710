/** The shortest input that still does the same. */

import type { Decoder } from './decoder.ts'
import { trial } from './trial.ts'

const TRIALS_MAX = 3000

/** What makes two findings the same: their words, whatever the numbers in them. */
export function kindOf(text: string): string {
  return text.replace(/[0-9a-f]{16}|\d+/g, '#').slice(0, 200)
}

export async function minimise(decoder: Decoder, bytes: Buffer, kind: string): Promise<Buffer> {
  let best = bytes
  let trials = 0
  const isSameFor = async (candidate: Buffer): Promise<boolean> => {
    trials++
    const finding = await trial(decoder, candidate, 2)
    return finding !== undefined && kindOf(finding.message) === kind
  }
  if (!(await isSameFor(best))) return bytes // it needs what came before it
  for (let size = best.length; size >= 1 && trials < TRIALS_MAX; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.length && trials < TRIALS_MAX;) {
      const candidate = Buffer.concat([best.subarray(0, at), best.subarray(at + size)])
      if (await isSameFor(candidate)) best = candidate
      else at += size
    }
  }
  for (let at = 0; at < best.length && trials < TRIALS_MAX; at++) {
    const candidate = Buffer.from(best)
    candidate[at] = 0
    if (best[at] !== 0 && (await isSameFor(candidate))) best = candidate
  }
  return best
}
