/** How the errors of locks and elections look outside. */

import { STATUS, StatusError } from '../rpc/status.ts'

/**
 * etcd's locks and elections are clients of their own server, and an error that such a client gets
 * has its text outside, and no code. What tells a caller to try another member keeps its code here.
 */
export function recipeError(thrown: unknown): unknown {
  if (!(thrown instanceof StatusError)) return thrown
  const isAboutMember = thrown.code === STATUS.UNAVAILABLE || thrown.code === STATUS.CANCELLED
  return isAboutMember ? thrown : new StatusError(STATUS.UNKNOWN, thrown.message)
}

/** The same for `catch` on a promise. */
export function throwRecipeError(thrown: unknown): never {
  throw recipeError(thrown)
}
