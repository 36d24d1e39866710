/**
 * A small file beside the log that says how far the log was durable. LevelDB takes a log file
 * whose tail is cut or damaged for the trace of a crash and goes on without the tail; only a
 * witness outside of it can tell a write that nobody was promised from one that was.
 *
 *   0 magic 'QDM1'   4 CRC-32 of the rest   8 sequence (u64)   16 last index (u64)
 *   24 checksum of that block
 *
 * It is written some milliseconds behind the synced blocks, without a sync of its own and without
 * anybody waiting. Invariant: it may lag behind the log (a kill, a power cut), it never runs ahead of it.
 */

import { crc32 } from 'node:zlib'

import type { Files, RewrittenFile } from './files.ts'
import { readUint64, writeUint64 } from './uint64.ts'

const MAGIC = 0x5144_4d31
const BYTES = 28
const CHECKED_FROM = 8

/** Why a delay: at each block, it took a tenth of the time in which one client's put is answered. */
const DELAY_MS = 10

export interface DurableMark {
  readonly sequence: number
  readonly lastIndex: number
  readonly checksum: number
}

export type RecoveredMark =
  | { readonly kind: 'found'; readonly mark: DurableMark }
  | { readonly kind: 'missing' }
  | { readonly kind: 'garbled' }

export async function readMarker(files: Files, path: string): Promise<RecoveredMark> {
  const bytes = await files.read(path)
  if (bytes === undefined) return { kind: 'missing' }
  if (bytes.length !== BYTES || bytes.readUInt32BE(0) !== MAGIC) return { kind: 'garbled' }
  if (crc32(bytes.subarray(CHECKED_FROM)) !== bytes.readUInt32BE(4)) return { kind: 'garbled' }
  const sequence = readUint64(bytes, 8)
  const lastIndex = readUint64(bytes, 16)
  return { kind: 'found', mark: { sequence, lastIndex, checksum: bytes.readUInt32BE(24) } }
}

export class DurableMarker {
  readonly #file: RewrittenFile
  readonly #onError: (error: Error) => void
  readonly #bytes: Buffer
  #next: DurableMark | undefined
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined

  private constructor(file: RewrittenFile, onError: (error: Error) => void) {
    this.#file = file
    this.#onError = onError
    this.#bytes = Buffer.alloc(BYTES)
    this.#next = undefined
    this.#timer = undefined
    this.#writing = undefined
  }

  static async open(
    files: Files,
    path: string,
    onError: (error: Error) => void,
  ): Promise<DurableMarker> {
    return new DurableMarker(await files.openRewritten(path), onError)
  }

  /** Says that everything up to `mark` is durable. Returns at once; what is written is the newest mark. */
  record(mark: DurableMark): void {
    this.#next = mark
    this.#schedule()
  }

  /** Writes what was recorded last. */
  async close(): Promise<void> {
    await this.#writing
    clearTimeout(this.#timer)
    await this.#write()
    await this.#file.close()
  }

  #schedule(): void {
    if (this.#writing !== undefined) return
    this.#timer ??= setTimeout(() => void this.#write(), DELAY_MS)
  }

  #write(): Promise<void> {
    const mark = this.#next
    this.#next = undefined
    this.#timer = undefined
    if (mark === undefined) return Promise.resolve()
    this.#encode(mark)
    this.#writing = new Promise((resolve) => {
      this.#file.rewrite(this.#bytes, (error) => {
        if (error !== null) this.#onError(error)
        this.#writing = undefined
        if (this.#next !== undefined) this.#schedule()
        resolve()
      })
    })
    return this.#writing
  }

  #encode(mark: DurableMark): void {
    this.#bytes.writeUInt32BE(MAGIC, 0)
    writeUint64(this.#bytes, mark.sequence, 8)
    writeUint64(this.#bytes, mark.lastIndex, 16)
    this.#bytes.writeUInt32BE(mark.checksum, 24)
    this.#bytes.writeUInt32BE(crc32(this.#bytes.subarray(CHECKED_FROM)), 4)
  }
}
