/**
 * The identity of members and clusters, computed as etcd computes it, so that tools and documents
 * that know etcd's default ids find them here. Ids are 16 lowercase hex digits inside the program.
 */

import { createHash } from 'node:crypto'

/**
 * The id of a member from what makes it unique: its peer URLs and the token of its cluster. A
 * member added at run time has an empty token and the time of its addition instead, in whole
 * seconds since 1970. The order of the URLs does not matter.
 */
export function memberIdOf(
  peerUrls: readonly string[],
  clusterToken: string,
  addedAtUnixSeconds?: number,
): string {
  const time = addedAtUnixSeconds === undefined ? '' : String(addedAtUnixSeconds)
  return firstEightBytes([[...peerUrls].toSorted(inByteOrder).join(''), clusterToken, time])
}

/** The id of a cluster from its initial members' ids, in any order. */
export function clusterIdOf(memberIds: readonly string[]): string {
  return firstEightBytes([...memberIds].toSorted().map((id) => Buffer.from(id, 'hex')))
}

function firstEightBytes(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha1')
  for (const part of parts) hash.update(part)
  return hash.digest('hex').slice(0, 16)
}

/** Go compares strings by their bytes. */
function inByteOrder(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}
