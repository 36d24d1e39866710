/** Which check has caught a mutant, in the words of the table. */

import type { Problem } from '../run.ts'

const GROUPS: readonly (readonly [RegExp, string])[] = [
  [/^(not-linearizable)$/, 'search'],
  [/^(members-disagree|final-state-differs|hash-kv-differs|alarm)$/, 'members compared'],
  [/^watch-/, 'watch'],
  [/^lease-/, 'lease'],
  [/^lock-/, 'lock'],
  [/^election-/, 'election'],
  [/^space-/, 'space'],
  [/^serializable-/, 'local reads'],
  [/^not-live$/, 'liveness'],
  [/^(start-refused|unexpected-error|simulator|hangs|process-ended)$/, 'the run itself'],
  [
    /^(real-time-order|revision-claimed-twice|unexplained-write|applied-twice|lost-write|wrong-response|wrong-error|read-of-compacted)$/,
    'revision order',
  ],
]

export function catcherOf({ kind, sentence }: Problem): string {
  if (kind === 'crashed') {
    const what = /AssertionError|assert/.test(sentence) ? 'an assertion' : 'an error'
    return `ends on ${what}`
  }
  const group = GROUPS.find(([pattern]) => pattern.test(kind))?.[1] ?? 'invariant'
  return `${group}: ${kind}`
}
