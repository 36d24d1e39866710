import { describe, expect, test } from 'vitest'
import { HeaderBlocks } from '../../../src/rpc/native/header-blocks.ts'
import { staticTable } from '../../../src/rpc/native/header-table.ts'
import { HuffmanDecoder } from '../../../src/rpc/native/huffman.ts'
import { ERROR } from '../../../src/rpc/native/protocol.ts'
import type { RequestHead } from '../../../src/rpc/native/request-head.ts'
import { block, plain, requestFields } from './raw-client.ts'

const LIMITS = { maxHeaderBytes: 16_384, maxHeaderPairs: 64 }
const PATH = '/test.Text/Unary'

class Blocks {
  readonly #blocks = new HeaderBlocks(staticTable(), new HuffmanDecoder(), LIMITS)

  read(bytes: Buffer): RequestHead {
    return this.#blocks.finish(bytes, 0, bytes.length)
  }

  fragment(bytes: Buffer): void {
    this.#blocks.addFragment(bytes, 0, bytes.length)
  }
}

function request(more: Record<string, string> = {}): Buffer {
  return block(requestFields(PATH, more))
}

/** Adds a field to the dynamic table. */
function insertion(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40), plain(name), plain(value)])
}

describe('header blocks', () => {
  test('a block that is repeated has the same head', () => {
    const blocks = new Blocks()
    const head = blocks.read(request())
    expect(head).toMatchObject({ method: 'POST', path: PATH, isMalformed: false })
    expect(blocks.read(Buffer.from(request()))).toBe(head)
    expect(blocks.read(request({ token: 'a' }))).not.toBe(head)
    expect(blocks.read(request())).toBe(head)
  })

  test('a block with indices means something else when the table has changed', () => {
    const blocks = new Blocks()
    blocks.read(Buffer.concat([request(), insertion('token', 'first')]))
    const indexed = Buffer.concat([request(), Buffer.of(0xbe)])
    expect(blocks.read(indexed).value('token')).toBe('first')
    expect(blocks.read(indexed).value('token')).toBe('first')
    blocks.read(Buffer.concat([request(), insertion('token', 'second')]))
    expect(blocks.read(indexed).value('token')).toBe('second')
    blocks.read(Buffer.concat([Buffer.of(0x20), request()])) // empties the table
    expect(() => blocks.read(indexed)).toThrow('neither table')
  })

  test('a block that changes the table does so every time it comes', () => {
    const blocks = new Blocks()
    const bytes = Buffer.concat([request(), insertion('token', 'same')])
    blocks.read(bytes)
    blocks.read(bytes)
    const both = Buffer.concat([request(), Buffer.of(0xbe, 0xbf)])
    expect(blocks.read(both).metadata.map(({ value }) => value)).toEqual(['same', 'same'])
  })

  test('blocks that differ in one byte only are not taken for each other', () => {
    const blocks = new Blocks()
    for (let i = 0; i < 200; i++) {
      const token = String.fromCharCode(33 + (i % 90))
      expect(blocks.read(request({ token: `x${token}x` })).value('token')).toBe(`x${token}x`)
    }
  })

  test('fragments are one block, wherever they are cut', () => {
    const bytes = request({ token: 'abc' })
    for (let cut = 0; cut <= bytes.length; cut++) {
      const blocks = new Blocks()
      blocks.fragment(bytes.subarray(0, cut))
      blocks.fragment(bytes.subarray(cut, cut + 3))
      expect(blocks.read(bytes.subarray(cut + 3)).value('token')).toBe('abc')
    }
  })

  test('too many fragments, or too long ones, are ENHANCE_YOUR_CALM', () => {
    const calm = expect.objectContaining({ code: ERROR.ENHANCE_YOUR_CALM }) as Error
    const many = new Blocks()
    expect(() => {
      for (let i = 0; i < 100; i++) many.fragment(Buffer.alloc(0))
    }).toThrow(calm)
    const long = new Blocks()
    expect(() => {
      for (let i = 0; i < 10; i++) long.fragment(Buffer.alloc(16_384))
    }).toThrow(calm)
  })
})

describe('a head', () => {
  const read = (bytes: Buffer): RequestHead => new Blocks().read(bytes)

  test.each([
    ['100m', 100],
    ['5S', 5000],
    ['2M', 120_000],
    ['1H', 3_600_000],
    ['1500u', 1.5],
    ['99999999n', 99.999999],
    ['0S', 0],
  ])('timeout %s is %d ms', (text, ms) => {
    expect(read(request({ 'grpc-timeout': text })).timeoutMs).toBeCloseTo(ms, 9)
  })

  test.each(['', 'S', '5', '5s', '-5S', '5.5S', '123456789S', '5 S', '5SS'])(
    'timeout %j is not understood',
    (text) => {
      expect(read(request({ 'grpc-timeout': text })).timeoutMs).toBe(undefined)
    },
  )

  test('has no timeout when none was sent', () => {
    expect(read(request()).timeoutMs).toBe(-1)
  })

  test.each([
    ['application/grpc', true],
    ['application/grpc+proto', true],
    ['application/grpc;charset=utf-8', true],
    ['application/grpc-web', false],
    ['application/json', false],
    ['', false],
  ])('content-type %j: %s', (type, isGrpc) => {
    expect(read(request({ 'content-type': type })).isGrpc).toBe(isGrpc)
  })

  test('metadata: the first of several values, binary ones decoded', () => {
    const more = Buffer.concat([
      block({ token: 'a', 'key-bin': 'AAH/', 'padded-bin': 'YQ==,Yg==' }),
      block({ token: 'b' }),
    ])
    const head = read(Buffer.concat([request(), more]))
    expect(head.value('token')).toBe('a')
    expect(head.value('key-bin')).toBe('\0\u0001\u00ff')
    expect(head.value('padded-bin')).toBe('a')
    expect(head.value('te')).toBe(undefined)
    expect(head.value('grpc-timeout')).toBe(undefined)
    expect(head.value(':path')).toBe(undefined)
  })

  test.each([
    ['an uppercase name (§8.2.1)', { Token: 'x' }],
    ['a connection-specific field (§8.2.2)', { connection: 'close' }],
    ['te other than trailers (§8.2.2)', { te: 'gzip' }],
    ['an unknown pseudo field (§8.3)', { ':status': '200' }],
    ['a line feed in a value (§8.2.1)', { token: 'a\nb' }],
    ['a space in a name', { 'a b': 'x' }],
    ['an empty name', { '': 'x' }],
    ['an empty path (§8.3.1)', { ':path': '' }],
  ])('with %s is malformed', (_name, more) => {
    expect(read(request(more as Record<string, string>)).isMalformed).toBe(true)
  })

  test('a pseudo field that is repeated, or comes late, is malformed (§8.3)', () => {
    const path = block({ ':path': PATH })
    expect(read(Buffer.concat([path, request()])).isMalformed).toBe(true)
    expect(read(Buffer.concat([block({ a: 'b' }), request()])).isMalformed).toBe(true)
  })

  test('without method, path or scheme it is no request (§8.3.1)', () => {
    for (const name of [':method', ':path', ':scheme']) {
      const { [name]: _left, ...fields } = requestFields(PATH)
      expect(read(block(fields)).isRequest).toBe(false)
    }
    expect(read(request()).isRequest).toBe(true)
  })

  test('above the limits it says so and keeps no more', () => {
    const pairs = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`n${i}`, 'v']))
    const many = read(request(pairs))
    expect(many.isTooLarge).toBe(true)
    expect(many.metadata.length).toBeLessThanOrEqual(LIMITS.maxHeaderPairs)
    expect(read(request({ long: 'x'.repeat(17_000) })).isTooLarge).toBe(true)
    expect(read(request({ long: 'x'.repeat(16_000) })).isTooLarge).toBe(false)
  })

  test('a table entry that is named over and over costs no memory (HPACK bomb)', () => {
    const blocks = new Blocks()
    const bomb = Buffer.concat([
      request(),
      insertion('bomb', 'x'.repeat(4000)),
      Buffer.alloc(12_000, 0xbe),
    ])
    const head = blocks.read(bomb)
    expect(head.isTooLarge).toBe(true)
    expect(head.metadata.length).toBeLessThan(10)
  })
})
