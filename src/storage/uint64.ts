/**
 * 64-bit unsigned integers on disk: two big-endian halves, because indexes, terms and sequence
 * numbers are safe integers inside and a detour through bigint costs a microsecond.
 */

const HALF = 0x1_0000_0000

export function writeUint64(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32BE(Math.floor(value / HALF), offset)
  bytes.writeUInt32BE(value % HALF, offset + 4)
}

/** The value, which is not a safe integer when the bytes are garbage: check where it matters. */
export function readUint64(bytes: Buffer, offset: number): number {
  return bytes.readUInt32BE(offset) * HALF + bytes.readUInt32BE(offset + 4)
}

/** A view, never a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
