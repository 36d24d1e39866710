/**
 * Where a state lies, and how one takes the place of another. Beside `state` there may be
 *
 *   state.staging    a state that is being gathered, or was when the process ended
 *   state.staged     one that is complete and durable, and in nobody's use yet
 *   state.old        the one that was in use before
 *
 *   gather    state  state.staging
 *   publish   state  state.staged
 *   switch           state.staged  state.old      ◄─ a crash here: the start finishes the switch
 *             state                state.old
 *   remove    state
 *
 * Every step is one rename, made durable before the next. Invariant: `state` is always complete;
 * it is missing between the two renames of the switch alone, and then both others are there.
 */

import { basename, dirname } from 'node:path'

import type { Files } from './files.ts'

const STAGING = '.staging'
const STAGED = '.staged'
const OLD = '.old'

/** Whether a member directory that lists `names` holds a state, or one half switched. */
export function hasState(names: readonly string[], state = 'state'): boolean {
  return names.includes(state) || isHalfSwitched(names, state)
}

function isHalfSwitched(names: readonly string[], state: string): boolean {
  return names.includes(state + STAGED) && names.includes(state + OLD)
}

export class StateDirectory {
  /** The state in use. */
  readonly live: string
  readonly staging: string
  readonly files: Files
  readonly #staged: string
  readonly #old: string
  readonly #parent: string
  readonly #name: string

  constructor(files: Files, path: string) {
    this.files = files
    this.live = path
    this.staging = path + STAGING
    this.#staged = path + STAGED
    this.#old = path + OLD
    this.#parent = dirname(path)
    this.#name = basename(path)
  }

  /**
   * Finishes a switch that a crash interrupted. False when the state is missing although there is
   * a trace of one: then nothing is known of it.
   */
  async recover(): Promise<boolean> {
    const names = await this.files.names(this.#parent)
    if (names.includes(this.#name)) return true
    if (isHalfSwitched(names, this.#name)) {
      await this.files.move(this.#staged, this.live)
      return true
    }
    return ![STAGING, STAGED, OLD].some((ending) => names.includes(this.#name + ending))
  }

  /** The gathered state, whose files nobody has open, is complete: it survives a crash as such. */
  async publish(): Promise<void> {
    await this.files.syncTree(this.staging)
    await this.files.move(this.staging, this.#staged)
  }

  /** The published state is the one in use. No file of either is open. */
  async switch(): Promise<void> {
    await this.files.move(this.live, this.#old)
    await this.files.move(this.#staged, this.live)
  }

  async removeStaged(): Promise<void> {
    for (const path of [this.staging, this.#staged]) await this.files.remove(path)
  }

  async removeOld(): Promise<void> {
    await this.files.remove(this.#old)
  }
}
