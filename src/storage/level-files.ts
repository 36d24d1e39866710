/**
 * What LevelDB does not do with its files itself: make its log as long as it will become
 * (extendLogFile), and check that the tables it is about to use are what it once wrote (findDamage).
 * It reads blocks without verifying their checksums, so one flipped bit makes records vanish,
 * come back from the dead, or trip an assertion that ends the process without a word. So before
 * a database is opened, its manifest is read for the list of live tables, and every block of
 * these is checked. (Log files need no help: there LevelDB verifies, and drops what is damaged.)
 *
 * Formats: LevelDB 1.20, doc/log_format.txt, doc/table_format.txt, db/version_edit.cc.
 */

import { open, readdir, readFile, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'

import { crc32c } from './crc32c.ts'
import { reasonOf } from './fail-stop.ts'

/**
 * A phrase about the first damage found in the database's files, or undefined.
 *
 * The log file that the manifest names is looked for as well: it is deleted only when a later
 * edit of the manifest is durable. So if it is gone, that later edit was lost, and with it a
 * table, although the manifest reads like one whose end was torn in a crash.
 */
export async function findDamage(directory: string): Promise<string | undefined> {
  const version = await readVersion(directory)
  if (version === undefined) return undefined
  if (version === 'damaged') return 'its manifest is damaged'
  const { logNumber, tables } = version
  if (logNumber > 0) {
    const log = fileName(logNumber, 'log')
    const found = await stat(join(directory, log)).catch(() => undefined)
    if (found === undefined) return `its log file ${log} is missing, or the manifest lost its end`
  }
  for await (const { name, content } of readTables(directory, tables)) {
    if (typeof content === 'string') return `table ${name} ${content}`
    const damage = tableDamage(content)
    if (damage !== undefined) return `table ${name} is damaged: ${damage}`
  }
  return undefined
}

interface ReadTable {
  readonly name: string
  /** Or a phrase about why there is none. */
  readonly content: Buffer | string
}

/** One after the other; the next is read while one is used, so the memory of two does for all. */
async function* readTables(
  directory: string,
  tables: ReadonlyMap<number, number>,
): AsyncGenerator<ReadTable> {
  const largest = Math.max(0, ...tables.values())
  let [memory, other] = [Buffer.allocUnsafeSlow(largest), Buffer.allocUnsafeSlow(largest)]
  let ahead: Promise<ReadTable> | undefined
  for (const [number, size] of tables) {
    const reading = readTable(directory, number, memory.subarray(0, size))
    if (ahead !== undefined) yield await ahead
    ahead = reading
    ;[memory, other] = [other, memory]
  }
  if (ahead !== undefined) yield await ahead
}

/** Fills `content`, which has the size that the table should have. */
async function readTable(directory: string, number: number, content: Buffer): Promise<ReadTable> {
  const name = fileName(number, 'ldb')
  try {
    const size = await readWhole(join(directory, name), content)
    if (size === content.length) return { name, content }
    return { name, content: `has ${size} bytes instead of ${content.length}` }
  } catch (error) {
    return { name, content: `cannot be read: ${reasonOf(error)}` }
  }
}

/** The size of the file, which was read when that is the size of `content`. */
async function readWhole(path: string, content: Buffer): Promise<number> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    let at = 0
    while (at < size && size === content.length) {
      const { bytesRead } = await file.read(content, at)
      if (bytesRead === 0) return at
      at += bytesRead
    }
    return size
  } finally {
    await file.close()
  }
}

/**
 * Makes the newest log file of an open database at least `bytes` long, zeros behind what is
 * in it. Writes stay where they were going; a reader skips zeros as it skips the end of a file.
 * Call while nobody writes half as much at once: a file that is longer than that is left alone.
 */
export async function extendLogFile(directory: string, bytes: number): Promise<void> {
  const name = newestLogFile(await readdir(directory))
  if (name === undefined) return
  const path = join(directory, name)
  const { size } = await stat(path)
  if (size < bytes / 2) await truncate(path, bytes)
}

/** Of the names in a database's directory: the log file that is written to, while it is open. */
export function newestLogFile(names: readonly string[]): string | undefined {
  const numbers = names.flatMap((name) =>
    /^\d+\.log$/.test(name) ? [Number.parseInt(name, 10)] : [],
  )
  return numbers.length === 0 ? undefined : fileName(Math.max(...numbers), 'log')
}

/** As LevelDB names it. */
function fileName(number: number, ending: 'ldb' | 'log'): string {
  return `${String(number).padStart(6, '0')}.${ending}`
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

/** What the manifest says: the live tables' sizes by number, and the log that goes with them. */
interface Version {
  readonly tables: Map<number, number>
  logNumber: number
}

/** undefined when the manifest is for LevelDB to complain about. */
async function readVersion(directory: string): Promise<Version | 'damaged' | undefined> {
  try {
    const current = await readFile(join(directory, 'CURRENT'), 'latin1')
    const manifest = await readFile(join(directory, current.trimEnd()))
    const version: Version = { tables: new Map(), logNumber: 0 }
    for (const edit of logRecords(manifest)) {
      if (edit === 'damaged') return 'damaged'
      if (!applyEdit(version, new ByteReader(edit))) return undefined
    }
    return version
  } catch {
    return undefined
  }
}

const LOG_BLOCK_BYTES = 32 * 1024
const LOG_HEADER_BYTES = 7

/**
 * The records of a LevelDB log file: fragments in blocks of 32 KiB. It ends at the first bad
 * one: a torn tail when that is in the file's last block, damage when it is before.
 */
function* logRecords(content: Buffer): Generator<Buffer | 'damaged'> {
  let fragments: Buffer[] = []
  let offset = 0
  while (offset + LOG_HEADER_BYTES <= content.length) {
    const left = LOG_BLOCK_BYTES - (offset % LOG_BLOCK_BYTES)
    if (left < LOG_HEADER_BYTES) {
      offset += left
      continue
    }
    const end = offset + LOG_HEADER_BYTES + content.readUInt16LE(offset + 4)
    const type = content[offset + 6] ?? 0
    if (type < 1 || type > 4 || end > content.length || !isChecksumGood(content, offset, end)) {
      if (offset + left < content.length) yield 'damaged'
      return
    }
    if (type === 1 || type === 2) fragments = []
    fragments.push(content.subarray(offset + LOG_HEADER_BYTES, end))
    if (type === 1 || type === 4) yield Buffer.concat(fragments)
    offset = end
  }
}

function isChecksumGood(content: Buffer, offset: number, end: number): boolean {
  return content.readUInt32LE(offset) === masked(crc32c(content, offset + 6, end))
}

/** LevelDB stores checksums rotated, so that a checksum of checksums is none of them. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0
}

/** Applies one version edit (the tags of version_edit.cc); false when it is not understood. */
function applyEdit(version: Version, reader: ByteReader): boolean {
  while (reader.hasMore) {
    switch (reader.varint()) {
      case 1: // comparator
        reader.bytes(reader.varint())
        break
      case 2: // log number
        version.logNumber = reader.varint()
        break
      case 3: // next file number
      case 4: // last sequence
      case 9: // previous log number
        reader.varint()
        break
      case 5: // compaction pointer: level, key
        reader.varint()
        reader.bytes(reader.varint())
        break
      case 6: // deleted table: level, number
        reader.varint()
        version.tables.delete(reader.varint())
        break
      case 7: // new table: level, number, size, smallest and largest key
        reader.varint()
        version.tables.set(reader.varint(), reader.varint())
        reader.bytes(reader.varint())
        reader.bytes(reader.varint())
        break
      default:
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
  const expected = table.readUInt32LE(end + 1)
  return masked(crc32c(table, offset, end + 1)) === expected
    ? undefined
    : `the checksum of its block at ${offset} does not match`
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
