import type { Decoder } from '../decoder.ts'
export function stateDecoders(): Decoder[] {
  return []
}
