/** What became of a call, and what a history may say of it. */

import type { Outcome, Request } from './check/history.ts'
import { answerOf, failureOf } from './wire.ts'

export type Answer =
  | { readonly type: 'answered'; readonly response: object }
  | { readonly type: 'refused'; readonly message: string }
  /** Nobody was there to hear it. */
  | { readonly type: 'unreachable' }
  | { readonly type: 'broken' }
  | { readonly type: 'timeout' }

export function outcomeOf(request: Request, answer: Answer): Outcome {
  switch (answer.type) {
    case 'answered':
      return { type: 'ok', ...answerOf(request, answer.response) }
    case 'unreachable':
      return { type: 'failed', error: 'refused' }
    case 'refused': {
      const { message } = answer
      // A lock is several requests: one of them may have taken effect.
      const error = request.type === 'lock' ? undefined : failureOf(message)
      if (error !== undefined) return { type: 'failed', error }
      return { type: 'unknown', error: message }
    }
    default:
      return { type: 'unknown', error: answer.type }
  }
}
