import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeaderTable, staticTable } from '../../../src/rpc/native/header-table.ts'
import { HpackDecoder } from '../../../src/rpc/native/hpack-decoder.ts'
import { HuffmanDecoder } from '../../../src/rpc/native/huffman.ts'
import { percentEncoded, ResponseHeaders } from '../../../src/rpc/native/response-headers.ts'

/** A client that has announced a table of this size. */
class Client {
  readonly #decoder: HpackDecoder

  constructor(tableBytes: number) {
    this.#decoder = new HpackDecoder(
      new HeaderTable(staticTable(), tableBytes),
      new HuffmanDecoder(),
    )
  }

  read(block: Buffer): Record<string, string> {
    const fields: Record<string, string> = {}
    this.#decoder.decode(block, 0, block.length, {
      onField: ({ name, value }) => void (fields[name] = value),
    })
    return fields
  }
}

const HEADERS = { ':status': '200', 'content-type': 'application/grpc' }

const KINDS = {
  headers: [(from: ResponseHeaders) => from.headers(), HEADERS],
  ok: [(from: ResponseHeaders) => from.okTrailers(), { 'grpc-status': '0' }],
  trailers: [
    (from: ResponseHeaders) => from.trailers(5, 'not found'),
    { 'grpc-status': '5', 'grpc-message': 'not found' },
  ],
  only: [
    (from: ResponseHeaders) => from.trailersOnly(14, 'x'.repeat(300)),
    { ...HEADERS, 'grpc-status': '14', 'grpc-message': 'x'.repeat(300) },
  ],
  http: [
    (from: ResponseHeaders) =>
      from.refusal({ ok: false, error: 'not-grpc', httpStatus: 415, code: 13, text: 'no' }),
    { ...HEADERS, ':status': '415', 'grpc-status': '13', 'grpc-message': 'no' },
  ],
  encoding: [
    (from: ResponseHeaders) =>
      from.refusal({
        ok: false,
        error: 'unsupported-encoding',
        httpStatus: 200,
        code: 12,
        text: 'gzip',
      }),
    { ...HEADERS, 'grpc-status': '12', 'grpc-message': 'gzip', 'grpc-accept-encoding': 'identity' },
  ],
} as const

describe('response headers', () => {
  test('a client decodes any sequence of blocks, whatever its table', () => {
    const names = Object.keys(KINDS) as (keyof typeof KINDS)[]
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...names), { maxLength: 20 }),
        fc.constantFrom(0, 64, 4095, 4096, 65_536),
        fc.nat(20),
        (sequence, tableBytes, changeAt) => {
          const headers = new ResponseHeaders()
          const client = new Client(4096)
          sequence.forEach((name, at) => {
            if (at === changeAt) headers.setTableBytes(tableBytes)
            const [encode, fields] = KINDS[name]
            const bytes = encode(headers)
            // A smaller table must be acknowledged by the next block, and by no other.
            expect(bytes[0] === 0x20).toBe(at === changeAt && tableBytes < 4096)
            expect(client.read(bytes)).toEqual(fields)
          })
        },
      ),
    )
  })

  test('the usual blocks are three bytes in all, once the client knows them', () => {
    const headers = new ResponseHeaders()
    headers.headers()
    headers.okTrailers()
    expect(headers.headers().length + headers.okTrailers().length).toBe(3)
    expect(headers.headers()).toBe(headers.headers())
  })

  test('a client with a smaller table hears once that it is not used (RFC 7541 §4.2)', () => {
    const headers = new ResponseHeaders()
    headers.headers()
    headers.setTableBytes(100)
    headers.setTableBytes(50)
    expect(headers.okTrailers()[0]).toBe(0x20)
    expect(headers.headers()[0]).toBe(0x88)
    const small = new Client(50)
    expect(small.read(headers.headers())).toEqual(HEADERS)
  })
})

describe('grpc-message', () => {
  test('is percent-encoded UTF-8 but for printable ASCII', () => {
    expect(percentEncoded('etcdserver: key not found')).toBe('etcdserver: key not found')
    expect(percentEncoded('100% "ключ"\n')).toBe('100%25 "%D0%BA%D0%BB%D1%8E%D1%87"%0A')
    expect(percentEncoded('~ \u007f')).toBe('~ %7F')
  })

  test('is what decodeURIComponent undoes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const encoded = percentEncoded(text)
        expect(encoded).toMatch(/^[ -~]*$/)
        expect(decodeURIComponent(encoded)).toBe(text)
      }),
    )
  })
})
