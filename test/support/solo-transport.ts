/** The way to the other members of a member that has none. */

import type { CallResult, Transport } from '../../src/peer/ports.ts'

export const SOLO_TRANSPORT: Transport = {
  setPeers: ignore,
  setRemoved: ignore,
  send: ignore,
  call: async (): Promise<CallResult> => ({ ok: false, error: 'unreachable' }),
  sendSnapshot: async () => false,
  activeSinceMs: () => undefined,
  stop: async () => undefined,
}

function ignore(): void {
  return undefined
}
