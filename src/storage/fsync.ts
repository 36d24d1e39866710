/** fsync of files and directories: a file's name is durable when its directory is. */

import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'

import { reasonOf } from './fail-stop.ts'

/** Everything below `path`, and the names. */
export async function syncTree(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const child = join(path, entry.name)
    if (entry.isDirectory()) await syncTree(child)
    else await syncPath(child)
  }
  await syncPath(path)
}

/** fsync of a file or directory; a parent that may not be opened is not ours to sync. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (/EACCES|EPERM/.test(reasonOf(error))) return undefined
    throw error
  })
  if (handle === undefined) return
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
