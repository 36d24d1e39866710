import { describe, expect, test } from 'vitest'
import { HpackDecoder, HpackError } from '../../../bench/load-generator/hpack-decoder.ts'

/** Decodes one block given in hexadecimal; fields as "name: value". */
function decode(decoder: HpackDecoder, hex: string): string[] {
  const block = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  const fields: string[] = []
  decoder.decode(block, 0, block.length, ({ name, value }) => fields.push(`${name}: ${value}`))
  return fields
}

function dynamicTable(decoder: HpackDecoder): string[] {
  return decoder.dynamicTable.map(({ name, value }) => `${name}: ${value}`)
}

const requests = [
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

const date21 = 'Mon, 21 Oct 2013 20:13:21 GMT'
const date22 = 'Mon, 21 Oct 2013 20:13:22 GMT'
const location = 'location: https://www.example.com'
const cookie = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'
const responses = [
  [':status: 302', 'cache-control: private', `date: ${date21}`, location],
  [':status: 307', 'cache-control: private', `date: ${date21}`, location],
  [
    ':status: 200',
    'cache-control: private',
    `date: ${date22}`,
    location,
    'content-encoding: gzip',
    cookie,
  ],
]

describe('the examples of RFC 7541 appendix C', () => {
  test('C.2: each representation of a single field', () => {
    const indexing = new HpackDecoder()
    expect(
      decode(indexing, '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'),
    ).toEqual(['custom-key: custom-header'])
    expect(indexing.dynamicTableBytes).toBe(55)
    const plain = new HpackDecoder()
    expect(decode(plain, '040c 2f73 616d 706c 652f 7061 7468')).toEqual([':path: /sample/path'])
    expect(decode(plain, '1008 7061 7373 776f 7264 0673 6563 7265 74')).toEqual([
      'password: secret',
    ])
    expect(decode(plain, '82')).toEqual([':method: GET'])
    expect(plain.dynamicTableBytes).toBe(0)
  })

  test('C.3: three requests without Huffman share one dynamic table', () => {
    const decoder = new HpackDecoder()
    const blocks = [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ]
    expect(blocks.map((block) => decode(decoder, block))).toEqual(requests)
    expect(decoder.dynamicTableBytes).toBe(164)
  })

  test('C.4: three requests with Huffman', () => {
    const decoder = new HpackDecoder()
    const blocks = [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ]
    expect(blocks.map((block) => decode(decoder, block))).toEqual(requests)
    expect(dynamicTable(decoder)).toEqual([
      'custom-key: custom-value',
      'cache-control: no-cache',
      ':authority: www.example.com',
    ])
  })

  test('C.5: responses in a table of 256 bytes evict the oldest entries', () => {
    const decoder = new HpackDecoder(256)
    const blocks = [
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133' +
        '2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70' +
        '6c65 2e63 6f6d',
      '4803 3330 37c1 c0bf',
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d' +
        '54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049' +
        '5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e' +
        '3d31',
    ]
    expect(blocks.map((block) => decode(decoder, block))).toEqual(responses)
    expect(dynamicTable(decoder)).toEqual([cookie, 'content-encoding: gzip', `date: ${date22}`])
    expect(decoder.dynamicTableBytes).toBe(215)
  })

  test('C.6: the same responses with Huffman', () => {
    const decoder = new HpackDecoder(256)
    const blocks = [
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6' +
        '2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab' +
        '77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f' +
        '9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    ]
    expect(blocks.map((block) => decode(decoder, block))).toEqual(responses)
    expect(decoder.dynamicTableBytes).toBe(215)
  })
})

test('a size update empties the table, and one above the setting is refused', () => {
  const decoder = new HpackDecoder()
  decode(decoder, '4001 6101 62')
  expect(dynamicTable(decoder)).toEqual(['a: b'])
  decode(decoder, '20')
  expect(dynamicTable(decoder)).toEqual([])
  expect(() => decode(decoder, '3fe2 1f')).toThrow(HpackError)
})

test.each([
  ['index 0', '80'],
  ['an index beyond both tables', 'be'],
  ['a string beyond the block', '0001 6105 62'],
  ['a name without a value', '0001 61'],
  ['an integer without an end', 'ffff ffff ffff ffff'],
  ['Huffman padding with a zero bit', '0001 6181 18'],
  ['the end-of-string symbol', '0001 6184 ffff ffff'],
])('%s is malformed', (_name, hex) => {
  expect(() => decode(new HpackDecoder(), hex)).toThrow(HpackError)
})
