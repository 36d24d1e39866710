/** A known bug, put back into one place of the sources. */

import type { ProfileName } from '../fault-profiles.ts'

/** Text of a file below `src` that is replaced; it has to be there exactly once. */
export interface Patch {
  readonly file: string
  readonly was: string
  readonly is: string
}

export interface Mutant extends Patch {
  readonly name: string
  /** What goes wrong, and where the bug is known from. */
  readonly bug: string
  /** Further places that belong to it. */
  readonly also?: readonly Patch[]
  /** The faults among which it shows; all profiles, each as often as usual, when left out. */
  readonly profile?: ProfileName
}

export function patchesOf({ file, was, is, also = [] }: Mutant): Patch[] {
  return [{ file, was, is }, ...also]
}

/** Throws unless the place is there exactly once: a mutant must not fade away unnoticed. */
export function applyPatch(text: string, { file, was, is }: Patch): string {
  const count = text.split(was).length - 1
  if (count !== 1) throw new Error(`src/${file} has this ${count} times, not once: ${was}`)
  const at = text.indexOf(was)
  return text.slice(0, at) + is + text.slice(at + was.length)
}
