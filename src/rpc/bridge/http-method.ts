/** HTTP/1 requests cross the bridge as calls of a method that no gRPC client can name. */

import { promiseOf, type Soon } from '../../base/pending.ts'
import { defineUnary, type CallContext, type Codec, type Method } from '../engine.ts'
import type { AnswerHttp, HttpReply } from '../http-exchange.ts'

interface HttpRequest {
  readonly method: string
  readonly url: string
}

/** Paths of gRPC methods begin with a slash. */
export const HTTP_METHOD = { kind: 'unary', path: 'http' } as const

const CODEC: Codec<HttpRequest, HttpReply> = {
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as HttpRequest,
  encode: (reply) => Buffer.from(JSON.stringify(reply)),
}

/** Nobody's call. */
const CONTEXT: CallContext = {
  metadata: () => undefined,
  peerAddress: '',
  cancelled: false,
  onCancel: () => undefined,
}

/** Behind the bridge: what answers. */
export function httpMethod(answer: AnswerHttp): Method {
  return defineUnary(HTTP_METHOD.path, CODEC, ({ method, url }) => answer(method, url))
}

/** In front of it: answers by `proxy`, which stands for the method above. */
export function answerBy(proxy: Method | undefined): AnswerHttp {
  return async (method, url) => {
    if (proxy?.kind !== 'unary') throw new Error('HTTP requests cross the bridge as unary calls')
    const request = Buffer.from(JSON.stringify({ method, url }))
    const reply = await promiseOf(proxy.handle(request, CONTEXT) as Soon<Buffer>)
    return JSON.parse(reply.toString()) as HttpReply
  }
}
