import { expect, test } from 'vitest'
import { protocolOf } from '../../src/rpc/connection-sniffer.ts'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

test('every proper prefix of the HTTP/2 preface is undecided, all of it is HTTP/2', () => {
  for (let length = 0; length < PREFACE.length; length++) {
    expect(protocolOf(Buffer.from(PREFACE.slice(0, length)))).toBe('undecided')
  }
  expect(protocolOf(Buffer.from(PREFACE))).toBe('http2')
  expect(protocolOf(Buffer.from(`${PREFACE}more`))).toBe('http2')
})

test('what begins with a capital letter and is not the preface is HTTP/1', () => {
  for (const text of ['G', 'GET / HTTP/1.1', 'POST', 'PRI /', 'PUT']) {
    expect(protocolOf(Buffer.from(text))).toBe('http1')
  }
})

test('TLS, zeros and lowercase are neither', () => {
  for (const text of ['\x16\x03\x01', '\0', 'get / HTTP/1.1', '\r\n']) {
    expect(protocolOf(Buffer.from(text))).toBe('neither')
  }
})
