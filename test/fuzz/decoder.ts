/** What is fuzzed: something that takes bytes which others made, and says what it makes of them. */

/** What a decoder must never do, found. */
export class Finding extends Error {
  override readonly name = 'Finding'
}

export interface Decoder {
  /** As in `peer/messages`. */
  readonly name: string
  /** Well-formed inputs that mutation starts from. */
  readonly seeds: readonly Uint8Array[]
  /** How many inputs a full run gives it. */
  readonly inputs: number
  /** What the bytes are made of, beside bytes. */
  readonly form?: 'protobuf' | 'msgpack' | 'text'
  /** What any input may take in memory; 1 MiB when left out. Collected or not: garbage counts. */
  readonly freeBytes?: number
  /** Brings a checksum or length up to date, so that mutations get past it. */
  readonly repair?: (bytes: Buffer) => void
  /**
   * True when the bytes were taken, false when they were refused in the documented way. Throws for
   * everything else, and where a law is broken. A promise where the effects come later.
   */
  run(bytes: Buffer): boolean | Promise<boolean>
}

type ErrorClass = new (...args: never[]) => Error

/** The result, or undefined when it was refused with an error of this class. */
export function unlessRefused<Result>(
  errorClass: ErrorClass,
  decode: () => Result,
): Result | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof errorClass) return undefined
    throw error
  }
}

export function hold(condition: boolean, law: string): void {
  if (!condition) throw new Finding(law)
}

/** Equal as values; byte arrays by their bytes, whatever holds them. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [left, right] = [Object.entries(a), b as Record<string, unknown>]
  if (left.length !== Object.keys(right).length) return false
  return left.every(([key, value]) => Object.hasOwn(right, key) && isSame(value, right[key]))
}

/** Cuts bytes at places that the bytes themselves choose: repeatable, and without borders of mind. */
export function chunksOf(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  let state = (bytes.length * 0x9e37_79b1) >>> 0
  for (let at = 0; at < bytes.length;) {
    state = (Math.imul(state ^ (bytes[at] ?? 0), 0x85eb_ca6b) + 0x27d4_eb2f) >>> 0
    const length = state % 3 === 0 ? 1 + ((state >>> 8) % 4) : 1 + ((state >>> 8) % 96)
    chunks.push(bytes.subarray(at, at + length))
    at += length
  }
  return chunks
}
