/**
 * Tells by a connection's first bytes what it speaks. HTTP/2 without TLS begins with a fixed
 * preface; whatever else begins like a method name is taken for HTTP/1.
 */

import type { Socket } from 'node:net'

export type Protocol = 'http2' | 'http1'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

/**
 * Calls `onKnown` once, with the bytes read so far put back and the socket paused. A connection
 * that says nothing telling for `timeoutMs`, or what no HTTP client would say, is destroyed.
 */
export function sniffProtocol(
  socket: Socket,
  timeoutMs: number,
  onKnown: (protocol: Protocol) => void,
): void {
  let seen: Buffer = Buffer.alloc(0)
  const timer = setTimeout(() => socket.destroy(), timeoutMs)
  const stop = (): void => {
    clearTimeout(timer)
    socket.off('data', onData)
    socket.off('end', onEnd)
    socket.off('close', stop)
  }
  const onEnd = (): void => {
    socket.destroy()
  }
  const onData = (chunk: Buffer): void => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk])
    const protocol = protocolOf(seen)
    if (protocol === 'undecided') return
    stop()
    if (protocol === 'neither') {
      socket.destroy()
      return
    }
    socket.pause()
    socket.unshift(seen)
    onKnown(protocol)
  }
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.on('close', stop)
}

/** Exported for its tests. */
export function protocolOf(bytes: Buffer): Protocol | 'undecided' | 'neither' {
  const compared = Math.min(bytes.length, PREFACE.length)
  if (bytes.subarray(0, compared).equals(PREFACE.subarray(0, compared))) {
    return compared === PREFACE.length ? 'http2' : 'undecided'
  }
  const first = bytes[0] ?? 0
  return first >= 0x41 && first <= 0x5a ? 'http1' : 'neither' // A to Z
}
