/**
 * Calls on the wire.
 *
 *     request   [id, bytes]
 *     response  [id, bytes], or [id] when it was refused
 */

import { isBytes, isCount } from './field.ts'
import { unpackArray } from './packing.ts'
import type { CallResult } from './ports.ts'

export interface IncomingCall {
  readonly id: number
  readonly request: Uint8Array
}

export function packedCall(id: number, bytes: Uint8Array): readonly unknown[] {
  return [id, bytes]
}

export function packedRefusal(id: number): readonly unknown[] {
  return [id]
}

export function callOf(body: Uint8Array): IncomingCall | undefined {
  const [id, request, ...rest] = unpackArray(body) ?? []
  if (!isCount(id) || !isBytes(request) || rest.length > 0) return undefined
  return { id, request }
}

export function responseOf(
  body: Uint8Array,
): { readonly id: number; readonly result: CallResult } | undefined {
  const values = unpackArray(body) ?? []
  const [id, response] = values
  if (!isCount(id) || values.length > 2) return undefined
  if (values.length === 1) return { id, result: { ok: false, error: 'refused' } }
  return isBytes(response) ? { id, result: { ok: true, response } } : undefined
}
