/**
 * Second names for the files of an open LevelDB. LevelDB deletes the files that a compaction has
 * replaced in one go, and nobody reads or writes meanwhile: 3 ms for each 8 MiB (ext4), tens of
 * them in a row. A file that has a second name is not freed by that. This class takes the second
 * name away afterwards, on a thread of the pool.
 *
 *     state/000012.ldb ────────┐
 *     state/links/000012.ldb ──┴── the file
 *
 * A file without a second name is deleted as before, so the first failure (a file system without
 * links) ends it. The space of a deleted file comes back with its second name: after one look, or
 * when the database is opened or closed.
 */

import { link, mkdir, readdir, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'

import { reasonOf } from './fail-stop.ts'

const LINKS_NAME = 'links'
/** Between two looks at the directory. Files live longer than that, but for few. */
const LOOK_MS = 100
/** When nothing has changed for long. */
const QUIET_LOOK_MS = 1600

/**
 * Before a database is opened: what a killed process left may hold the very space that this needs,
 * and what it names may be another file by now.
 */
export async function removeLinks(directory: string): Promise<void> {
  await rm(join(directory, LINKS_NAME), { recursive: true, force: true }).catch(() => undefined)
}

export class TableLinks {
  readonly #directory: string
  readonly #links: string
  /** Files with a second name. */
  readonly #linked: Set<string>
  #looking: Promise<void>
  #lookMs: number
  #timer: NodeJS.Timeout | undefined
  #isClosed: boolean

  private constructor(directory: string) {
    this.#directory = directory
    this.#links = join(directory, LINKS_NAME)
    this.#linked = new Set()
    this.#looking = Promise.resolve()
    this.#lookMs = LOOK_MS
    this.#timer = undefined
    this.#isClosed = false
  }

  /** For a database that is open, and had no links before. Never fails. */
  static async open(directory: string): Promise<TableLinks> {
    const links = new TableLinks(directory)
    try {
      await mkdir(links.#links, { mode: 0o700 })
      links.#lookSoon()
    } catch {
      links.#isClosed = true
    }
    return links
  }

  /** Before the database is closed: from now on every file has one name. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#looking
    await removeLinks(this.#directory)
  }

  /** As a resource of the database. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #lookSoon(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#looking = this.#look()
        .then(() => this.#lookSoon())
        .catch(() => this.#giveUp())
    }, this.#lookMs).unref()
  }

  /** What is linked would keep its space when LevelDB deletes it. */
  #giveUp(): Promise<void> {
    this.#isClosed = true
    return removeLinks(this.#directory)
  }

  async #look(): Promise<void> {
    const names = await readdir(this.#directory)
    const files = new Set(names.filter((name) => /^\d+\.(ldb|log)$/.test(name)))
    const added = [...files].filter((name) => !this.#linked.has(name))
    const gone = [...this.#linked].filter((name) => !files.has(name))
    const isQuiet = added.length + gone.length === 0
    this.#lookMs = isQuiet ? Math.min(this.#lookMs * 2, QUIET_LOOK_MS) : LOOK_MS
    for (const name of added) await this.#link(name)
    for (const name of gone) await this.#unlink(name)
  }

  async #link(name: string): Promise<void> {
    if (this.#isClosed) return
    await link(join(this.#directory, name), join(this.#links, name)).catch(unlessGone)
    this.#linked.add(name)
  }

  async #unlink(name: string): Promise<void> {
    if (this.#isClosed) return
    await unlink(join(this.#links, name)).catch(unlessGone)
    this.#linked.delete(name)
  }
}

/** The file, or its second name, has gone by itself. */
function unlessGone(error: unknown): void {
  if (!/ENOENT/.test(reasonOf(error))) throw error
}
