/** A cut of compacted history may be interrupted anywhere; no start after it sees other data. */

import { describe, expect, test } from 'vitest'

import { executeRange } from '../../src/server/range.ts'
import { requestEntry } from './support/arbitrary-entries.ts'
import { Member } from './support/member.ts'
import { plainRange } from './support/plain.ts'
import { deleteRequest, k, putRequest, rangeRequest } from './support/requests.ts'

const STEPS = Array.from({ length: 8 }, (_, i) => i)
/** Which of the deletes that reached no checkpoint survive a crash, as bits. */
const SUBSETS = Array.from({ length: 16 }, (_, i) => i)

class History {
  readonly member: Member

  constructor(member: Member) {
    this.member = member
  }

  static async start(): Promise<History> {
    return new History(await Member.start())
  }

  put(key: string): void {
    this.#apply({ case: 'put', value: putRequest({ key: k(key) }) })
  }

  delete(key: string): void {
    this.#apply({ case: 'deleteRange', value: deleteRequest({ key: k(key) }) })
  }

  /** Marks the compaction, saves the checkpoint that knows of it, and cuts for a while. */
  async compact(revision: number, steps: number): Promise<void> {
    this.#apply({ case: 'compaction', value: { revision, physical: false } })
    await this.member.save()
    const cut = this.member.applier.store.compaction()
    for (let i = 0; i < steps; i++) cut?.step(1)
  }

  #apply(request: Parameters<typeof requestEntry>[0]): void {
    this.member.apply(requestEntry(request, this.member.applier.appliedIndex + 1))
  }
}

function visible({ applier: { store } }: Member): unknown {
  const request = rangeRequest({ key: k('\0'), rangeEnd: k('\0') })
  return plainRange(executeRange(store, request, store.currentRevision))
}

/** A key deleted for good, and one that was created again behind the compaction. */
async function sample(steps: number): Promise<History> {
  const history = await History.start()
  history.put('gone')
  history.put('back')
  history.delete('gone')
  history.delete('back')
  history.put('other')
  history.put('back')
  history.put('back')
  await history.compact(6, steps)
  return history
}

describe.each(STEPS)('a cut that is interrupted after %i steps', (steps) => {
  test('by a clean stop', async () => {
    const { member } = await sample(steps)
    const before = visible(member)
    expect(visible(await Member.start(member.disk))).toEqual(before)
  })

  test.each(SUBSETS)('by a crash that keeps the deletes %i', async (kept) => {
    const { member } = await sample(steps)
    const before = visible(member)
    member.disk.crash((position) => ((kept >> position) & 1) === 1)
    expect(visible(await Member.start(member.disk))).toEqual(before)
  })
})
