import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { crc32c } from '../../src/base/crc32c.ts'
import { keyRange, type KeyRange } from '../../src/base/key-range.ts'
import { keyFromText, type Key } from '../../src/base/key.ts'
import type { Compaction } from '../../src/mvcc/compaction.ts'
import { decodeKeyValue, valueOf } from '../../src/mvcc/kv.ts'
import type { RangeCursor } from '../../src/mvcc/range-cursor.ts'
import { Store, type KeyVersion, type Pin } from '../../src/mvcc/store.ts'
import type { WriteTransaction } from '../../src/mvcc/write-transaction.ts'
import { HistoryModel, storedForm, type ModelRecord } from '../support/history-model.ts'
import { MemoryBackend } from '../support/memory-backend.ts'

const KEYS = ['a', 'b', 'ba', 'c', 'd', 'e'].map(keyFromText)
const noSlice = (): Promise<void> => Promise.resolve()

type Write =
  | { readonly type: 'put'; readonly key: Key; readonly value: string; readonly lease: bigint }
  | { readonly type: 'delete'; readonly range: KeyRange }

/** Numbers in [0, 1] pick from what there is when the command runs. */
type Command =
  | { readonly type: 'txn'; readonly writes: readonly Write[] }
  | { readonly type: 'mark'; readonly at: number }
  | { readonly type: 'cut'; readonly steps: number; readonly keys: number }
  | { readonly type: 'checkpoint' }
  | { readonly type: 'crash'; readonly lost: readonly number[] }
  | { readonly type: 'adopt'; readonly ahead: readonly Command[] }
  | { readonly type: 'open'; readonly at: number; readonly range: KeyRange }
  | { readonly type: 'next'; readonly which: number; readonly keys: number }

const anyKey = fc.constantFrom(...KEYS)
const anyRange: fc.Arbitrary<KeyRange> = fc.oneof(
  anyKey.map((key): KeyRange => ({ type: 'point', key })),
  fc.tuple(anyKey, anyKey).map(([start, end]): KeyRange => ({ type: 'half-open', start, end })),
  anyKey.map((start): KeyRange => ({ type: 'from', start })),
  fc.constant<KeyRange>({ type: 'all' }),
)
const anyWrite: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      key: anyKey,
      value: fc.string({ maxLength: 3 }),
      lease: fc.constantFrom(0n, 0n, 7n, 2n ** 62n),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), range: anyRange }) },
)
const anyShare = fc.integer({ min: 0, max: 100 }).map((n) => n / 100)
const anyTxn = fc.record({
  type: fc.constant('txn' as const),
  writes: fc.array(anyWrite, { maxLength: 4 }),
})
const anyMark = fc.record({ type: fc.constant('mark' as const), at: anyShare })
const anyCut = fc.record({
  type: fc.constant('cut' as const),
  steps: fc.integer({ min: 1, max: 4 }),
  keys: fc.integer({ min: 1, max: 4 }),
})
const anyCheckpoint = fc.constant({ type: 'checkpoint' as const })
const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: anyTxn },
  { weight: 2, arbitrary: anyMark },
  { weight: 3, arbitrary: anyCut },
  { weight: 2, arbitrary: anyCheckpoint },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('adopt' as const),
      ahead: fc.array(fc.oneof(anyTxn, anyTxn, anyMark, anyCut, anyCheckpoint), {
        maxLength: 8,
        size: 'max',
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('crash' as const),
      lost: fc.array(anyShare, { minLength: 4, maxLength: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('open' as const), at: anyShare, range: anyRange }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('next' as const),
      which: fc.nat(5),
      keys: fc.integer({ min: 1, max: 3 }),
    }),
  },
)

function pick(share: number, low: number, high: number): number {
  return low + Math.round(share * (high - low))
}

function shownVersion(version: KeyVersion): unknown {
  const { key, modRevision, createRevision, version: number } = version
  return { key, main: modRevision.main, sub: modRevision.sub, createRevision, version: number }
}

function shownRecord(record: ModelRecord): unknown {
  const { key, main, sub, createRevision, version } = record
  return { key, main, sub, createRevision, version }
}

interface OpenCursor {
  readonly cursor: RangeCursor
  readonly pin: Pin
  readonly expected: unknown[]
  readonly seen: unknown[]
}

/** A backend that remembers what it deleted since the last barrier. */
class LossyBackend extends MemoryBackend {
  deleted: [string, Uint8Array][] = []

  override delete(key: Uint8Array): void {
    const value = this.get(key)
    if (value !== undefined) this.deleted.push([Buffer.from(key).toString('latin1'), value])
    super.delete(key)
  }
}

/** The store and its model side by side, with a checkpoint to fall back to. */
class Subject {
  backend = new LossyBackend()
  store = new Store(this.backend)
  model = new HistoryModel()
  cursors: OpenCursor[] = []
  sinceCheckpoint: Command[] = []
  checkpointed = { model: new HistoryModel(), finished: -1 }

  async run(command: Command): Promise<void> {
    switch (command.type) {
      case 'txn':
        return this.#txn(command.writes)
      case 'mark':
        return this.#mark(command)
      case 'cut':
        return this.cut(command.steps, command.keys)
      case 'checkpoint':
        return this.checkpoint()
      case 'crash':
        return this.crash(command.lost)
      case 'adopt':
        return this.#adopt(command.ahead)
      case 'open':
        return this.#open(command.at, command.range)
      case 'next':
        return this.#next(command.which, command.keys)
    }
  }

  #txn(writes: readonly Write[]): void {
    this.sinceCheckpoint.push({ type: 'txn', writes })
    const transaction = this.store.beginWrite()
    const before = this.store.currentRevision
    for (const write of writes) {
      if (write.type === 'put') this.#put(transaction, write)
      else {
        const deleted = this.model.deleteRange(write.range)
        const found = transaction.deleteRange(write.range)
        expect(found.map(shownVersion)).toEqual(deleted.map(shownRecord))
      }
      const hasWritten = this.model.records.at(-1)?.main === before + 1
      expect(transaction.hasWritten).toBe(hasWritten)
      const inside = this.store.cursor({ type: 'all' }, transaction.readRevision).next(99)
      const expected = this.model.versionsIn({ type: 'all' }, Infinity)
      expect(inside.map(shownVersion)).toEqual(expected.map(shownRecord))
    }
    this.model.end()
    const commit = transaction.end()
    expect(commit.revision).toBe(this.model.current)
    const made = this.model.records.filter(({ main }) => main === before + 1)
    expect(commit.changes.map(({ key, type }) => [key, type])).toEqual(
      made.map(({ key, value }) => [key, value === undefined ? 'delete' : 'put']),
    )
  }

  #put(transaction: WriteTransaction, { key, value, lease }: Write & { type: 'put' }): void {
    this.model.put(key, value, lease)
    transaction.put(key, Buffer.from(value), lease)
    const version = this.store.versionAt(key, transaction.readRevision)
    expect(version && shownVersion(version)).toEqual(shownRecord(this.model.records.at(-1)!))
  }

  #mark(command: Command & { type: 'mark' }): void {
    this.sinceCheckpoint.push(command)
    const low = Math.max(this.model.compacted, 0)
    const revision = pick(command.at, low, this.model.current + 1)
    const result = this.store.markCompacted(revision)
    if (revision <= this.model.compacted) expect(result).toEqual({ ok: false, error: 'compacted' })
    else if (revision > this.model.current) expect(result).toEqual({ ok: false, error: 'future' })
    else {
      expect(result).toEqual({ ok: true })
      this.model.compacted = revision
    }
  }

  cut(steps: number, keys: number): void {
    const compaction = this.store.compaction(this.checkpointed.model.compacted)
    const isPinned = this.cursors.some(({ pin }) => pin.revision < (compaction?.revision ?? 0))
    for (let i = 0; compaction !== undefined && i < steps; i++) {
      const step = compaction.step(keys)
      if (step === 'barrier') {
        this.backend.deleted = []
        compaction.barrierPassed()
      }
      expect(step === 'blocked').toBe(isPinned)
      expect(step === 'done').toBe(this.store.finishedCompactRevision === compaction.revision)
      if (step === 'done') break
    }
    this.store.index.verify()
  }

  checkpoint(): void {
    const finished = this.store.finishedCompactRevision
    this.checkpointed = { model: this.model.copy(), finished }
    this.sinceCheckpoint = []
    this.backend.deleted = []
  }

  /** Loses any of the deletes since the checkpoint, restores, and replays the log from there. */
  async crash(lost: readonly number[]): Promise<void> {
    const survivors = this.backend.deleted.filter(
      (_, i) => (lost[i % lost.length] ?? 0) < 0.5 === i % 2 > 0,
    )
    for (const [key, value] of survivors) this.backend.put(Buffer.from(key, 'latin1'), value)
    const { model, finished } = this.checkpointed
    this.cursors = []
    this.model = model.copy()
    this.store = await Store.restore(this.backend, {
      revision: model.current,
      compactedRevision: model.compacted,
      finishedCompactRevision: finished,
    })
    this.checkContent()
    while (this.store.compaction() !== undefined) this.cut(1, 2)
    this.checkAfterCut()
    const replayed = this.sinceCheckpoint
    this.sinceCheckpoint = []
    for (const command of replayed) await this.run(command)
  }

  /** Another member has come further; a copy of its state takes the place of this one's. */
  async #adopt(ahead: readonly Command[]): Promise<void> {
    const sender = await this.#copy()
    for (const command of ahead) await sender.run(command)
    const old = this.store.compaction(this.checkpointed.model.compacted)
    const cursors = this.cursors
    for (const { pin } of cursors) pin.release()
    this.cursors = []
    const received = await sender.#copy()
    const rest = received.store.finishedCompactRevision
    this.store.adopt(received.store)
    expect(this.store.finishedCompactRevision).toBe(rest)
    if (received.model.compacted > 0) {
      const below = received.model.compacted - 1
      expect(() => this.store.count({ type: 'all' }, below)).toThrow('no read below a cut')
    }
    this.backend = received.backend
    this.model = received.model
    this.checkpoint()
    this.checkContent()
    const before = this.backend.dump()
    const finished = this.store.finishedCompactRevision
    old?.barrierPassed()
    expect(old?.step(9) ?? 'done').toBe('done')
    expect(old?.blocked ?? false).toBe(false)
    expect(this.backend.dump()).toEqual(before)
    expect(this.store.finishedCompactRevision).toBe(finished)
    for (const { cursor, seen, expected } of cursors) {
      if (seen.length < expected.length) expect(() => cursor.next(1)).toThrow('outlives the state')
    }
  }

  /** As a state that is sent and restored. */
  async #copy(): Promise<Subject> {
    const copy = new Subject()
    copy.backend = new LossyBackend(
      this.backend.records().map(({ key, value }) => [Buffer.from(key).toString('latin1'), value]),
    )
    copy.store = await Store.restore(copy.backend, {
      revision: this.store.currentRevision,
      compactedRevision: this.store.compactedRevision,
      finishedCompactRevision: this.store.finishedCompactRevision,
    })
    copy.model = this.model.copy()
    copy.checkpoint()
    return copy
  }

  #open(at: number, range: KeyRange): void {
    const revision = pick(at, Math.max(this.model.compacted, 0), this.model.current)
    const expected = this.model.versionsIn(range, revision).map(shownRecord)
    const pin = this.store.pin(revision)
    this.cursors.push({ cursor: this.store.cursor(range, revision), pin, expected, seen: [] })
  }

  #next(which: number, keys: number): void {
    const open = this.cursors[which % Math.max(1, this.cursors.length)]
    if (open === undefined) return
    const versions = open.cursor.next(keys)
    open.seen.push(...versions.map(shownVersion))
    expect(open.seen).toEqual(open.expected.slice(0, open.seen.length))
    if (versions.length > 0) return
    expect(open.seen).toHaveLength(open.expected.length)
    open.pin.release()
    this.cursors.splice(this.cursors.indexOf(open), 1)
  }

  /** Every readable revision reads as in the model. */
  checkContent(): void {
    const { store, model } = this
    expect(store.currentRevision).toBe(model.current)
    expect(store.compactedRevision).toBe(model.compacted)
    expect(store.keyCount).toBe(model.stateAt(Infinity).size)
    const ranges = [keyRange(KEYS[1]!, KEYS[4]!), keyRange(KEYS[2]!, '\0' as Key)]
    for (let revision = Math.max(model.compacted, 0); revision <= model.current; revision++) {
      for (const range of [...ranges, { type: 'all' } as const]) {
        const expected = model.versionsIn(range, revision)
        expect(store.count(range, revision)).toBe(expected.length)
        const found = store.cursor(range, revision).next(99)
        expect(found.map(shownVersion)).toEqual(expected.map(shownRecord))
      }
      for (const record of model.stateAt(revision).values()) this.#checkRecord(record, revision)
    }
  }

  #checkRecord(record: ModelRecord, revision: number): void {
    const version = this.store.versionAt(record.key, revision)
    expect(version && shownVersion(version)).toEqual(shownRecord(record))
    const kv = decodeKeyValue(this.store.record({ main: record.main, sub: record.sub }))
    expect(Buffer.from(kv.value).toString()).toBe(record.value)
    expect([kv.lease, kv.modRevision]).toEqual([record.lease, record.main])
  }

  /** With no cut pending, backend and index hold what the model says, and nothing else. */
  checkAfterCut(): void {
    expect(this.store.compaction()).toBeUndefined()
    const expected = this.model.recordsAfterCut(this.model.compacted)
    const stored = expected.map((record) => storedForm(record).join('='))
    expect(this.backend.dump()).toEqual(stored)
    const indexed = this.store.index.dump().flatMap(({ key, entries }) =>
      entries.map(({ main, sub, version, created: createRevision }) => {
        return { key, main, sub, createRevision, version }
      }),
    )
    const inKeyOrder = expected.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    expect(indexed).toEqual(inKeyOrder.map(shownRecord))
  }

  finishCut(): void {
    for (const { pin } of this.cursors) pin.release()
    this.cursors = []
    this.checkpoint()
    while (this.store.compaction() !== undefined) this.cut(1, 2)
  }

  async hashes(): Promise<number[]> {
    const hashes: number[] = []
    for (let r = Math.max(this.model.compacted, 1); r <= this.model.current; r++) {
      const result = await this.store.hash(r, noSlice)
      if (!result.ok) throw new Error(result.error)
      const { compactRevision, hashRevision } = result
      expect([compactRevision, hashRevision]).toEqual([this.model.compacted, r])
      hashes.push(result.hash)
    }
    return hashes
  }

  expectedHashes(): number[] {
    const hashes: number[] = []
    for (let r = Math.max(this.model.compacted, 1); r <= this.model.current; r++) {
      const text = this.model.recordsToHash(r).flatMap((record) => storedForm(record))
      hashes.push(crc32c(Buffer.from(['key', ...text].join(''), 'latin1')))
    }
    return hashes
  }
}

const anyHistory = fc.array(anyCommand, { maxLength: 40, size: 'max' })

describe('Store', () => {
  it('reads as full history does, through compactions, cuts, crashes and open cursors', async () => {
    await fc.assert(
      fc.asyncProperty(anyHistory, async (commands) => {
        const subject = new Subject()
        for (const command of commands) await subject.run(command)
        subject.checkContent()
        subject.finishCut()
        subject.checkContent()
        subject.checkAfterCut()
      }),
      { numRuns: 400 },
    )
  })

  it('rebuilds the index that never restarted, and gives the same hashes after it', async () => {
    await fc.assert(
      fc.asyncProperty(anyHistory, async (commands) => {
        const subject = new Subject()
        for (const command of commands) await subject.run(command)
        const hashes = await subject.hashes()
        expect(hashes).toEqual(subject.expectedHashes())
        subject.finishCut()
        expect(await subject.hashes()).toEqual(hashes)
        const index = subject.store.index.dump()
        await subject.crash([])
        subject.store.index.verify()
        expect(subject.store.index.dump()).toEqual(index)
        expect(await subject.hashes()).toEqual(hashes)
      }),
      { numRuns: 300 },
    )
  })

  it('ends a cut the same wherever a crash interrupts it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyTxn, { maxLength: 20, size: 'max' }),
        anyShare,
        async (txns, at) => {
          for (let steps = 0; steps <= KEYS.length + 1; steps++) {
            const subject = new Subject()
            for (const txn of txns) await subject.run(txn)
            await subject.run({ type: 'mark', at })
            subject.checkpoint()
            subject.cut(steps, 1)
            await subject.crash([0.1, 0.9, 0.4])
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('hashes the same while others write, compact and cut', async () => {
    const subject = new Subject()
    for (let i = 0; i < 40; i++) {
      const key = KEYS[i % KEYS.length]!
      const write: Write = { type: 'put', key, value: String(i), lease: 0n }
      await subject.run({ type: 'txn', writes: [write] })
    }
    expect(subject.store.markCompacted(10)).toEqual({ ok: true })
    const quiet = await subject.store.hash(30, noSlice)
    let slices = 0
    const busy = await subject.store.hash(30, () => {
      slices++
      const transaction = subject.store.beginWrite()
      transaction.deleteRange({ type: 'point', key: KEYS[slices % KEYS.length]! })
      transaction.put(keyFromText(`new${slices}`), new Uint8Array(1), 0n)
      transaction.end()
      if (slices === 2) subject.store.markCompacted(subject.store.currentRevision)
      subject.store.compaction()?.step(2)
      return Promise.resolve()
    })
    expect(slices).toBeGreaterThan(3)
    expect(busy).toEqual(quiet)
    const late = await subject.store.hash(30, noSlice)
    expect(late).toEqual({ ok: false, error: 'compacted' })
    const negative = await subject.store.hash(-5, noSlice)
    expect(negative).toMatchObject({ ok: true, hashRevision: -5, hash: crc32c(Buffer.from('key')) })
    const future = await subject.store.hash(1000, noSlice)
    expect(future).toEqual({ ok: false, error: 'future' })
  })

  it('tells current, old, compacted and future revisions apart', () => {
    const store = new Store(new MemoryBackend())
    expect([store.currentRevision, store.compactedRevision]).toEqual([1, -1])
    for (let i = 0; i < 4; i++) writeOne(store, 'k', String(i))
    store.markCompacted(3)
    expect(store.checkRevision(0)).toEqual({ ok: true, revision: 5 })
    expect(store.checkRevision(-1)).toEqual({ ok: true, revision: 5 })
    expect(store.checkRevision(2)).toEqual({ ok: false, error: 'compacted' })
    expect(store.checkRevision(3)).toEqual({ ok: true, revision: 3 })
    expect(store.checkRevision(6)).toEqual({ ok: false, error: 'future' })
    expect(store.checkRevision(6, 6)).toEqual({ ok: true, revision: 6 })
  })

  it('keeps a tombstone at exactly the compacted revision until the next, #18089, #19179', async () => {
    const backend = new MemoryBackend()
    const store = new Store(backend)
    writeOne(store, 'k', 'v')
    deleteOne(store, 'k')
    writeOne(store, 'other', 'v')
    store.markCompacted(3)
    finishCut(store)
    const marks = { revision: 4, compactedRevision: 3, finishedCompactRevision: 3 }
    const restored = await Store.restore(backend, marks)
    for (const each of [store, restored]) {
      const changes = []
      for await (const batch of each.history(3, 4)) changes.push(...batch)
      expect(changes.map(({ revision, change }) => [revision.main, change.type])).toEqual([
        [3, 'delete'],
        [4, 'put'],
      ])
      expect(decodeKeyValue(changes[0]!.change.record)).toMatchObject({ key: 'k', modRevision: 3 })
    }
    restored.markCompacted(4)
    finishCut(restored)
    expect(backend.size).toBe(1)
  })

  it('gives the lease of each key in revision order while restoring', async () => {
    const backend = new MemoryBackend()
    const store = new Store(backend)
    const transaction = store.beginWrite()
    for (const lease of [5n, 6n, 0n, 9n])
      transaction.put(keyFromText('k'), new Uint8Array(0), lease)
    transaction.end()
    deleteOne(store, 'k')
    const seen: bigint[] = []
    const marks = { revision: 3, compactedRevision: -1, finishedCompactRevision: -1 }
    await Store.restore(backend, marks, noSlice, (_, lease) => seen.push(lease))
    expect(seen).toEqual([5n, 6n, 0n, 9n, 0n])
  })

  it('cuts to the revision its compaction was made for, then to a later one', () => {
    const store = new Store(new MemoryBackend())
    for (let i = 0; i < 9; i++) for (const key of ['a', 'b', 'c']) writeOne(store, key, String(i))
    store.markCompacted(8)
    const first = store.compaction()!
    expect(first.step(1)).toBe('progress')
    store.markCompacted(20)
    expect(store.compaction()).toBe(first)
    stepToEnd(first)
    expect(store.finishedCompactRevision).toBe(8)
    expect(store.compaction(8)).toBeUndefined()
    const second = store.compaction()!
    expect(second.revision).toBe(20)
    const pin = store.pin(20)
    stepToEnd(second)
    expect(first.step(9)).toBe('done')
    store.markCompacted(25)
    expect(store.compaction()!.step(9)).toBe('blocked')
    expect(store.compaction()!.blocked).toBe(true)
    pin.release()
    stepToEnd(store.compaction()!)
    expect(store.compaction()).toBeUndefined()
  })

  it('removes many revisions of one key in slices, oldest puts before any tombstone', () => {
    const backend = new MemoryBackend()
    const store = new Store(backend)
    for (let i = 0; i < 100; i++) writeOne(store, 'k', String(i))
    deleteOne(store, 'k')
    writeOne(store, 'k', 'again')
    store.markCompacted(store.currentRevision)
    const cut = store.compaction()!
    let steps = 0
    let before = backend.size
    let step = cut.step(10)
    for (; step === 'progress'; step = cut.step(10)) {
      expect(before - backend.size).toBeLessThanOrEqual(10)
      before = backend.size
      steps++
    }
    expect(steps).toBeGreaterThanOrEqual(10)
    expect(step).toBe('barrier')
    expect(backend.size).toBe(2)
    expect(cut.step(10)).toBe('barrier')
    cut.barrierPassed()
    expect(cut.step(10)).toBe('done')
    expect(backend.size).toBe(1)
  })

  it('lets no read go on that began in a state it has replaced', async () => {
    const store = new Store(new MemoryBackend())
    const newer = new Store(new MemoryBackend())
    for (let i = 0; i < 30; i++) {
      writeOne(store, `k${i}`, 'v')
      writeOne(newer, `k${i}`, 'v')
    }
    writeOne(newer, 'k', 'v')
    const cursor = store.cursor({ type: 'all' }, 5)
    expect(cursor.next(2)).toHaveLength(2)
    const history = store.history(2, 31)
    await history.next()
    const adopting = (): Promise<void> => {
      if (store.generation === 0) store.adopt(newer)
      return Promise.resolve()
    }
    await expect(store.hashAll(adopting)).rejects.toThrow('outlives the state')
    expect(store.generation).toBe(1)
    expect(() => cursor.next(2)).toThrow('outlives the state')
    await expect(history.next()).rejects.toThrow('outlives the state')
    expect(store.cursor({ type: 'all' }, store.currentRevision).next(99)).toHaveLength(31)
  })

  it('reads the records of the state it has adopted, and none that it read before', () => {
    const store = new Store(new MemoryBackend())
    const newer = new Store(new MemoryBackend())
    writeOne(store, 'k', 'wrong')
    writeOne(newer, 'k', 'right')
    writeOne(newer, 'l', 'v')
    const { modRevision } = store.versionAt(keyFromText('k'), 2)!
    expect(valueOf(store.record(modRevision))).toEqual(Buffer.from('wrong'))
    store.adopt(newer)
    expect(valueOf(store.record(modRevision))).toEqual(Buffer.from('right'))
  })

  it('adopts no state that is older, and none while it is written to or pinned', async () => {
    const store = new Store(new MemoryBackend())
    const newer = new Store(new MemoryBackend())
    for (let i = 0; i < 5; i++) writeOne(newer, 'k', String(i))
    const pin = store.pin(1)
    expect(() => store.adopt(newer)).toThrow('no pin outlives')
    pin.release()
    const transaction = store.beginWrite()
    expect(() => store.adopt(newer)).toThrow('inside a transaction')
    transaction.end()
    expect(() => store.adopt(store)).toThrow('another one')
    store.adopt(newer)
    expect(() => store.adopt(new Store(new MemoryBackend()))).toThrow('not older')
    // The adopted state is written to like one's own.
    writeOne(store, 'k', 'next')
    expect(store.currentRevision).toBe(7)
    expect(store.versionAt(keyFromText('k'), 7)).toMatchObject({ version: 6 })
  })

  it('refuses what would break it', async () => {
    const backend = new MemoryBackend()
    const store = new Store(backend)
    for (let i = 0; i < 5; i++) writeOne(store, 'k', String(i))
    const transaction = store.beginWrite()
    expect(() => store.beginWrite()).toThrow('one write transaction')
    expect(() => store.markCompacted(2)).toThrow('inside a write')
    transaction.end()
    expect(() => transaction.end()).toThrow('after its end')
    expect(() => store.record({ main: 99, sub: 0 })).toThrow('has its record')
    const cursor = store.cursor({ type: 'all' }, 2)
    store.markCompacted(4)
    finishCut(store)
    expect(() => cursor.next(1)).toThrow('no read below a cut')
    expect(() => store.pin(3)).toThrow('cannot be pinned')
    const holed = backend.copy()
    holed.delete(holed.records()[1]!.key)
    const marks = { revision: 6, compactedRevision: 4, finishedCompactRevision: 4 }
    await expect(Store.restore(holed, marks)).rejects.toThrow('no record is missing')
  })
})

function writeOne(store: Store, key: string, value: string): void {
  const transaction = store.beginWrite()
  transaction.put(keyFromText(key), Buffer.from(value), 0n)
  transaction.end()
}

function deleteOne(store: Store, key: string): void {
  const transaction = store.beginWrite()
  transaction.deleteRange({ type: 'point', key: keyFromText(key) })
  transaction.end()
}

function stepToEnd(cut: Compaction): void {
  for (let step = cut.step(9); step !== 'done'; step = cut.step(9)) {
    if (step === 'barrier') cut.barrierPassed()
    else expect(step).toBe('progress')
  }
}

function finishCut(store: Store): void {
  for (let cut = store.compaction(); cut !== undefined; cut = store.compaction()) {
    if (cut.step(2) === 'barrier') cut.barrierPassed()
  }
}
