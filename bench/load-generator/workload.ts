/**
 * What the clients ask for. A workload makes its request once and then, before every call, writes
 * only the next key's digits into it.
 *
 * Keys look like "bench/000012345": a fixed prefix and 9 decimal digits. The 100 keys that share
 * the first 7 digits form a group, which is what a prefix range asks for.
 */

import { unreachable } from '../../src/base/assert.ts'
import { bytesField, varintField } from './protobuf.ts'
import { encodeRequest } from './request.ts'
import type { Request } from './request.ts'

export const keyPrefix = 'bench/'
const keyDigits = 9
const groupDigits = 7
export const keysPerGroup = 100
/** From here on lease ids have four octets as varints, for more than 200 million of them. */
export const firstLeaseId = 2 ** 21
const leaseIdOctets = 4

export type Workload =
  /** Puts to random keys of a space; values are pseudo-random bytes. */
  | { readonly kind: 'put'; readonly keySpace: number; readonly valueBytes: number }
  /** Puts 0, 1, 2 … `count`−1, each number once over all clients; keys wrap at `keySpace`. */
  | {
      readonly kind: 'fill'
      readonly count: number
      readonly keySpace: number
      readonly valueBytes: number
    }
  /** Gets one random key. */
  | { readonly kind: 'get'; readonly keySpace: number; readonly serializable: boolean }
  /** Ranges over the 100 keys of one random group, linearizable. */
  | { readonly kind: 'prefix'; readonly keySpace: number }
  /**
   * A transaction on one random key: if it exists, put it, else get it. The key space is filled
   * before, so that it is always a put.
   */
  | { readonly kind: 'txn'; readonly keySpace: number; readonly valueBytes: number }
  /** Of five calls four get a random key, linearizable, and one puts one. */
  | { readonly kind: 'mixed'; readonly keySpace: number; readonly valueBytes: number }
  /** Grants leases 0, 1, 2 … `count`−1 for an hour, each once over all clients. */
  | { readonly kind: 'grant'; readonly count: number }
  /**
   * Keeps one random lease of `leases` alive: each client on a stream that stays open, as a client
   * library does it, or each time on a stream of its own, as KeepAliveOnce does.
   */
  | { readonly kind: 'keep-alive'; readonly leases: number; readonly isOpen: boolean }

export interface RequestSource {
  /** The next request, valid until the next call; undefined when a bounded workload is used up. */
  next(): Request | undefined
}

/** Worker `share.index` of `share.count` draws its own keys, or fills its own part of the numbers. */
export function openWorkload(
  workload: Workload,
  authority: string,
  share: { readonly index: number; readonly count: number },
): RequestSource {
  const random = randomNumbers(share.index + 1)
  switch (workload.kind) {
    case 'put': {
      const { request, keyOffset } = putRequest(authority, workload.valueBytes)
      return keyed(request, [keyOffset], keyDigits, () => random() % workload.keySpace)
    }
    case 'fill': {
      const { request, keyOffset } = putRequest(authority, workload.valueBytes)
      let number = share.index
      return keyed(request, [keyOffset], keyDigits, () => {
        if (number >= workload.count) return undefined
        const key = number % workload.keySpace
        number += share.count
        return key
      })
    }
    case 'get': {
      const request = getRequest(authority, workload.serializable)
      return keyed(request, keyOffsets(request), keyDigits, () => random() % workload.keySpace)
    }
    case 'txn': {
      const request = txnRequest(authority, workload.valueBytes)
      return keyed(request, keyOffsets(request), keyDigits, () => random() % workload.keySpace)
    }
    case 'mixed': {
      const { keySpace, valueBytes } = workload
      const get = openWorkload({ kind: 'get', keySpace, serializable: false }, authority, share)
      const put = openWorkload({ kind: 'put', keySpace, valueBytes }, authority, share)
      return { next: () => (random() % 5 === 0 ? put : get).next() }
    }
    case 'prefix':
      return openPrefixWorkload(authority, Math.floor(workload.keySpace / keysPerGroup), random)
    case 'grant': {
      let number = share.index
      return numbered(grantRequest(authority), () => {
        if (number >= workload.count) return undefined
        number += share.count
        return number - share.count
      })
    }
    case 'keep-alive':
      return numbered(keepAliveRequest(authority), () => random() % workload.leases)
    default:
      return unreachable(workload)
  }
}

/** The range [group prefix, its successor); the successor differs in the last digit's octet. */
function openPrefixWorkload(
  authority: string,
  groups: number,
  random: () => number,
): RequestSource {
  const request = rangeRequest(authority, [
    bytesField(1, zeroKey(groupDigits)),
    bytesField(2, zeroKey(groupDigits)),
  ])
  const start = request.frames.indexOf(keyPrefix, request.messageOffset, 'latin1')
  const end = request.frames.indexOf(keyPrefix, start + 1, 'latin1')
  const source = keyed(request, [start, end], groupDigits, () => random() % groups)
  const lastOctet = end + keyPrefix.length + groupDigits - 1
  return {
    next() {
      const next = source.next()
      if (next !== undefined) next.frames[lastOctet] = next.frames[lastOctet]! + 1
      return next
    },
  }
}

/** Writes the number that `draw` gives into the request at each offset. */
function keyed(
  request: Request,
  keyOffsets: readonly number[],
  digits: number,
  draw: () => number | undefined,
): RequestSource {
  return {
    next() {
      const number = draw()
      if (number === undefined) return undefined
      for (const offset of keyOffsets) {
        writeDigits(request.frames, offset + keyPrefix.length, digits, number)
      }
      return request
    },
  }
}

/** Writes the lease id that `draw` gives into the request, whose last field it is. */
function numbered(request: Request, draw: () => number | undefined): RequestSource {
  const offset = request.frames.length - leaseIdOctets
  return {
    next() {
      const number = draw()
      if (number === undefined) return undefined
      let rest = firstLeaseId + number
      for (let i = 0; i < leaseIdOctets; i++) {
        request.frames[offset + i] = (rest & 0x7f) | (i < leaseIdOctets - 1 ? 0x80 : 0)
        rest >>>= 7
      }
      return request
    },
  }
}

function writeDigits(bytes: Buffer, offset: number, digits: number, number: number): void {
  let rest = number
  for (let at = offset + digits - 1; at >= offset; at--) {
    const quotient = Math.floor(rest / 10)
    bytes[at] = 0x30 + rest - quotient * 10
    rest = quotient
  }
}

function zeroKey(digits: number): Buffer {
  return Buffer.from(keyPrefix + '0'.repeat(digits), 'latin1')
}

/** Wherever a key stands in the request. */
function keyOffsets({ frames, messageOffset }: Request): number[] {
  const offsets: number[] = []
  for (let at = messageOffset; ; at++) {
    at = frames.indexOf(keyPrefix, at, 'latin1')
    if (at === -1) return offsets
    offsets.push(at)
  }
}

function putMessage(valueBytes: number): Buffer {
  const random = randomNumbers(7)
  const value = Buffer.from(Array.from({ length: valueBytes }, () => random() & 0xff))
  return Buffer.concat([bytesField(1, zeroKey(keyDigits)), bytesField(2, value)])
}

function putRequest(
  authority: string,
  valueBytes: number,
): { request: Request; keyOffset: number } {
  const request = encodeRequest('/etcdserverpb.KV/Put', authority, putMessage(valueBytes))
  const keyOffset = request.frames.indexOf(keyPrefix, request.messageOffset, 'latin1')
  return { request, keyOffset }
}

function getRequest(authority: string, serializable: boolean): Request {
  const key = bytesField(1, zeroKey(keyDigits))
  return rangeRequest(authority, serializable ? [key, varintField(7, 1)] : [key])
}

/** compare: version(key) > 0; success: the put; failure: a get of the key. */
export function txnMessage(valueBytes: number): Buffer {
  const [isGreater, version] = [1, 0]
  const key = zeroKey(keyDigits)
  const compare = [
    varintField(1, isGreater),
    varintField(2, version),
    bytesField(3, key),
    varintField(4, 0),
  ]
  return Buffer.concat([
    bytesField(1, Buffer.concat(compare)),
    bytesField(2, bytesField(2, putMessage(valueBytes))),
    bytesField(3, bytesField(1, bytesField(1, key))),
  ])
}

function txnRequest(authority: string, valueBytes: number): Request {
  return encodeRequest('/etcdserverpb.KV/Txn', authority, txnMessage(valueBytes))
}

function rangeRequest(authority: string, fields: readonly Buffer[]): Request {
  return encodeRequest('/etcdserverpb.KV/Range', authority, Buffer.concat(fields))
}

function grantRequest(authority: string): Request {
  const message = Buffer.concat([varintField(1, 3600), varintField(2, firstLeaseId)])
  return encodeRequest('/etcdserverpb.Lease/LeaseGrant', authority, message)
}

function keepAliveRequest(authority: string): Request {
  return encodeRequest(
    '/etcdserverpb.Lease/LeaseKeepAlive',
    authority,
    varintField(1, firstLeaseId),
  )
}

/** xorshift32: whole numbers 1 … 2^32−1, the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = (seed * 0x9e37_79b9) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
}
