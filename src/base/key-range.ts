/**
 * Intervals of keys as a tagged type. etcd's API encodes them in a pair (key, range_end) with
 * sentinel bytes; the pair is read once, here, and no sentinel travels further in.
 */

import { unreachable } from './assert.ts'
import { ZERO_KEY, type Key } from './key.ts'

export type KeyRange =
  | { readonly type: 'point'; readonly key: Key }
  /** [start, end); empty when end <= start. */
  | { readonly type: 'half-open'; readonly start: Key; readonly end: Key }
  /** Every key >= start. */
  | { readonly type: 'from'; readonly start: Key }
  | { readonly type: 'all' }

/**
 * Reads etcd's pair: an empty `rangeEnd` is the single key, a `rangeEnd` of one zero byte has no
 * upper bound, and key and rangeEnd both one zero byte are every key.
 */
export function keyRange(key: Key, rangeEnd: Key): KeyRange {
  if (rangeEnd.length === 0) return { type: 'point', key }
  if (rangeEnd !== ZERO_KEY) return { type: 'half-open', start: key, end: rangeEnd }
  return key === ZERO_KEY || key.length === 0 ? { type: 'all' } : { type: 'from', start: key }
}

export function rangeContains(range: KeyRange, key: Key): boolean {
  switch (range.type) {
    case 'point':
      return key === range.key
    case 'half-open':
      return range.start <= key && key < range.end
    case 'from':
      return range.start <= key
    case 'all':
      return true
    default:
      return unreachable(range)
  }
}

/** The first key that may be inside, for a walk that starts there. */
export function rangeStart(range: KeyRange): Key {
  switch (range.type) {
    case 'point':
      return range.key
    case 'half-open':
    case 'from':
      return range.start
    case 'all':
      return '' as Key
    default:
      return unreachable(range)
  }
}

/** The first key after the range, or undefined when it has no upper bound. */
export function rangeEnd(range: KeyRange): Key | undefined {
  switch (range.type) {
    case 'point':
      return `${range.key}\0` as Key
    case 'half-open':
      return range.end
    case 'from':
    case 'all':
      return undefined
    default:
      return unreachable(range)
  }
}
