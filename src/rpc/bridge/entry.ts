/**
 * What crosses the bridge. A call's number is chosen in front and free again when the back has
 * sent its STATUS or ANSWER, which is the last entry of every call; entries of a call that the
 * other side has ended meanwhile mean nothing.
 */

export const ENTRY = {
  /** To the back. A caller that calls will name: `number` is its, the payload tells who it is. */
  CALLER: 1,
  /** To the back. `number` holds the method and the caller, the payload the one request, if any. */
  OPEN: 2,
  /** Either way: one message of a stream. */
  MESSAGE: 3,
  /** Either way: `number` bytes of messages have been passed on, so that more may come. */
  TAKEN: 4,
  /** To the back: the client has sent all it will send. */
  HALF_CLOSE: 5,
  /** To the back: the client has gone away, or its time is over. */
  CANCEL: 6,
  /** To the front, the end: OK with the one response. */
  ANSWER: 7,
  /** To the front, the end: status `number`, the payload is its text. */
  STATUS: 8,
} as const

/** Bytes of one stream's messages, each way, on the bridge or behind it before its sender waits. */
export const WINDOW_BYTES = 64 * 1024
/** What an empty message counts. */
export const MESSAGE_BYTES = 5

const METHOD_BITS = 8
export const METHODS_MAX = 1 << METHOD_BITS

export function openNumber(method: number, caller: number): number {
  return (caller << METHOD_BITS) | method
}

export function methodOf(openNumber: number): number {
  return openNumber & (METHODS_MAX - 1)
}

export function callerOf(openNumber: number): number {
  return openNumber >>> METHOD_BITS
}
