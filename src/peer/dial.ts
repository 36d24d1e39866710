/** Opens a connection to another member, up to the answer to its hello. */

import { connect } from 'node:net'
import type { Clock } from '../base/ports.ts'
import { Connection } from './connection.ts'
import { decodeAnswer, type Hello, helloFrame, type Refusal } from './handshake.ts'
import { MAX_HELLO_BYTES, type PeerLimits } from './limits.ts'
import { peerAddressOf } from './peer-address.ts'

export type Dialed =
  | { readonly ok: true; readonly connection: Connection }
  /** `refusal` when the other side answered with one. `reason` is for the log. */
  | { readonly ok: false; readonly refusal: Refusal | undefined; readonly reason: string }

export interface DialOptions {
  readonly limits: Pick<PeerLimits, 'connectTimeoutMs' | 'handshakeTimeoutMs'>
  readonly clock: Clock
}

/**
 * Calls `onDialed` once, from a turn of its own; it must call `serve` on the connection at once.
 * The returned function gives up, after which `onDialed` is not called.
 */
export function dial(
  url: string,
  hello: Hello,
  options: DialOptions,
  onDialed: (dialed: Dialed) => void,
): () => void {
  return exchange(url, hello, options, (exchanged) => {
    if (!exchanged.ok) {
      onDialed({ ok: false, refusal: undefined, reason: exchanged.reason })
      return
    }
    const { connection, body } = exchanged
    const answer = decodeAnswer(body)
    if (answer === 'ok') {
      onDialed({ ok: true, connection })
      return
    }
    connection.close('refused')
    const reason = answer === undefined ? 'the answer is not one of a member' : refusalText(answer)
    onDialed({ ok: false, refusal: answer, reason })
  })
}

export type Exchanged =
  | { readonly ok: true; readonly connection: Connection; readonly body: Uint8Array }
  | { readonly ok: false; readonly reason: string }

/** As `dial`, with the first frame of the other side, whatever it is, of at most `maxBodyBytes`. */
export function exchange(
  url: string,
  hello: Hello,
  { limits, clock }: DialOptions,
  onExchanged: (exchanged: Exchanged) => void,
  maxBodyBytes = MAX_HELLO_BYTES,
): () => void {
  const address = peerAddressOf(url)
  if (address === undefined) {
    const reason = `not a peer URL: ${url}`
    const failing = setTimeout(() => onExchanged({ ok: false, reason }), 0)
    return () => clearTimeout(failing)
  }
  let isDone = false
  const finish = (exchanged: Exchanged): void => {
    if (isDone) return
    isDone = true
    clearTimeout(timer)
    if (!exchanged.ok) connection.close(exchanged.reason)
    onExchanged(exchanged)
  }
  const failAfter = (delayMs: number, reason: string): NodeJS.Timeout =>
    setTimeout(() => finish({ ok: false, reason }), delayMs)

  let timer = failAfter(limits.connectTimeoutMs, 'connecting timed out')
  const socket = connect(address)
  const connection = new Connection(
    socket,
    { pings: true, clock, maxBodyBytes },
    {
      onFrame: (body) => finish({ ok: true, connection, body }),
      onClosed: (reason) => finish({ ok: false, reason }),
    },
  )
  socket.once('connect', () => {
    if (isDone) return
    clearTimeout(timer)
    timer = failAfter(limits.handshakeTimeoutMs, 'the handshake timed out')
    connection.send(helloFrame(hello))
  })
  return () => {
    isDone = true
    clearTimeout(timer)
    connection.close('given up')
  }
}

const REFUSAL_TEXTS: Readonly<Record<Refusal, string>> = {
  'wrong-version': 'it speaks another version of the protocol',
  'wrong-cluster': 'it belongs to another cluster',
  'wrong-member': 'another member listens there',
  removed: 'this member has been removed from the cluster',
  'not-ready': 'it is not ready',
  stopping: 'it is stopping',
}

export function refusalText(refusal: Refusal): string {
  return REFUSAL_TEXTS[refusal]
}
