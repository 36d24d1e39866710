/**
 * The records of a batch in one piece of memory, to be handed from one thread to another:
 *
 *     count | length of key, of value | … | key, value | …
 *
 * The numbers are 32 bits wide, as this machine has them.
 */

import type { BackendRecord } from '../base/ports.ts'

const NUMBER_BYTES = 4

/** In memory that `allocate` gives for so many bytes, or more. */
export function packRecords(
  records: readonly BackendRecord[],
  allocate: (bytes: number) => ArrayBuffer = (bytes) => new ArrayBuffer(bytes),
): ArrayBuffer {
  const numbers = 1 + 2 * records.length
  let bytes = NUMBER_BYTES * numbers
  for (const { key, value } of records) bytes += key.length + value.length
  const parcel = allocate(bytes)
  const lengths = new Uint32Array(parcel, 0, numbers)
  const content = new Uint8Array(parcel, NUMBER_BYTES * numbers)
  let at = 0
  let number = 0
  lengths[number++] = records.length
  for (const { key, value } of records) {
    lengths[number++] = key.length
    lengths[number++] = value.length
    content.set(key, at)
    content.set(value, at + key.length)
    at += key.length + value.length
  }
  return parcel
}

/** The records, as views into the parcel. */
export function unpackRecords(parcel: ArrayBuffer): BackendRecord[] {
  const [count = 0] = new Uint32Array(parcel, 0, 1)
  const lengths = new Uint32Array(parcel, NUMBER_BYTES, 2 * count)
  const content = Buffer.from(parcel, NUMBER_BYTES * (1 + 2 * count))
  const records: BackendRecord[] = []
  let at = 0
  for (let i = 0; i < lengths.length; i += 2) {
    const valueStart = at + (lengths[i] ?? 0)
    const end = valueStart + (lengths[i + 1] ?? 0)
    records.push({
      key: content.subarray(at, valueStart),
      value: content.subarray(valueStart, end),
    })
    at = end
  }
  return records
}
