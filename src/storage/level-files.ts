/**
 * What LevelDB does not check itself: that the tables it is about to use are what it once wrote.
 * It reads blocks without verifying their checksums, so one flipped bit makes records vanish,
 * come back from the dead, or trip an assertion that ends the process without a word. So before
 * a database is opened, its manifest is read for the list of live tables, and every block of
 * these is checked. (Log files need no help: there LevelDB verifies, and drops what is damaged.)
 *
 * Formats: LevelDB 1.20, doc/log_format.txt, doc/table_format.txt, db/version_edit.cc.
 */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { crc32c } from './crc32c.ts'
import { reasonOf } from './fail-stop.ts'

/** A phrase about the first damaged table of the database, or undefined: all are whole. */
export async function findDamagedTable(directory: string): Promise<string | undefined> {
  const tables = await liveTables(directory)
  for (const [number, size] of tables ?? []) {
    const name = `${String(number).padStart(6, '0')}.ldb`
    const content = await readFile(join(directory, name)).catch((error: unknown) => error)
    if (!Buffer.isBuffer(content)) return `table ${name} cannot be read: ${reasonOf(content)}`
    if (content.length !== size) {
      return `table ${name} has ${content.length} bytes instead of ${size}`
    }
    const damage = tableDamage(content)
    if (damage !== undefined) return `table ${name} is damaged: ${damage}`
  }
  return undefined
}

/** Reads little-endian numbers and LevelDB's varints; `failed` when the bytes ran out. */
class ByteReader {
  readonly #bytes: Buffer
  #offset: number
  failed: boolean

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.#offset = 0
    this.failed = false
  }

  get hasMore(): boolean {
    return !this.failed && this.#offset < this.#bytes.length
  }

  varint(): number {
    let value = 0
    for (let scale = 1; scale < 2 ** 63; scale *= 128) {
      const byte = this.#bytes[this.#offset++]
      if (byte === undefined) break
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
    this.failed = true
    return 0
  }

  bytes(length: number): Buffer {
    const start = this.#offset
    this.#offset += length
    if (this.#offset > this.#bytes.length) this.failed = true
    return this.#bytes.subarray(start, this.#offset)
  }
}

/** Live table numbers and sizes; undefined when the manifest is for LevelDB to complain about. */
async function liveTables(directory: string): Promise<Map<number, number> | undefined> {
  try {
    const current = await readFile(join(directory, 'CURRENT'), 'latin1')
    const manifest = await readFile(join(directory, current.trimEnd()))
    const tables = new Map<number, number>()
    for (const edit of logRecords(manifest)) {
      if (!applyEdit(tables, new ByteReader(edit))) return undefined
    }
    return tables
  } catch {
    return undefined
  }
}

const LOG_BLOCK_BYTES = 32 * 1024
const LOG_HEADER_BYTES = 7

/** The records of a LevelDB log file: fragments in blocks of 32 KiB. Stops at a torn tail. */
function* logRecords(content: Buffer): Generator<Buffer> {
  let fragments: Buffer[] = []
  let offset = 0
  while (offset + LOG_HEADER_BYTES <= content.length) {
    const left = LOG_BLOCK_BYTES - (offset % LOG_BLOCK_BYTES)
    if (left < LOG_HEADER_BYTES) {
      offset += left
      continue
    }
    const length = content.readUInt16LE(offset + 4)
    const type = content[offset + 6] ?? 0
    const end = offset + LOG_HEADER_BYTES + length
    if (type < 1 || type > 4 || end > content.length) return
    if (type === 1 || type === 2) fragments = []
    fragments.push(content.subarray(offset + LOG_HEADER_BYTES, end))
    if (type === 1 || type === 4) yield Buffer.concat(fragments)
    offset = end
  }
}

/** Applies one version edit; false when it cannot be understood. */
function applyEdit(tables: Map<number, number>, reader: ByteReader): boolean {
  while (reader.hasMore) {
    const tag = reader.varint()
    if (tag === 1) {
      reader.bytes(reader.varint())
    } else if (tag === 2 || tag === 3 || tag === 4 || tag === 9) {
      reader.varint()
    } else if (tag === 5) {
      reader.varint()
      reader.bytes(reader.varint())
    } else if (tag === 6) {
      reader.varint()
      tables.delete(reader.varint())
    } else if (tag === 7) {
      reader.varint()
      tables.set(reader.varint(), reader.varint())
      reader.bytes(reader.varint())
      reader.bytes(reader.varint())
    } else {
      return false
    }
  }
  return !reader.failed
}

const FOOTER_BYTES = 48
const BLOCK_TRAILER_BYTES = 5
const TABLE_MAGIC = Buffer.from('57fb808b247547db', 'hex')
const UNCOMPRESSED = 0

interface BlockHandle {
  readonly offset: number
  readonly size: number
}

/** Checks every block of a table: index, filter, data. */
function tableDamage(table: Buffer): string | undefined {
  const footer = table.subarray(table.length - FOOTER_BYTES)
  if (table.length < FOOTER_BYTES || !footer.subarray(40).equals(TABLE_MAGIC)) {
    return 'its footer is not that of a table'
  }
  const reader = new ByteReader(footer)
  const roots = [readHandle(reader), readHandle(reader)]
  if (reader.failed) return 'its footer cannot be read'
  for (const root of roots) {
    const damage = blockDamage(table, root)
    if (damage !== undefined) return damage
    for (const handle of handlesIn(table, root)) {
      const inner = blockDamage(table, handle)
      if (inner !== undefined) return inner
    }
  }
  return undefined
}

function readHandle(reader: ByteReader): BlockHandle {
  return { offset: reader.varint(), size: reader.varint() }
}

function blockDamage(table: Buffer, { offset, size }: BlockHandle): string | undefined {
  const end = offset + size
  if (end + BLOCK_TRAILER_BYTES > table.length) return `a block at ${offset} passes its end`
  const crc = crc32c(table, offset, end + 1)
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0
  const expected = table.readUInt32LE(end + 1)
  return masked === expected ? undefined : `the checksum of its block at ${offset} does not match`
}

/** The handles that an index block (already checked) points to. */
function handlesIn(table: Buffer, { offset, size }: BlockHandle): readonly BlockHandle[] {
  const block = table.subarray(offset, offset + size)
  if (table[offset + size] !== UNCOMPRESSED || size < 4) return []
  const restarts = block.readUInt32LE(size - 4)
  const reader = new ByteReader(block.subarray(0, size - 4 - restarts * 4))
  const handles: BlockHandle[] = []
  while (reader.hasMore) {
    reader.varint()
    const keyBytes = reader.varint()
    const valueBytes = reader.varint()
    reader.bytes(keyBytes)
    handles.push(readHandle(new ByteReader(reader.bytes(valueBytes))))
  }
  return handles
}
