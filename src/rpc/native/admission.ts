/** What a request's headers lead to: a call, or an answer that refuses it. */

import type { Method } from '../engine.ts'
import type { StatusCode } from '../status.ts'

export type Admission =
  | { readonly ok: true; readonly method: Method; readonly timeoutMs: number }
  | {
      readonly ok: false
      readonly error: 'not-grpc' | 'unsupported-encoding' | 'refused'
      readonly httpStatus: number
      readonly code: StatusCode
      readonly text: string
    }
