import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeaderTable, staticTable } from '../../../src/rpc/native/header-table.ts'
import { HpackDecoder } from '../../../src/rpc/native/hpack-decoder.ts'
import { HuffmanDecoder } from '../../../src/rpc/native/huffman.ts'
import { ConnectionError, ERROR } from '../../../src/rpc/native/protocol.ts'
import { plain, prefixed } from './raw-client.ts'

const STATIC = staticTable()
const HUFFMAN = new HuffmanDecoder()

class Decoding {
  readonly table: HeaderTable
  readonly #decoder: HpackDecoder

  constructor(allowedBytes = 4096) {
    this.table = new HeaderTable(STATIC, allowedBytes)
    this.#decoder = new HpackDecoder(this.table, HUFFMAN)
  }

  decode(block: Buffer | string): string[] {
    const bytes =
      typeof block === 'string' ? Buffer.from(block.replaceAll(/\s/g, ''), 'hex') : block
    const fields: string[] = []
    // Not at the beginning of its buffer, as in a frame.
    const buffer = Buffer.concat([Buffer.of(0xff), bytes, Buffer.of(0xff)])
    this.#decoder.decode(buffer, 1, buffer.length - 1, {
      onField: ({ name, value }) => void fields.push(`${name}: ${value}`),
    })
    return fields
  }

  /** Newest first, as the RFC prints it. */
  dynamic(): string[] {
    return Array.from({ length: this.table.count }, (_, i) => {
      const field = this.table.at(62 + i)!
      return `${field.name}: ${field.value}`
    })
  }
}

function codeOf(run: () => void): number | undefined {
  try {
    run()
  } catch (error) {
    if (error instanceof ConnectionError) return error.code
    throw error
  }
  return undefined
}

describe('RFC 7541 appendix C', () => {
  test('C.1: integers', () => {
    expect(prefixed(0, 5, 10).toString('hex')).toBe('0a')
    expect(prefixed(0, 5, 1337).toString('hex')).toBe('1f9a0a')
    expect(prefixed(0, 8, 42).toString('hex')).toBe('2a')
  })

  test('C.2.1: a literal with indexing', () => {
    const decoding = new Decoding()
    expect(
      decoding.decode('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'),
    ).toEqual(['custom-key: custom-header'])
    expect(decoding.dynamic()).toEqual(['custom-key: custom-header'])
    expect(decoding.table.usedBytes).toBe(55)
  })

  test('C.2.2 to C.2.4: without indexing, never indexed, indexed', () => {
    const decoding = new Decoding()
    expect(decoding.decode('040c 2f73 616d 706c 652f 7061 7468')).toEqual([':path: /sample/path'])
    expect(decoding.decode('1008 7061 7373 776f 7264 0673 6563 7265 74')).toEqual([
      'password: secret',
    ])
    expect(decoding.decode('82')).toEqual([':method: GET'])
    expect(decoding.dynamic()).toEqual([])
  })

  const REQUESTS = [
    [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
    [
      ':method: GET',
      ':scheme: http',
      ':path: /',
      ':authority: www.example.com',
      'cache-control: no-cache',
    ],
    [
      ':method: GET',
      ':scheme: https',
      ':path: /index.html',
      ':authority: www.example.com',
      'custom-key: custom-value',
    ],
  ]
  test.each([
    [
      'C.3: requests without Huffman coding',
      [
        '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        '8286 84be 5808 6e6f 2d63 6163 6865',
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
      ],
    ],
    [
      'C.4: requests with Huffman coding',
      [
        '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
        '8286 84be 5886 a8eb 1064 9cbf',
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
      ],
    ],
  ])('%s', (_name, blocks) => {
    const decoding = new Decoding()
    expect(blocks.map((block) => decoding.decode(block))).toEqual(REQUESTS)
    expect(decoding.dynamic()).toEqual([
      'custom-key: custom-value',
      'cache-control: no-cache',
      ':authority: www.example.com',
    ])
    expect(decoding.table.usedBytes).toBe(164)
  })

  const COOKIE = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'
  const DATE = 'date: Mon, 21 Oct 2013 20:13:21 GMT'
  const LATER = 'date: Mon, 21 Oct 2013 20:13:22 GMT'
  const LOCATION = 'location: https://www.example.com'
  test.each([
    [
      'C.5: responses without Huffman coding, with evictions',
      [
        `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
         2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70
         6c65 2e63 6f6d`,
        '4803 3330 37c1 c0bf',
        `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d
         54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049
         5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e
         3d31`,
      ],
    ],
    [
      'C.6: responses with Huffman coding, with evictions',
      [
        `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
         2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
        '4883 640e ffc1 c0bf',
        `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab
         77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f
         9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
      ],
    ],
  ])('%s', (_name, blocks) => {
    const decoding = new Decoding(256)
    expect(decoding.decode(blocks[0]!)).toEqual([
      ':status: 302',
      'cache-control: private',
      DATE,
      LOCATION,
    ])
    expect(decoding.table.usedBytes).toBe(222)
    expect(decoding.decode(blocks[1]!)).toEqual([
      ':status: 307',
      'cache-control: private',
      DATE,
      LOCATION,
    ])
    expect(decoding.dynamic()[0]).toBe(':status: 307')
    expect(decoding.decode(blocks[2]!)).toEqual([
      ':status: 200',
      'cache-control: private',
      LATER,
      LOCATION,
      'content-encoding: gzip',
      COOKIE,
    ])
    expect(decoding.dynamic()).toEqual([COOKIE, 'content-encoding: gzip', LATER])
    expect(decoding.table.usedBytes).toBe(215)
  })
})

describe('what is refused, as COMPRESSION_ERROR', () => {
  test.each([
    ['index 0 (§6.1)', '80'],
    ['an index in neither table', 'be'],
    ['a name index in neither table', '7f00 0161'],
    ['an integer that goes on for ever (§5.1)', `ff${'ff'.repeat(20)}01`],
    ['an integer beyond any limit', 'ffffffffff7f'],
    ['an integer that would be small in 32 bits', 'ff83ffffff0f'],
    ['an integer that is cut short', 'ff80'],
    ['a name longer than its block', '0005 6162'],
    ['a value longer than its block', '0001 6102 62'],
    ['a string without a length', '00'],
    ['a value that is missing', '0001 61'],
    ['invalid Huffman code', '0081 18 0161'],
    ['a table larger than the setting (§6.3)', '3fe21f'],
    ['a table size update behind a field (§4.2)', '8220'],
  ])('%s', (_name, block) => {
    expect(codeOf(() => new Decoding().decode(block))).toBe(ERROR.COMPRESSION_ERROR)
  })

  test('any bytes are fields or a COMPRESSION_ERROR, and the table keeps its size', () => {
    const decoding = new Decoding(200)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const code = codeOf(() => void decoding.decode(Buffer.from(bytes)))
        expect([undefined, ERROR.COMPRESSION_ERROR]).toContain(code)
        expect(decoding.table.usedBytes).toBeLessThanOrEqual(200)
      }),
      { numRuns: 2000 },
    )
  })
})

test('an index beyond the table is refused, also when the ring behind it is full', () => {
  const decoding = new Decoding(320)
  for (let i = 0; i < 100; i++) decoding.decode('400001 61') // 33 bytes each
  expect(decoding.table.count).toBe(9)
  for (let index = 62; index < 62 + 9; index++) {
    expect(decoding.decode(prefixed(0x80, 7, index))).toEqual([': a'])
  }
  for (let index = 62 + 9; index < 62 + 40; index++) {
    expect(codeOf(() => void decoding.decode(prefixed(0x80, 7, index)))).toBe(
      ERROR.COMPRESSION_ERROR,
    )
  }
})

/** A dumb encoder and its table, as a client might be. */
type Step =
  | { readonly type: 'add'; readonly name: string; readonly value: string }
  | { readonly type: 'literal'; readonly name: string; readonly value: string }
  | { readonly type: 'resize'; readonly bytes: number }
  | { readonly type: 'repeat'; readonly pick: number }

const word = fc.string({ minLength: 1, maxLength: 40 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('add' as const), name: word, value: word }),
  fc.record({ type: fc.constant('literal' as const), name: word, value: word }),
  fc.record({ type: fc.constant('resize' as const), bytes: fc.nat(512) }),
  fc.record({ type: fc.constant('repeat' as const), pick: fc.nat(1000) }),
)

test('the dynamic table follows any encoder', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const decoding = new Decoding(512)
      let model: string[] = [] // newest first
      let maxBytes = 512
      const evict = (): void => {
        const sizeOf = (text: string): number => text.length - 2 + 32
        while (model.reduce((sum, text) => sum + sizeOf(text), 0) > maxBytes) model.pop()
      }
      for (const one of steps) {
        if (one.type === 'resize') {
          maxBytes = one.bytes
          evict()
          expect(decoding.decode(prefixed(0x20, 5, one.bytes))).toEqual([])
        } else if (one.type === 'repeat') {
          if (model.length === 0) continue
          const index = one.pick % model.length
          expect(decoding.decode(prefixed(0x80, 7, 62 + index))).toEqual([model[index]])
        } else {
          const text = `${one.name}: ${one.value}`
          const first = one.type === 'add' ? 0x40 : 0
          const block = Buffer.concat([Buffer.of(first), plain(one.name), plain(one.value)])
          expect(decoding.decode(block)).toEqual([text])
          if (one.type === 'literal') continue
          model = [text, ...model]
          evict()
        }
        expect(decoding.dynamic()).toEqual(model)
      }
    }),
  )
})
