/**
 * The bytes of a RangeResponse with many keys, made over many turns: 200,000 keys in one piece
 * would hold up everybody for 50 ms. Fields of a message may follow each other in any number of
 * parts, so each slice of keys is encoded as a response of its own:
 *
 *     header │ kvs 0…999 │ kvs 1000…1999 │ … │ more, count
 */

import type { EncodedKeyValue } from '../mvcc/kv.ts'
import {
  encodeRangeResponse,
  sizeOfRangeResponse,
  type RangeResponseInput,
} from '../rpc/codec/etcdserverpb.ts'
import type { GiveWay } from './sliced-reads.ts'

const SLICE_KEYS = 1000
const SLICE_BYTES = 512 * 1024

/** A response that may have been encoded already. */
export type EncodableRange = RangeResponseInput & { readonly encoded?: Uint8Array }

export function encodeRange(response: EncodableRange): Uint8Array {
  return response.encoded ?? encodeRangeResponse(response)
}

/**
 * The response with the bytes that `encodeRange` is to give, encoded with a turn for others after
 * each slice; one that is a single slice is left to `encodeRange`. Rejects with what `giveWay`
 * throws when nobody waits for the answer any more.
 */
export async function encodeInSlices(
  response: RangeResponseInput,
  giveWay: GiveWay,
): Promise<EncodableRange> {
  const slices = slicesOf(response.kvs ?? [])
  if (slices.length <= 1) return response
  return { ...response, encoded: await encodeSlices(response, slices, giveWay) }
}

async function encodeSlices(
  { header, more, count }: RangeResponseInput,
  slices: readonly EncodedKeyValue[][],
  giveWay: GiveWay,
): Promise<Uint8Array> {
  const head = encodeRangeResponse({ header })
  const tail = encodeRangeResponse({ more, count })
  let size = head.length + tail.length
  for (const slice of slices) size += sizeOfRangeResponse({ kvs: slice })
  const bytes = Buffer.allocUnsafeSlow(size)
  bytes.set(head)
  let at = head.length
  for (const slice of slices) {
    const part = encodeRangeResponse({ kvs: slice })
    bytes.set(part, at)
    at += part.length
    await giveWay()
  }
  bytes.set(tail, at)
  return bytes
}

function slicesOf(kvs: readonly EncodedKeyValue[]): EncodedKeyValue[][] {
  const slices: EncodedKeyValue[][] = []
  let slice: EncodedKeyValue[] = []
  let bytes = 0
  for (const kv of kvs) {
    slice.push(kv)
    bytes += kv.length
    if (slice.length < SLICE_KEYS && bytes < SLICE_BYTES) continue
    slices.push(slice)
    slice = []
    bytes = 0
  }
  if (slice.length > 0) slices.push(slice)
  return slices
}
