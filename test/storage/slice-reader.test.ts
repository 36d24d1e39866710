/** One of the threads that read a database, here in the thread of the test. */

import { expect, onTestFinished, test } from 'vitest'

import type { LevelDatabase } from '../../src/storage/level.ts'
import { openLevel } from '../../src/storage/level.ts'
import { RecordCodec } from '../../src/storage/record-codec.ts'
import { unpackRecords } from '../../src/storage/record-parcel.ts'
import { SliceReader } from '../../src/storage/slice-reader.ts'
import type { ReaderReport } from '../../src/storage/slice-reader.ts'
import { keyFromText } from '../../src/base/key.ts'
import { bytes, fastTemporaryDirectory } from '../support/storage.ts'

const MIB = 1024 * 1024
const ALL = { start: bytes('\x02'), end: bytes('\x03') }

/** A database with `count` records of `valueBytes` each, the keys being three digits. */
async function filled(count: number, valueBytes: number): Promise<LevelDatabase> {
  const directory = await fastTemporaryDirectory()
  const opened = await openLevel(directory, {
    writeBufferSize: MIB,
    cacheSize: MIB,
    maxFileSize: MIB,
    maxOpenFiles: 100,
  })
  if (!opened.ok) throw new Error(opened.message)
  const { db } = opened
  onTestFinished(() => db.close())
  const codec = new RecordCodec()
  for (let i = 0; i < count; i++) {
    const { key, value } = codec.encode(keyFromText(nameOf(i)), Buffer.alloc(valueBytes, i))
    await db.put(key, value)
  }
  return db
}

function nameOf(record: number): string {
  return String(record).padStart(3, '0')
}

class Reports {
  readonly all: ReaderReport[] = []
  #onReport: (() => void) | undefined

  readonly send = (report: ReaderReport): void => {
    this.all.push(report)
    this.#onReport?.()
  }

  async count(count: number): Promise<void> {
    while (this.all.length < count) {
      await new Promise<void>((resolve) => {
        this.#onReport = resolve
      })
    }
  }

  parcel(at: number): ArrayBuffer {
    const report = this.all[at]
    if (report?.type !== 'parcel') throw new Error(`report ${at} is no parcel`)
    return report.parcel
  }

  /** The keys in order, a slice's end being '|'. */
  get text(): string[] {
    return this.all.flatMap((report) => {
      if (report.type !== 'parcel') return [report.type === 'slice-end' ? '|' : report.type]
      return unpackRecords(report.parcel).map(({ key }) => Buffer.from(key).toString())
    })
  }
}

test('slices are read one after the other, and each has an end', async () => {
  const db = await filled(5, 10)
  const reports = new Reports()
  await new SliceReader(db, reports.send).read([
    { start: bytes('\x02001'), end: bytes('\x02003') },
    { start: bytes('\x02x'), end: bytes('\x02y') },
    { start: bytes('\x02004'), end: bytes('\x03') },
  ])
  expect(reports.text).toEqual(['001', '002', '|', '|', '004', '|'])
})

test('a reader is five MiB ahead, and goes on in the memory that comes back', async () => {
  // A record that is larger than a parcel should be has one for itself.
  const db = await filled(20, MIB)
  const reports = new Reports()
  const reader = new SliceReader(db, reports.send)
  const reading = reader.read([ALL])
  await reports.count(5)
  const used: ArrayBuffer[] = []
  for (let i = 0; i < 15; i++) {
    // Had it room for more, it would have used it by the time that the database answers these.
    for (let j = 0; j < 20; j++) await db.get(bytes('\x02000'))
    expect(reports.all).toHaveLength(5 + i)
    const parcel = reports.parcel(i)
    expect(unpackRecords(parcel)).toMatchObject([{ key: bytes(nameOf(i)) }])
    used.push(parcel)
    reader.obey({ type: 'used', parcel })
    await reports.count(6 + i)
    expect(reports.parcel(5 + i) === parcel, 'the same memory').toBe(true)
  }
  await reading
  expect(new Set(used).size).toBe(5)
  expect(reports.all).toHaveLength(21)
})

test('a record that is larger than the memory that came back has memory of its own', async () => {
  const db = await filled(1, 10)
  const codec = new RecordCodec()
  const large = codec.encode(keyFromText('001'), Buffer.alloc(MIB, 1))
  await db.put(large.key, large.value)
  const reports = new Reports()
  const reader = new SliceReader(db, reports.send)
  const one = { start: bytes('\x02000'), end: bytes('\x02001') }
  await reader.read([one])
  const small = reports.parcel(0)
  reader.obey({ type: 'used', parcel: small })
  await reader.read([ALL])
  const [, last] = unpackRecords(reports.parcel(2))
  expect(reports.parcel(2) === small).toBe(false)
  expect(Buffer.alloc(MIB, 1).equals(last?.value ?? bytes(''))).toBe(true)
})

test('a reader that is told to end leaves the rest, whether it waits for room or not', async () => {
  const db = await filled(20, MIB)
  for (const parcels of [0, 3, 5]) {
    const reports = new Reports()
    const reader = new SliceReader(db, reports.send)
    const reading = reader.read([ALL])
    await reports.count(parcels)
    reader.obey({ type: 'end' })
    await reading
    expect(reports.text).toEqual(Array.from({ length: reports.all.length }, (_, i) => nameOf(i)))
    expect(reports.all.length).toBeLessThan(20)
  }
})

test('a damaged record is the last that is told of', async () => {
  const db = await filled(9, 0.6 * MIB)
  await db.put(bytes('\x02005'), bytes('no value with its checksum'))
  const reports = new Reports()
  await new SliceReader(db, reports.send).read([ALL, ALL])
  expect(reports.text).toEqual(['000', '001', '002', '003', '004', 'damaged'])
  expect(reports.all.at(-1)).toMatchObject({ storedKey: bytes('\x02005') })
})

test('a failure to read is told', async () => {
  const db = await filled(1, 10)
  await db.close()
  const reports = new Reports()
  await new SliceReader(db, reports.send).read([ALL])
  expect(reports.all).toEqual([{ type: 'failed', reason: expect.stringContaining('not open') }])
})
