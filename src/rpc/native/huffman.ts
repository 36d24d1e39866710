/**
 * The Huffman code of HPACK (RFC 7541 appendix B), for decoding. The code is canonical: within one
 * length the codes count upwards in symbol order, and the first code of a length follows from the
 * shorter ones. So the lengths alone define it.
 *
 * Decoding walks the code's tree four bits at a time. A code is at least five bits long, so no step
 * brings more than one symbol.
 */

/** Code length in bits of every octet 0–255, then of the end-of-string symbol. */
const CODE_LENGTHS: readonly number[] = [
  [13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  [28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  [6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  [5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  [13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  [7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  [15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  [6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  [20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  [24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  [22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  [21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  [26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  [19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  [20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  [26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
  [30],
].flat()

const LONGEST_CODE_BITS = 30
const END_OF_STRING = 256
/** Padding is shorter than an octet (RFC 7541 §5.2). */
const PADDING_BITS_MAX = 7

// An entry of the step table: next state in the low bits, then the symbol that was completed.
const STATE_BITS = 9
const STATE_MASK = (1 << STATE_BITS) - 1
const SYMBOL_SHIFT = STATE_BITS
const HAS_SYMBOL = 1 << 17
const INVALID = -1

export class HuffmanDecoder {
  /** By state × 16 + the next four bits. */
  readonly #steps: Int32Array
  /** 1 for states in which a string may end: nothing, or only padding, since the last symbol. */
  readonly #isEnd: Uint8Array
  #scratch = Buffer.allocUnsafeSlow(256)

  constructor() {
    const { children, isPadding } = codeTree()
    this.#isEnd = isPadding
    this.#steps = stepTable(children)
  }

  /** Decodes bytes [start, end) to a latin1 string; undefined when they are not valid code. */
  decode(bytes: Uint8Array, start: number, end: number): string | undefined {
    const textMax = Math.floor(((end - start) * 8) / 5)
    if (this.#scratch.length < textMax) this.#scratch = Buffer.allocUnsafeSlow(textMax)
    const text = this.#scratch
    const steps = this.#steps
    let length = 0
    let state = 0
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!
      const high = steps[(state << 4) | (byte >> 4)]!
      if (high === INVALID) return undefined
      if (high >= HAS_SYMBOL) text[length++] = (high >> SYMBOL_SHIFT) & 0xff
      const low = steps[((high & STATE_MASK) << 4) | (byte & 15)]!
      if (low === INVALID) return undefined
      if (low >= HAS_SYMBOL) text[length++] = (low >> SYMBOL_SHIFT) & 0xff
      state = low & STATE_MASK
    }
    return this.#isEnd[state] === 1 ? text.toString('latin1', 0, length) : undefined
  }
}

/** Children of inner node n are at 2n and 2n + 1: an inner node, or ~symbol. The root is 0. */
interface CodeTree {
  readonly children: Int32Array
  readonly isPadding: Uint8Array
}

function codeTree(): CodeTree {
  const nodeCount = CODE_LENGTHS.length - 1
  const children = new Int32Array(2 * nodeCount)
  let used = 1
  let code = 0
  for (let bits = 1; bits <= LONGEST_CODE_BITS; bits++) {
    code *= 2
    CODE_LENGTHS.forEach((length, symbol) => {
      if (length !== bits) return
      let node = 0
      for (let bit = bits - 1; bit > 0; bit--) {
        const slot = 2 * node + ((code >>> bit) & 1)
        if (children[slot] === 0) children[slot] = used++
        node = children[slot]!
      }
      children[2 * node + (code & 1)] = ~symbol
      code++
    })
  }
  const isPadding = new Uint8Array(nodeCount)
  for (let node = 0, bits = 0; bits <= PADDING_BITS_MAX; bits++) {
    isPadding[node] = 1
    node = children[2 * node + 1]!
  }
  return { children, isPadding }
}

function stepTable(children: Int32Array): Int32Array {
  const steps = new Int32Array(children.length * 8)
  for (let state = 0; state < children.length / 2; state++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      steps[state * 16 + nibble] = step(children, state, nibble)
    }
  }
  return steps
}

function step(children: Int32Array, state: number, nibble: number): number {
  let node = state
  let symbol = -1
  for (let bit = 3; bit >= 0; bit--) {
    const child = children[2 * node + ((nibble >> bit) & 1)]!
    if (child >= 0) {
      node = child
      continue
    }
    symbol = ~child
    if (symbol === END_OF_STRING) return INVALID
    node = 0
  }
  return symbol < 0 ? node : HAS_SYMBOL | (symbol << SYMBOL_SHIFT) | node
}
