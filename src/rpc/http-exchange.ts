/** HTTP/1 requests as plain values, so that they can be answered where their sockets are not. */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

export interface HttpReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** `url` is the request's target, which may be anything. */
export type AnswerHttp = (method: string, url: string) => Promise<HttpReply>

const FAILED: HttpReply = {
  status: 500,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: 'Internal Server Error\n',
}

/** For node:http. */
export function requestListener(answer: AnswerHttp): RequestListener {
  return (request, response) => {
    answer(request.method ?? 'GET', request.url ?? '/').then(
      (reply) => send(response, request, reply),
      () => send(response, request, FAILED),
    )
  }
}

function send(response: ServerResponse, request: IncomingMessage, reply: HttpReply): void {
  const length = Buffer.byteLength(reply.body)
  response.writeHead(reply.status, { ...reply.headers, 'content-length': length })
  response.end(request.method === 'HEAD' ? undefined : reply.body)
}
