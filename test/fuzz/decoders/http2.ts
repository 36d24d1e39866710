/** What a client sends: HPACK, frames, gRPC's messages and headers, and whole connections. */

import { Duplex } from 'node:stream'
import {
  defineBidi,
  defineServerStream,
  defineUnary,
  ENGINE_DEFAULTS,
} from '../../../src/rpc/engine.ts'
import { AdmissionRules } from '../../../src/rpc/native/admission-rules.ts'
import { Connection } from '../../../src/rpc/native/connection.ts'
import { DeadlineWheel } from '../../../src/rpc/native/deadline-wheel.ts'
import { FlushQueue } from '../../../src/rpc/native/flush-queue.ts'
import { FrameReader } from '../../../src/rpc/native/frame-reader.ts'
import { HeaderBlocks } from '../../../src/rpc/native/header-blocks.ts'
import { HeaderField } from '../../../src/rpc/native/header-field.ts'
import { HeaderTable, staticTable } from '../../../src/rpc/native/header-table.ts'
import { HpackDecoder } from '../../../src/rpc/native/hpack-decoder.ts'
import { HuffmanDecoder } from '../../../src/rpc/native/huffman.ts'
import { ConnectionError, ERROR, FLAG, FRAME, PREFACE } from '../../../src/rpc/native/protocol.ts'
import { RequestHead } from '../../../src/rpc/native/request-head.ts'
import { RequestMessages } from '../../../src/rpc/native/request-messages.ts'
import { SlabPool } from '../../../src/rpc/native/slab-pool.ts'
import { CodecError } from '../../../src/rpc/codec/wire.ts'
import { protocolOf } from '../../../src/rpc/connection-sniffer.ts'
import {
  block,
  call,
  data,
  frame,
  headers,
  message,
  requestFields,
  settings,
  uint32,
} from '../../rpc/native/raw-client.ts'
import { chunksOf, Finding, hold, isSame, unlessRefused, type Decoder } from '../decoder.ts'

const FULL_INPUTS = 1_000_000
const STATIC_FIELDS = staticTable()
const HUFFMAN = new HuffmanDecoder()
const SLABS = new SlabPool()
const MESSAGE_BYTES_MAX = 1000

export function http2Decoders(): Decoder[] {
  return [
    hpackDecoder(),
    huffmanDecoder(),
    headerBlocksDecoder(),
    framesDecoder(),
    grpcMessagesDecoder(),
    timeoutDecoder(),
    snifferDecoder(),
    connectionDecoder(),
  ]
}

/** Blocks behind each other, each with its length in front, over one table. */
function hpackDecoder(): Decoder {
  return {
    name: 'http2/hpack',
    seeds: blockSeeds(),
    inputs: FULL_INPUTS,
    run: (bytes) => {
      const table = new HeaderTable(STATIC_FIELDS, 4096)
      const decoder = new HpackDecoder(table, HUFFMAN)
      let fields = 0
      const decoded = unlessRefused(ConnectionError, () => {
        for (const [start, end] of blocksIn(bytes)) {
          decoder.decode(bytes, start, end, { onField: () => void fields++ })
        }
        return true
      })
      hold(fields <= bytes.length, 'a field came out of nothing')
      hold(table.usedBytes <= 4096, 'the table has outgrown its bound')
      return decoded !== undefined
    },
  }
}

function blockSeeds(): Buffer[] {
  const plainBlock = block(requestFields('/etcdserverpb.KV/Put', { 'grpc-timeout': '1S' }))
  const blocks = [
    // RFC 7541 C.3, C.4 and C.6: with and without Huffman, with evictions.
    '828684410f7777772e6578616d706c652e636f6d',
    '828684be58086e6f2d6361636865',
    '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
    '828684418cf1e3c2e5f23a6ba0ab90f4ff',
    '828684be5886a8eb10649cbf',
    '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
    '3fe11f8286',
    '2082',
    '0085f2b24a84ff84d1d8e4cc',
    '10' + '0870617373776f726406736563726574',
  ].map((hex) => Buffer.from(hex, 'hex'))
  const framed = [plainBlock, ...blocks].map((one) => Buffer.concat([Buffer.of(one.length), one]))
  return [...framed, Buffer.concat(framed.slice(1, 4)), Buffer.concat(framed.slice(4, 8))]
}

function* blocksIn(bytes: Buffer): Generator<[start: number, end: number]> {
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(at + 1 + bytes[at]!, bytes.length)
    yield [at + 1, end]
    at = end
  }
}

function huffmanDecoder(): Decoder {
  const texts = ['f1e3c2e5f23a6ba0ab90f4ff', 'a8eb10649cbf', '25a849e95ba97d7f', 'ffffffea', 'ff']
  return {
    name: 'http2/huffman',
    seeds: texts.map((hex) => Buffer.from(hex, 'hex')),
    inputs: FULL_INPUTS,
    run: (bytes) => {
      const text = HUFFMAN.decode(bytes, 0, bytes.length)
      hold(
        text === undefined || text.length * 5 <= bytes.length * 8,
        'more text than there are codes',
      )
      return text !== undefined
    },
  }
}

/** As above, up to request heads and what is read from those. */
function headerBlocksDecoder(): Decoder {
  const more = ['key-bin', 'x', 'content-length', 'grpc-encoding', 'te'].map((name, at) => {
    const fields = requestFields('/etcdserverpb.KV/Range', { [name]: 'YWJj,ZGU='.slice(at) })
    const bytes = block(fields)
    return Buffer.concat([Buffer.of(bytes.length), bytes])
  })
  const names = ['key-bin', 'x', 'authorization']
  return {
    name: 'http2/header-blocks',
    seeds: [...blockSeeds(), ...more],
    inputs: FULL_INPUTS,
    run: (bytes) => {
      const blocks = new HeaderBlocks(STATIC_FIELDS, HUFFMAN, ENGINE_DEFAULTS)
      const heads = unlessRefused(ConnectionError, () => headsIn(blocks, bytes))
      if (heads === undefined) return false
      for (const head of heads) {
        for (const name of names) head.value(name)
        const { timeoutMs = 0, contentBytes = 0 } = head
        hold(Number.isFinite(timeoutMs) && Number.isSafeInteger(contentBytes), 'a number is none')
        hold(head.isTooLarge || head.metadata.length <= 64, 'more metadata than is let in')
      }
      return true
    },
  }
}

/** Every third block comes in two fragments. */
function headsIn(blocks: HeaderBlocks, bytes: Buffer): RequestHead[] {
  const heads: RequestHead[] = []
  for (const [start, end] of blocksIn(bytes)) {
    const middle = heads.length % 3 === 2 ? (start + end) >> 1 : start
    if (middle > start) blocks.addFragment(bytes, start, middle)
    heads.push(blocks.finish(bytes, middle, end))
  }
  return heads
}

function framesDecoder(): Decoder {
  return {
    name: 'http2/frames',
    seeds: connectionSeeds().map((bytes) => Buffer.concat([PREFACE, bytes])),
    inputs: FULL_INPUTS,
    run: (bytes) => {
      const whole = framesOf([bytes])
      hold(isSame(whole, framesOf(chunksOf(bytes))), 'the frames depend on how the bytes are cut')
      return !whole.includes('refused')
    },
  }
}

function framesOf(chunks: readonly Buffer[]): string[] {
  const frames: string[] = []
  const reader = new FrameReader(
    {
      onFrame: (type, flags, streamId, bytes, start, end) => {
        frames.push(`${type}/${flags}/${streamId}/${bytes.toString('latin1', start, end)}`)
      },
    },
    16_384,
  )
  const isRead = unlessRefused(ConnectionError, () => {
    for (const chunk of chunks) reader.push(chunk)
    return true
  })
  return isRead === undefined ? [...frames, 'refused'] : frames
}

/** gRPC's length-prefixed messages, however DATA cuts them. */
function grpcMessagesDecoder(): Decoder {
  const seeds = [message(''), message('hello'), Buffer.concat([message('a'), message('bc')])]
  return {
    name: 'grpc/messages',
    seeds: [...seeds, Buffer.from('00ffffffff00', 'hex'), Buffer.from('0100000001aa', 'hex')],
    inputs: FULL_INPUTS,
    run: (bytes) => {
      const whole = messagesOf([bytes])
      const cut = messagesOf(chunksOf(bytes))
      hold(isSame(whole.said, cut.said), 'the messages depend on how the bytes are cut')
      hold(whole.heldBytes >= 0 && cut.heldBytes >= 0, 'more memory was given back than was taken')
      hold(cut.heldBytes <= 2 * bytes.length + 16 * 1024, 'more memory is held than has come')
      return !whole.said.includes('bad')
    },
  }
}

function messagesOf(chunks: readonly Buffer[]): { said: string[]; heldBytes: number } {
  const said: string[] = []
  let heldBytes = 0
  let isOver = false
  const sink = {
    get isOver() {
      return isOver
    },
    onRequestMessage: (bytes: Buffer) => void said.push(bytes.toString('hex')),
    onBadMessage: () => {
      isOver = true
      said.push('bad')
    },
    hold: (bytes: number) => {
      heldBytes += bytes
      return true
    },
  }
  const messages = new RequestMessages(sink, MESSAGE_BYTES_MAX)
  for (const chunk of chunks) messages.push(chunk, 0, chunk.length)
  if (!isOver) said.push(messages.isCutShort ? 'cut short' : 'whole')
  const held = heldBytes
  messages.drop()
  hold(isOver || heldBytes === 0, 'memory is held for no message')
  return { said, heldBytes: held }
}

function timeoutDecoder(): Decoder {
  return {
    name: 'grpc/timeout',
    seeds: ['1S', '99999999H', '0m', '123u', '5n', '7M', ''].map((text) => Buffer.from(text)),
    inputs: FULL_INPUTS,
    form: 'text',
    run: (bytes) => {
      const head = new RequestHead()
      head.timeout = bytes.toString('latin1')
      head.contentLength = head.timeout
      head.addMetadata(new HeaderField('a-bin', head.timeout))
      head.value('a-bin')
      const { timeoutMs, contentBytes } = head
      hold(contentBytes === undefined || Number.isSafeInteger(contentBytes), 'a length is none')
      if (timeoutMs === undefined) return false
      hold(timeoutMs >= 0 && timeoutMs <= 99_999_999 * 3_600_000, 'a timeout is none')
      return true
    },
  }
}

function snifferDecoder(): Decoder {
  return {
    name: 'http2/sniffer',
    seeds: [PREFACE, Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.from('160301', 'hex')],
    inputs: FULL_INPUTS,
    run: (bytes) => {
      const known = protocolOf(bytes)
      const early = protocolOf(bytes.subarray(0, bytes.length >> 1))
      hold(
        early === 'undecided' || bytes.length < 2 || early === known || early === 'neither',
        'it changes its mind',
      )
      return known !== 'neither'
    },
  }
}

// A whole connection.

class FakeSocket extends Duplex {
  readonly sent: Buffer[] = []

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.sent.push(Buffer.from(chunk)) // its memory is used again
    done()
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    for (const { chunk } of chunks) this.sent.push(Buffer.from(chunk))
    done()
  }
}

const TEXT = {
  decode: (bytes: Uint8Array): string => {
    if (bytes[0] === 0xff) throw new CodecError('not text')
    return Buffer.from(bytes).toString('latin1')
  },
  encode: (text: string): Uint8Array => Buffer.from(text, 'latin1'),
}

const METHODS = [
  defineUnary('/f.T/Unary', TEXT, (text, context) => text + (context.metadata('x-bin') ?? '')),
  defineServerStream('/f.T/Down', TEXT, (text, stream) => {
    for (let i = 0; i < 3; i++) stream.send(text)
    stream.end()
  }),
  defineBidi('/f.T/Both', TEXT, (requests, responses) => {
    requests.onMessage((text) => void responses.send(text))
    requests.onEnd(() => responses.end())
  }),
]

/**
 * Behind the preface. What a client says may end its connection in a GOAWAY, never in a fault of the
 * server's, and what the server answers is made of whole frames.
 */
function connectionDecoder(): Decoder {
  return {
    name: 'http2/connection',
    seeds: connectionSeeds(),
    inputs: FULL_INPUTS,
    run: (bytes) => {
      const { socket, isEnded } = converse([PREFACE, ...chunksOf(bytes)])
      checkFrames(Buffer.concat(socket.sent))
      return !isEnded
    },
  }
}

function converse(chunks: readonly Buffer[]): { socket: FakeSocket; isEnded: boolean } {
  const socket = new FakeSocket({ allowHalfOpen: true })
  let nowMs = 0
  const clock = (): number => nowMs
  const ignore = (): void => undefined
  const fault = (text: string, fields?: { error?: unknown }): never => {
    throw new Finding(`${text}: ${String(fields?.error)}`)
  }
  const flushes = new FlushQueue()
  const connection = new Connection(
    socket,
    {
      options: {
        logger: { debug: ignore, info: ignore, warn: ignore, error: fault },
        maxReceiveBytes: MESSAGE_BYTES_MAX,
      },
      limits: ENGINE_DEFAULTS,
      admission: new AdmissionRules(METHODS, ['f.Known']),
      deadlines: new DeadlineWheel({ nowMs: clock, schedule: ignore }),
      flushes,
      staticFields: STATIC_FIELDS,
      huffman: HUFFMAN,
      slabs: SLABS,
      nowMs: clock,
    },
    ignore,
  )
  for (const chunk of chunks) {
    socket.emit('data', chunk)
    nowMs += 1
  }
  connection.tick((nowMs += 60_000))
  const isEnded = socket.writableEnded
  socket.destroy()
  return { socket, isEnded }
}

function checkFrames(bytes: Buffer): void {
  let at = 0
  while (at + 9 <= bytes.length) {
    const length = bytes.readUIntBE(at, 3)
    hold(bytes[at + 3]! <= FRAME.WINDOW_UPDATE, 'a frame of an unknown type was sent')
    hold(length <= 2 ** 24 - 1, 'a frame that is too long was sent')
    at += 9 + length
  }
  hold(at === bytes.length, 'a frame was not sent to its end')
}

function connectionSeeds(): Buffer[] {
  const unary = call(1, '/f.T/Unary', 'hello')
  const both = [
    headers(3, '/f.T/Both'),
    data(3, message('one')),
    data(3, message('two'), FLAG.END_STREAM),
  ]
  const down = call(5, '/f.T/Down', 'x'.repeat(200))
  const fields = block(requestFields('/f.T/Unary', { 'grpc-timeout': '5S', 'x-bin': 'YWJj' }))
  const split = [
    frame(FRAME.HEADERS, 0, 7, fields.subarray(0, 20)),
    frame(FRAME.CONTINUATION, 0, 7, fields.subarray(20, 30)),
    frame(FRAME.CONTINUATION, FLAG.END_HEADERS, 7, fields.subarray(30)),
    data(7, message('z'), FLAG.END_STREAM),
  ]
  const padded = Buffer.concat([Buffer.of(3), fields, Buffer.alloc(3)])
  const padding = [
    frame(FRAME.HEADERS, FLAG.END_HEADERS | FLAG.PADDED, 9, padded),
    frame(FRAME.DATA, FLAG.PADDED, 9, Buffer.concat([Buffer.of(2), message('p'), Buffer.alloc(2)])),
    frame(FRAME.DATA, FLAG.END_STREAM, 9, ''),
  ]
  const weighted = Buffer.concat([Buffer.from('0000000010', 'hex'), fields])
  const control = [
    frame(FRAME.PING, 0, 0, Buffer.alloc(8, 1)),
    frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(1000)),
    frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(1000)),
    frame(FRAME.PRIORITY, 0, 1, Buffer.alloc(5)),
    frame(FRAME.RST_STREAM, 0, 1, uint32(ERROR.CANCEL)),
    frame(FRAME.GOAWAY, 0, 0, Buffer.alloc(8)),
    frame(FRAME.SETTINGS, FLAG.ACK, 0, ''),
    frame(99, 0, 0, 'aabb'),
  ]
  const hello = settings([1, 4096], [3, 100], [4, 65_535], [5, 16_384], [6, 8192])
  const slow = settings([4, 3])
  const table = settings([1, 0])
  const open = headers(1, '/f.T/Both')
  const preset = [hello, slow, table]
  return [
    Buffer.concat([hello, unary]),
    Buffer.concat([hello, ...both]),
    Buffer.concat([slow, ...both, ...control]),
    Buffer.concat([hello, down]),
    Buffer.concat([slow, down, frame(FRAME.WINDOW_UPDATE, 0, 5, uint32(5000))]),
    Buffer.concat([table, ...split]),
    Buffer.concat([hello, ...padding]),
    Buffer.concat([hello, frame(FRAME.HEADERS, FLAG.END_HEADERS | FLAG.PRIORITY, 1, weighted)]),
    Buffer.concat([hello, open, ...control]),
    Buffer.concat([
      hello,
      unary,
      call(3, '/f.T/Unary', 'again'),
      call(5, '/f.T/No', ''),
      call(7, '/f.Known/No', ''),
    ]),
    Buffer.concat([hello, open, data(1, message('a'.repeat(1100)))]),
    Buffer.concat([...preset, ...control]),
    Buffer.concat([
      hello,
      headers(1, '/f.T/Unary', { 'grpc-encoding': 'gzip' }),
      data(1, message('q'), 1),
    ]),
  ]
}
