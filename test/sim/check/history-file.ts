/** Files of history lines: written as things happen, read when all is over or has crashed. */

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { History } from './history.ts'
import { HistoryReader } from './history-lines.ts'
import type { JudgeOptions } from './judge.ts'

export interface HistoryFile {
  readonly history: History
  /** What the recorder knew of how to judge it. */
  readonly options: JudgeOptions
  /** 1, when the last line was cut off while it was written. */
  readonly tornLines: number
}

/** Throws on a line that is none, but for the last one, which may be torn. */
export async function readHistoryFile(path: string): Promise<HistoryFile> {
  const reader = new HistoryReader()
  let held: string | undefined
  for await (const line of createInterface({ input: createReadStream(path, 'utf8') })) {
    if (held !== undefined) reader.add(held)
    held = line
  }
  const tornLines = held === undefined || isAdded(reader, held) ? 0 : 1
  return { history: reader.history(), options: reader.options, tornLines }
}

function isAdded(reader: HistoryReader, line: string): boolean {
  try {
    reader.add(line)
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}
