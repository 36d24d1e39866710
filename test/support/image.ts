/** A database as a killed process leaves it: taken from its directory, and laid down again. */

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

import { recordsOf } from './level-log.ts'

/**
 * The files of a database, and of those in it, by their path, as a killed process leaves them;
 * without locks and info logs, and without the zeros behind the records of log files.
 */
export type Image = ReadonlyMap<string, Buffer>

export async function imageOf(directory: string): Promise<Image> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true })
  const paths = entries
    .filter((entry) => entry.isFile() && !/^(LOCK|LOG.*)$/.test(entry.name))
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .filter((path) => !/(^|\/)links\//.test(path))
  const files = await Promise.all(
    paths.map(async (path): Promise<[string, Buffer]> => {
      const content = await readFile(join(directory, path))
      return [path, path.endsWith('.log') ? recordsOf(content) : content]
    }),
  )
  return new Map(files)
}

/** Makes `directory` hold exactly `image`, with `changed` in place of some files. */
export async function restoreImage(
  directory: string,
  image: Image,
  changed: Readonly<Record<string, Buffer>> = {},
): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  for (const [path, content] of image) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), changed[path] ?? content)
  }
}
