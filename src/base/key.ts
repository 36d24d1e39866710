/**
 * Keys inside the program. A `Key` is a latin1 string with one character per byte, so its `<` is
 * byte order, it works as a Map key, and it owns its memory. It is never a UTF-8 string: the key
 * bytes c3 a9 are the two characters "Ã©", not "é".
 */

declare const keyBrand: unique symbol

/** Key bytes as a latin1 string, one character (U+0000..U+00FF) per byte. */
export type Key = string & { readonly [keyBrand]: true }

/** The key of no bytes. Never stored; on the wire it means "not given". */
export const EMPTY_KEY = '' as Key

/** The one-byte key 0x00, which as `range_end` means "no upper bound" in etcd's API. */
export const ZERO_KEY = '\0' as Key

/** Node's method behind `toString('latin1')`. */
interface NativeStrings {
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string
}

const { latin1Slice } = Buffer.prototype as unknown as NativeStrings

/** No Buffer is made for it: a short array would first have to move out of the heap. */
export function keyFromBytes(bytes: Uint8Array, start = 0, end = bytes.length): Key {
  return latin1Slice.call(bytes, start, end) as Key
}

/** For keys the program mints itself and for tests: UTF-8 text to key. */
export function keyFromText(text: string): Key {
  return Buffer.from(text, 'utf8').toString('latin1') as Key
}

export function keyToBytes(key: Key): Uint8Array {
  return Buffer.from(key, 'latin1')
}
