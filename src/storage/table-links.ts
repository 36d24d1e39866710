/**
 * Second names for the files of an open LevelDB. LevelDB deletes the files that a compaction has
 * replaced in one go, and nobody reads or writes meanwhile: 3 ms for each 8 MiB (ext4), tens of
 * them in a row. A file that has a second name is not freed by that. This class takes the second
 * name away afterwards, on a thread of the pool.
 *
 *     state/000012.ldb ────────┐
 *     state/links/000012.ldb ──┴── the file
 *
 * Nothing but speed depends on it, so the first failure (a file system without links) ends it: a
 * file without a second name is deleted as before. What a killed process left goes at the next start.
 */

import { link, mkdir, readdir, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'

import { reasonOf } from './fail-stop.ts'

const LINKS_NAME = 'links'

/** Between two looks at the directory. Files live longer than that, but for few. */
const LOOK_MS = 100
/** When nothing has changed for long. */
const QUIET_LOOK_MS = 1600

export class TableLinks {
  readonly #directory: string
  readonly #links: string
  /** Files with a second name. */
  #linked: Set<string>
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

  /** Begins with what lies in `directory`, a database that is open. Never fails. */
  static async open(directory: string): Promise<TableLinks> {
    const links = new TableLinks(directory)
    try {
      await mkdir(links.#links, { recursive: true, mode: 0o700 })
      links.#linked = new Set(await readdir(links.#links))
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
    await rm(this.#links, { recursive: true, force: true }).catch(() => undefined)
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
        .catch(() => void (this.#isClosed = true))
    }, this.#lookMs).unref()
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
