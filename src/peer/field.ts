/** Checks of single fields that came from another member. */

import type { MemberId } from '../raft/types.ts'

/** An index, term, count or length: a whole number from 0 to 2^53 - 1, and not the float -0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0)
}

const ID_FORM = /^[0-9a-f]{16}$/
const ZERO_ID = '0000000000000000'

/** 16 hex digits, zero too. */
export function isHexId(value: unknown): value is string {
  return typeof value === 'string' && ID_FORM.test(value)
}

/** A member or cluster id. Zero is nobody's. */
export function isId(value: unknown): value is MemberId {
  return isHexId(value) && value !== ZERO_ID
}

/** At most `max` ids, each once. */
export function isIdList(value: unknown, max: number): value is readonly MemberId[] {
  return (
    Array.isArray(value) &&
    value.length <= max &&
    value.every(isId) &&
    new Set(value).size === value.length
  )
}

export function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength
}

/** At most `max` texts of at most `maxLength` characters. */
export function isTextList(
  value: unknown,
  max: number,
  maxLength: number,
): value is readonly string[] {
  return Array.isArray(value) && value.length <= max && value.every((one) => isText(one, maxLength))
}

export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}

export function isFlag(value: unknown): value is boolean {
  return typeof value === 'boolean'
}
