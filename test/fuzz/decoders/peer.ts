/** What members send each other, as bytes of a connection and frame by frame. */

import fc from 'fast-check'
import { callOf, packedCall, packedRefusal, responseOf } from '../../../src/peer/call-codec.ts'
import { descriptionFrame, queryResultOf } from '../../../src/peer/cluster-query.ts'
import { dataFrame, FRAME_HEAD_BYTES, FrameReader, probeFrame } from '../../../src/peer/frame.ts'
import { answerFrame, decodeAnswer, decodeHello, helloFrame } from '../../../src/peer/handshake.ts'
import { decodeMessages, packedMessages } from '../../../src/peer/message-codec.ts'
import { isPlain, packArray, unpackArray } from '../../../src/peer/packing.ts'
import {
  decodePart,
  packedPart,
  packedVerdict,
  verdictOf,
} from '../../../src/peer/snapshot-codec.ts'
import {
  messageArbitrary,
  ROUTE,
  snapshotArbitrary,
} from '../../peer/support/arbitrary-messages.ts'
import { chunksOf, hold, isSame, type Decoder } from '../decoder.ts'

const FULL_INPUTS = 1_000_000
const FRAME_BYTES_MAX = 64 * 1024

export function peerDecoders(): Decoder[] {
  return [framesDecoder(), ...handshakeDecoders(), messagesDecoder(), ...otherDecoders()]
}

/** However the bytes are cut, the same frames come out, and the same complaint ends them. */
function framesDecoder(): Decoder {
  const frames = [
    probeFrame('ping', 7),
    probeFrame('pong', 2 ** 32 - 1),
    ...sampled(messageArbitrary, 30).map((message) => dataFrame(packedMessages([message]))),
    helloFrame({ kind: 'query' }),
  ]
  return {
    name: 'peer/frames',
    seeds: [...frames, Buffer.concat(frames.slice(0, 6))],
    inputs: FULL_INPUTS,
    run: (bytes) => {
      const whole = framesOf([bytes])
      hold(isSame(whole, framesOf(chunksOf(bytes))), 'the frames depend on how the bytes are cut')
      return typeof whole.at(-1) !== 'string'
    },
  }
}

function framesOf(chunks: readonly Buffer[]): unknown[] {
  const reader = new FrameReader(FRAME_BYTES_MAX)
  const frames: unknown[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    for (;;) {
      const frame = reader.next()
      if (frame === undefined) break
      frames.push(frame)
      if (typeof frame === 'string') return frames
    }
  }
  return frames
}

function handshakeDecoders(): Decoder[] {
  const { from, to } = ROUTE
  const clusterId = '00000000000000c1'
  const kinds = ['messages', 'append', 'call', 'snapshot'] as const
  const hellos = kinds.map((kind) => helloFrame({ kind, clusterId, from, to }))
  const answers = ['ok', 'wrong-cluster', 'removed', 'stopping'] as const
  const members = [from, to].map((id, at) => ({
    id,
    name: `n${at}`,
    peerUrls: [`http://10.0.0.${at}:2380`],
    clientUrls: ['http://c:1'],
    isLearner: at > 0,
  }))
  return [
    packed('peer/hello', [...hellos, helloFrame({ kind: 'query' })].map(bodyOf), (bytes) => {
      const hello = decodeHello(bytes)
      if (hello === undefined || hello === 'wrong-version') return undefined
      return [hello, decodeHello(bodyOf(helloFrame(hello)))]
    }),
    packed('peer/answer', answers.map(answerFrame).map(bodyOf), (bytes) => {
      const answer = decodeAnswer(bytes)
      return answer === undefined ? undefined : [answer, decodeAnswer(bodyOf(answerFrame(answer)))]
    }),
    packed('peer/description', [bodyOf(descriptionFrame({ clusterId, members }))], (bytes) => {
      const result = queryResultOf(bytes)
      if (!result.ok) return undefined
      return [result, queryResultOf(bodyOf(descriptionFrame(result.cluster)))]
    }),
  ]
}

function messagesDecoder(): Decoder {
  const seeds = sampled(messageArbitrary, 150).map((message) =>
    packArray(packedMessages([message])),
  )
  const several = packArray(packedMessages(sampled(messageArbitrary, 8)))
  return packed('peer/messages', [...seeds, several], (bytes) => {
    const messages = decodeMessages(bytes, ROUTE)
    if (messages === undefined) return undefined
    return [messages, decodeMessages(packArray(packedMessages(messages)), ROUTE)]
  })
}

function otherDecoders(): Decoder[] {
  const call = packArray(packedCall(7, Buffer.from('question')))
  const parts = sampled(snapshotArbitrary, 20).map((message) =>
    packArray(packedPart({ type: 'head', message, checkpointBytes: 10, bytes: 1000 })),
  )
  const record = { key: Buffer.from('key'), value: Buffer.alloc(300) }
  parts.push(
    packArray(packedPart({ type: 'checkpoint', piece: Buffer.alloc(40) })),
    packArray(packedPart({ type: 'records', records: [record, record] })),
    packArray(packedPart({ type: 'tail', digest: Buffer.alloc(32), records: 2, recordBytes: 9 })),
  )
  const verdicts = (['go', 'refused', 'done', 'failed'] as const).map(packedVerdict)
  return [
    packed('peer/calls', [call], (bytes) => {
      const asked = callOf(bytes)
      return asked && [asked, callOf(packArray(packedCall(asked.id, asked.request)))]
    }),
    packed('peer/call-answers', [call, packArray(packedRefusal(7))], (bytes) => {
      const answer = responseOf(bytes)
      if (answer === undefined) return undefined
      const { id, result } = answer
      const again = result.ok ? packedCall(id, result.response) : packedRefusal(id)
      return [answer, responseOf(packArray(again))]
    }),
    packed('peer/snapshot-parts', parts, (bytes) => {
      const part = decodePart(bytes, ROUTE)
      return part && [part, decodePart(packArray(packedPart(part)), ROUTE)]
    }),
    packed(
      'peer/verdicts',
      verdicts.map((one) => packArray(one)),
      (bytes) => {
        const verdict = verdictOf(bytes)
        return verdict && [verdict, verdictOf(packArray(packedVerdict(verdict)))]
      },
    ),
    packed('peer/packing', [...parts, call], (bytes) => {
      const values = unpackArray(bytes)
      hold(values === undefined || isPlain(bytes), 'more was unpacked than is let in')
      return values && [values, unpackArray(packArray(values))]
    }),
  ]
}

/** `decode` gives what it read, and that after one more encoding and decoding; or undefined. */
function packed(
  name: string,
  seeds: readonly Uint8Array[],
  decode: (bytes: Buffer) => readonly [unknown, unknown] | undefined,
): Decoder {
  return {
    name,
    seeds: [...seeds, ...LYING_LENGTHS],
    inputs: FULL_INPUTS,
    form: 'msgpack',
    run: (bytes) => {
      const results = decode(bytes)
      if (results === undefined) return false
      hold(isSame(...results), 'what was encoded does not come back the same')
      return true
    },
  }
}

/** Arrays, bytes and text that claim to be of the greatest length; arrays in arrays. */
const LYING_LENGTHS = [
  'ddffffffff',
  'dd01ffffff',
  'dcffff',
  '91ddffffffff',
  '91c6ffffffff',
  '91dbffffffff',
  '91dfffffffff',
  '91c9ffffffff01',
  '91'.repeat(4000),
].map((hex) => Buffer.from(hex, 'hex'))

function bodyOf(frame: Buffer): Buffer {
  return frame.subarray(FRAME_HEAD_BYTES)
}

export function sampled<Value>(arbitrary: fc.Arbitrary<Value>, count: number): Value[] {
  return fc.sample(arbitrary, { numRuns: count, seed: 1 })
}
