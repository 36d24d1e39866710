/** All that is fuzzed, in the order of a full run. */

import type { Decoder } from './decoder.ts'
import { http2Decoders } from './decoders/http2.ts'
import { messageDecoders } from './decoders/messages.ts'
import { peerDecoders } from './decoders/peer.ts'
import { stateDecoders } from './decoders/state.ts'
import { storageDecoders } from './decoders/storage.ts'
import { textDecoders } from './decoders/texts.ts'

export function allDecoders(): Decoder[] {
  return [
    ...storageDecoders(),
    ...peerDecoders(),
    ...http2Decoders(),
    ...messageDecoders(),
    ...textDecoders(),
    ...stateDecoders(),
  ]
}
