/** Which calls may have made a change, found by what they put and by what they delete. */

import { within, type KeyValue, type KvEvent } from './history.ts'
import { leavesOf, type Step, type Steps } from './steps.ts'

const NO_STEPS: readonly Step[] = []

export interface Candidates {
  readonly candidates: readonly Step[]
  /** By a value that was put; else calls that were answered may be among those who deleted. */
  readonly isByPut: boolean
}

export class Writers {
  readonly #byValue = new Map<string, Step[]>()
  /** Of unknown outcome. */
  readonly #deleters: Step[] = []
  readonly #unknown: readonly Step[]

  constructor({ known, unknown }: Steps) {
    this.#unknown = unknown
    for (const step of known) this.#addPuts(step)
    for (const step of unknown) {
      this.#addPuts(step)
      const leaves = [...leavesOf(step.request)]
      const canDelete = leaves.some(({ type }) => type === 'delete' || type === 'lease-revoke')
      if (canDelete) this.#deleters.push(step)
    }
  }

  /** The first who asked for the value. */
  of({ key, value }: Pick<KeyValue, 'key' | 'value'>): Step | undefined {
    return this.#byValue.get(writeName(key, value))?.[0]
  }

  /** Of unknown outcome, that may have made all of the changes; `leaseOf` a key before them. */
  candidates(
    changes: readonly KvEvent[],
    leaseOf: (key: string) => bigint | undefined,
  ): Candidates {
    const put = changes.find(({ type }) => type === 'put')
    if (put !== undefined) return { candidates: this.#whoPut(put.kv), isByPut: true }
    const deleted = changes.find(({ type }) => type === 'delete')
    if (deleted === undefined) return { candidates: byCall(this.#unknown), isByPut: false }
    const { key } = deleted.kv
    return { candidates: byCall(this.#whoDeletes(key, leaseOf(key))), isByPut: false }
  }

  #addPuts(step: Step): void {
    for (const leaf of leavesOf(step.request)) {
      if (leaf.type !== 'put') continue
      const name = writeName(leaf.key, leaf.ignoreValue ? undefined : leaf.value)
      const steps = this.#byValue.get(name)
      if (steps === undefined) this.#byValue.set(name, [step])
      else steps.push(step)
    }
  }

  #whoPut({ key, value }: KeyValue): readonly Step[] {
    const named = this.#byValue.get(writeName(key, value)) ?? NO_STEPS
    const keeping = this.#byValue.get(writeName(key, undefined)) ?? NO_STEPS
    return byCall([...named, ...keeping].filter(({ outcome }) => outcome.type === 'unknown'))
  }

  #whoDeletes(key: string, lease: bigint | undefined): readonly Step[] {
    return this.#deleters.filter((step) =>
      [...leavesOf(step.request)].some(
        (leaf) =>
          (leaf.type === 'delete' && within(leaf, key)) ||
          (leaf.type === 'lease-revoke' && leaf.lease === lease),
      ),
    )
  }
}

function byCall(steps: readonly Step[]): readonly Step[] {
  return [...steps].sort((a, b) => a.calledAt - b.calledAt)
}

/** Undefined value: a put that keeps the key's value. */
function writeName(key: string, value: string | undefined): string {
  return value === undefined ? `${key}\u{ffff}` : `${key}\u{fffe}${value}`
}
