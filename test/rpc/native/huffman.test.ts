import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HuffmanDecoder } from '../../../src/rpc/native/huffman.ts'

const decoder = new HuffmanDecoder()

function decode(hex: string): string | undefined {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  return decoder.decode(bytes, 0, bytes.length)
}

/** The octets 0 to 255 as Go's golang.org/x/net/http2/hpack encodes them. */
const ALL_OCTETS =
  'ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3fffffa7fffffabffffffdf' +
  'ffffebfffffecfffffedfffffeefffffefffffff0ffffff1ffffff2fffffffbfffffcffffffd3fffffd7fffffdbfff' +
  'ffdffffffe3fffffe7fffffebfffffed4fe3f9ffaffcabf1febfafefe7fdfd2cbb00089969b71d79fb9f7fff20ffbf' +
  'f3ff50ddbd7f061c58f265cd9f469d5af66dddbf871e5f9cff7ff7fffc3ff9ffe45fff4719242cb34e6e9d68a6a3d7' +
  'dac426defe3cfaf7fffbfe7ffbffdffffffcfffe6ffff4bfff9ffffa3fffd3ffff53fffd5ffffb3fffeb7fffdaffff' +
  'b7ffff73fffeeffffdeffffebffffbfffffd9ffffdbfffebffffe0ffffeeffffc3ffff8bffff1ffffe4fffee7fffb1' +
  'ffff97fffd9ffffcdffff9fffffbffffdafffeeffff4ffffb7fffee7fffe8ffffd3fffdeffffd5fffeeffffbdffffe' +
  '1fffdfffff7fffff5ffffecffff07fff87fffe0ffff17fffedffff87ffff77fffeffffeaffff8bfffe3ffff93ffff8' +
  '7fffcbffff37ffff1fffff83ffffe1fffebfffe3ffff3fffff2ffffa3ffffd9fffff17ffffc7fffff27ffffdefffff' +
  'bffffff2fffff8fffffb7fff97fff8fffffe6fffffc1fffff87ffffe7fffffc5ffffe5fffe4ffff2fffffd1fffff4f' +
  'fffffefffffe3fffffc9fffff97fffb3ffffcffffb7fffcdffff4ffff9ffffd1ffffcffffeaffffafffffddffffeff' +
  'ffff4fffff5fffffabffffa7ffffd7fffff9bffffecfffffb7fffff3fffffe8fffffd3fffffabfffff5fffffff7fff' +
  'fecfffffdbfffffbbfffff7ffffff0fffffbbf'

describe('the Huffman code', () => {
  test('strings of RFC 7541 appendix C.4 and C.6', () => {
    expect(decode('f1e3 c2e5 f23a 6ba0 ab90 f4ff')).toBe('www.example.com')
    expect(decode('a8eb 1064 9cbf')).toBe('no-cache')
    expect(decode('25a8 49e9 5ba9 7d7f')).toBe('custom-key')
    expect(decode('25a8 49e9 5bb8 e8b4 bf')).toBe('custom-value')
    expect(decode('d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff')).toBe(
      'Mon, 21 Oct 2013 20:13:21 GMT',
    )
    expect(decode('9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3')).toBe('https://www.example.com')
  })

  test('every octet', () => {
    expect(decode(ALL_OCTETS)).toBe(
      Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1'),
    )
  })

  test('the empty string', () => {
    expect(decode('')).toBe('')
  })

  test('padding is at most seven bits, all ones (§5.2)', () => {
    expect(decode('1f')).toBe('a') // 00011 and 111
    expect(decode('18')).toBe(undefined) // 00011 and 000
    expect(decode('1e')).toBe(undefined)
    expect(decode('1fff')).toBe(undefined) // eleven bits
    expect(decode('ff')).toBe(undefined)
  })

  test('the end-of-string symbol is refused (§5.2)', () => {
    expect(decode('ffffffff')).toBe(undefined)
    expect(decode('1ffffffffc')).toBe(undefined)
  })

  test('any bytes are text or refused, never more than 8/5 of their number', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const text = decoder.decode(bytes, 0, bytes.length)
        if (text !== undefined) expect(text.length * 5).toBeLessThanOrEqual(bytes.length * 8)
      }),
    )
  })
})
