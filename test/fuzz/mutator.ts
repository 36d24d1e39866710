/** Makes inputs out of others: bytes, numbers and lengths changed blindly, or by the form they have. */

import type { Decoder } from './decoder.ts'
import { mutateValues } from './packed-values.ts'
import { edgeVarint, mutateFields } from './protobuf-fields.ts'
import type { Random } from './random.ts'

/** Longer ones are cut: what is to be found is found with short ones, and sooner. */
export const INPUT_BYTES_MAX = 4096

const EDGE_BYTES = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x3f, 0x40, 0xc0, 0xdd, 0xdf]
/** Big-endian numbers of a length or count. */
const EDGE_NUMBERS = [
  0,
  1,
  5,
  127,
  128,
  255,
  256,
  16_384,
  65_535,
  2 ** 24 - 1,
  2 ** 31,
  2 ** 32 - 1,
]
const SNIPPETS = [
  ':',
  '=',
  ',',
  '-',
  '--',
  '\n',
  ' ',
  '"',
  "'",
  '[',
  '{',
  '&a',
  '*a',
  '!!',
  '\t',
  '%',
]

export class Mutator {
  readonly #random: Random
  readonly #form: Decoder['form']
  readonly #repair: Decoder['repair']

  constructor(random: Random, { form, repair }: Pick<Decoder, 'form' | 'repair'>) {
    this.#random = random
    this.#form = form
    this.#repair = repair
  }

  next(corpus: readonly Buffer[]): Buffer {
    const random = this.#random
    let bytes: Buffer = Buffer.from(random.pick(corpus))
    let steps = 1
    while (steps < 6 && random.oneIn(2)) steps++
    for (let i = 0; i < steps; i++) bytes = this.#step(bytes, corpus)
    if (bytes.length > INPUT_BYTES_MAX) bytes = bytes.subarray(0, INPUT_BYTES_MAX)
    if (this.#repair !== undefined && random.below(8) > 0) this.#repair(bytes)
    return bytes
  }

  #step(bytes: Buffer, corpus: readonly Buffer[]): Buffer {
    const random = this.#random
    const formed = random.oneIn(2) ? this.#formed(bytes) : undefined
    if (formed !== undefined) return formed
    if (bytes.length === 0) return this.#inserted(bytes)
    const at = random.below(bytes.length)
    switch (random.below(11)) {
      case 0:
        bytes[at] = bytes[at]! ^ (1 << random.below(8))
        return bytes
      case 1:
        bytes[at] = random.oneIn(2) ? random.below(256) : random.pick(EDGE_BYTES)
        return bytes
      case 2:
        return this.#inserted(bytes)
      case 3:
        return spliced(bytes, at, 1 + random.below(Math.min(16, bytes.length - at)))
      case 4:
        return this.#doubled(bytes, at)
      case 5:
        return bytes.subarray(0, at)
      case 6: {
        const other = random.pick(corpus)
        return Buffer.concat([
          bytes.subarray(0, at),
          other.subarray(random.below(other.length + 1)),
        ])
      }
      case 7: // a varint takes the place of another
        return spliced(bytes, at, varintBytes(bytes, at), edgeVarint(random))
      case 8:
        return this.#numbered(bytes, at)
      case 9: // a tag's wire type or field number, a token's kind
        bytes[at] = random.oneIn(2)
          ? bytes[at]! ^ random.below(8)
          : bytes[at]! + 8 * random.below(32)
        return bytes
      default: // a little more or less, as a length may be
        bytes[at] = bytes[at]! + random.pick([-1, 1, 2])
        return bytes
    }
  }

  #formed(bytes: Buffer): Buffer | undefined {
    if (this.#form === 'protobuf') return mutateFields(bytes, this.#random)
    if (this.#form === 'msgpack') return mutateValues(bytes, this.#random)
    if (this.#form !== 'text') return undefined
    const at = this.#random.below(bytes.length + 1)
    return spliced(bytes, at, 0, Buffer.from(this.#random.pick(SNIPPETS)))
  }

  #inserted(bytes: Buffer): Buffer {
    const random = this.#random
    const more = Buffer.alloc(1 + random.below(8), random.below(256))
    if (random.oneIn(2)) for (let i = 0; i < more.length; i++) more[i] = random.below(256)
    return spliced(bytes, random.below(bytes.length + 1), 0, more)
  }

  #doubled(bytes: Buffer, at: number): Buffer {
    const piece = bytes.subarray(at, at + 1 + this.#random.below(64))
    const times = this.#random.oneIn(8) ? 1 + this.#random.below(64) : 1
    return spliced(bytes, at, 0, Buffer.concat(Array.from({ length: times }, () => piece)))
  }

  #numbered(bytes: Buffer, at: number): Buffer {
    const width = this.#random.pick([1, 2, 3, 4])
    if (at + width > bytes.length) return bytes
    bytes.writeUIntBE(this.#random.pick(EDGE_NUMBERS) % 2 ** (8 * width), at, width)
    return bytes
  }
}

function varintBytes(bytes: Buffer, at: number): number {
  let end = at
  while (end < bytes.length && bytes[end]! >= 128) end++
  return Math.min(end + 1, bytes.length) - at
}

function spliced(bytes: Buffer, at: number, count: number, more?: Buffer): Buffer {
  const parts = [bytes.subarray(0, at), bytes.subarray(at + count)]
  return Buffer.concat(more === undefined ? parts : parts.toSpliced(1, 0, more))
}
