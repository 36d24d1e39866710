/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), eight bytes per step. Table k maps a
 * byte to its remainder after k further zero bytes, so that eight look-ups advance eight bytes.
 */

const POLYNOMIAL = 0x82f63b78

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder & 1) === 0 ? remainder >>> 1 : (remainder >>> 1) ^ POLYNOMIAL
    }
    tables[byte] = remainder
  }
  for (let i = 256; i < tables.length; i++) {
    const previous = tables[i - 256]!
    tables[i] = (previous >>> 8) ^ tables[previous & 0xff]!
  }
  return tables
}

const TABLES = makeTables()

/**
 * The checksum of `bytes`, as an unsigned 32-bit number. Pass the checksum of what came before
 * as `previous` to go on from there: crc32c(b, crc32c(a)) is the checksum of a followed by b.
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  const t = TABLES
  let crc = ~previous
  let i = 0
  const wholeEnd = bytes.length - 7
  for (; i < wholeEnd; i += 8) {
    const low =
      crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
    crc =
      t[1792 + (low & 0xff)]! ^
      t[1536 + ((low >>> 8) & 0xff)]! ^
      t[1280 + ((low >>> 16) & 0xff)]! ^
      t[1024 + (low >>> 24)]! ^
      t[768 + bytes[i + 4]!]! ^
      t[512 + bytes[i + 5]!]! ^
      t[256 + bytes[i + 6]!]! ^
      t[bytes[i + 7]!]!
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 0xff]!
  return ~crc >>> 0
}
