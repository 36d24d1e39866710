/** Damage to one file of a member that does not run. */

import { readFile, rm, writeFile } from 'node:fs/promises'
import { relative } from 'node:path'
import type { Draws } from '../../sim/draws.ts'
import { damaged } from './damaged-stores.ts'
import { filesBelow } from './volumes.ts'

export interface DamagedFile {
  /** For people. */
  readonly what: string
  /** Makes the file what it was; the process must not have changed the data directory. */
  putBack(): Promise<void>
}

/** LevelDB's lock and its notes hold nothing that anybody reads. */
const OF_NO_USE = /\/(LOCK|LOG|LOG\.old)$/

/** Flips a bit of a file that the draws choose, or cuts it, or removes it. */
export async function damageOne(directory: string, draws: Draws): Promise<DamagedFile> {
  const files = (await filesBelow(directory)).filter((file) => !OF_NO_USE.test(file))
  const contents = new Map<string, Buffer>()
  for (const file of files) contents.set(file, await readFile(file))
  const full = files.filter((file) => (contents.get(file)?.length ?? 0) > 0)
  const file = draws.pick(full)
  const content = contents.get(file) ?? Buffer.alloc(0)
  const name = relative(directory, file)
  const how = draws.weighted({ flip: 6, cut: 3, remove: 1 })
  let what = `${name} is removed`
  if (how === 'remove') {
    await rm(file)
  } else if (how === 'cut') {
    const length = draws.below(content.length)
    what = `${name} is cut to ${length} of ${content.length} bytes`
    await writeFile(file, damaged(content, { name, type: 'cut', length }))
  } else {
    const bit = draws.below(content.length * 8)
    what = `bit ${bit & 7} of byte ${bit >> 3} of ${content.length} in ${name} is flipped`
    await writeFile(file, damaged(content, { name, type: 'flip', bit }))
  }
  return { what, putBack: async () => await putBack(directory, contents) }
}

/** All of them: LevelDB may have begun to open the one before it refused the other. */
async function putBack(directory: string, contents: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const file of await filesBelow(directory)) {
    if (!contents.has(file) && !OF_NO_USE.test(file)) await rm(file)
  }
  for (const [file, content] of contents) await writeFile(file, content)
}
