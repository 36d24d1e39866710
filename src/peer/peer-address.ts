/** Where a peer URL leads. Peer URLs have the form http://host:port and nothing else. */

export interface PeerAddress {
  readonly host: string
  readonly port: number
}

const PEER_URL = /^http:\/\/(?:\[([0-9a-f:.%]+)\]|([^[\]:@/?#\s]+)):(\d{1,5})\/?$/i

/** Undefined for a URL that a member cannot be reached by. */
export function peerAddressOf(url: string): PeerAddress | undefined {
  const match = PEER_URL.exec(url)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || !(port >= 1 && port <= 65535)) return undefined
  return { host, port }
}
