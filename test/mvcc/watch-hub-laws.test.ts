/** Random histories, random watchers: what each is told equals the replay of the log. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyRange, rangeContains, type KeyRange } from '../../src/base/key-range.ts'
import { keyFromText, type Key } from '../../src/base/key.ts'
import type { CatchUpRound } from '../../src/mvcc/catch-up-round.ts'
import type { HistoricChange } from '../../src/mvcc/history.ts'
import { Store, type Commit } from '../../src/mvcc/store.ts'
import { WatchHub } from '../../src/mvcc/watch-hub.ts'
import type { WatchOutput } from '../../src/mvcc/watch-output.ts'
import type { WatchStream } from '../../src/mvcc/watch-stream.ts'
import type { WatchOptions } from '../../src/mvcc/watcher.ts'
import { HistoryModel } from '../support/history-model.ts'
import { MemoryBackend } from '../support/memory-backend.ts'
import { WatchChecker } from './support/watch-checker.ts'

const KEYS = ['a', 'b', 'ba', 'c', 'd'].map(keyFromText)
/** So small that every path is taken within a few commands. */
const LIMITS = {
  streamBytes: 300,
  totalBytes: 700,
  outputBytes: 120,
  recentRevisions: 3,
  recentBytes: 100,
  roundRevisions: 4,
}
const STREAMS = 3

type Write =
  | { readonly type: 'put'; readonly key: Key; readonly value: string }
  | { readonly type: 'delete'; readonly range: KeyRange }

type Command =
  | { readonly type: 'txn'; readonly writes: readonly Write[] }
  | {
      readonly type: 'adopt'
      readonly txns: readonly (readonly Write[])[]
      readonly compact: { readonly at: number; readonly steps: number } | undefined
      readonly endsRound: boolean
    }
  | ({
      readonly type: 'watch'
      readonly stream: number
      readonly id: number
      readonly back: number
    } & { readonly options: Omit<WatchOptions, 'startRevision'> })
  | { readonly type: 'cancel'; readonly stream: number; readonly which: number }
  | {
      readonly type: 'progress' | 'notify' | 'block' | 'unblock' | 'reopen'
      readonly stream: number
    }
  | { readonly type: 'take'; readonly stream: number; readonly count: number }
  | { readonly type: 'feed'; readonly moves: number }
  | { readonly type: 'compact'; readonly at: number; readonly steps: number }

const anyKey = fc.constantFrom(...KEYS)
const anyRange: fc.Arbitrary<KeyRange> = fc.oneof(
  anyKey.map((key): KeyRange => ({ type: 'point', key })),
  fc
    .tuple(anyKey, anyKey)
    .filter(([a, b]) => a < b)
    .map(([a, b]) => keyRange(a, b)),
  anyKey.map((key) => keyRange(key, '\0' as Key)),
  fc.constant<KeyRange>({ type: 'all' }),
)
const anyWrite: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      key: anyKey,
      value: fc.string({ maxLength: 20 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), range: anyRange }) },
)
const anyWrites = fc.array(anyWrite, { maxLength: 3 })
const anyShare = fc.nat(100).map((n) => n / 100)
const anyStream = fc.nat(STREAMS - 1)
const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ type: fc.constant('txn' as const), writes: anyWrites }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('adopt' as const),
      txns: fc.array(anyWrites, { maxLength: 8, size: 'max' }),
      compact: fc.option(fc.record({ at: anyShare, steps: fc.nat(9) }), { nil: undefined }),
      endsRound: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('watch' as const),
      stream: anyStream,
      id: fc.constantFrom(0, 0, 0, 1, 7),
      back: fc.integer({ min: -4, max: 25 }),
      options: fc.record({
        range: anyRange,
        withoutPuts: fc.nat(5).map((n) => n === 0),
        withoutDeletes: fc.nat(5).map((n) => n === 0),
        withPrevious: fc.boolean(),
        progressNotify: fc.boolean(),
        fragment: fc.boolean(),
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('cancel' as const),
      stream: anyStream,
      which: fc.nat(3),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom(
        'progress' as const,
        'notify' as const,
        'block' as const,
        'unblock' as const,
        'unblock' as const,
      ),
      stream: anyStream,
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reopen' as const), stream: anyStream }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('take' as const),
      stream: anyStream,
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('feed' as const),
      moves: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('compact' as const),
      at: anyShare,
      steps: fc.nat(4),
    }),
  },
)

/** A stream with its reader. */
class Reading {
  readonly stream: WatchStream
  /** By id, the newest watch with it. */
  readonly checkers = new Map<bigint, WatchChecker>()
  readonly #asked: WatchChecker[] = []
  readonly #expectedRejections: string[] = []
  readonly all: WatchChecker[] = []
  progressAnswers = 0
  isBlocked = false

  constructor(stream: WatchStream) {
    this.stream = stream
  }

  ask(checker: WatchChecker): void {
    this.#asked.push(checker)
    this.all.push(checker)
  }

  expectRejection(reason: string): void {
    this.#expectedRejections.push(reason)
  }

  take(): boolean {
    const output = this.stream.take()
    if (output === undefined) return false
    this.#on(output)
    return true
  }

  #on(output: WatchOutput): void {
    if (output.type === 'rejected') {
      expect(output.reason).toBe(this.#expectedRejections.shift())
      return
    }
    if (output.type === 'created') {
      const checker = this.#asked.shift()!
      expect(this.checkers.get(output.watchId)?.isOpen ?? false).toBe(false)
      this.checkers.set(output.watchId, checker)
    }
    if (output.type === 'progress' && output.watchId === undefined) {
      this.progressAnswers++
      for (const checker of this.checkers.values()) if (checker.isOpen) checker.on(output)
      return
    }
    const checker = this.checkers.get(output.watchId!)
    if (checker === undefined) throw new Error(`nobody watches as ${output.watchId}`)
    checker.on(output)
  }
}

/** Drives rounds by hand, so that anything may happen between two moves. */
class Feeding {
  readonly #hub: WatchHub
  #round: CatchUpRound | undefined
  #batches: AsyncGenerator<readonly HistoricChange[]> | undefined

  constructor(hub: WatchHub) {
    this.#hub = hub
  }

  /** False when there was nothing to do. */
  async move(): Promise<boolean> {
    if (this.#round === undefined) {
      this.#round = this.#hub.beginRound()
      if (this.#round?.needsHistory === true) this.#batches = this.#round.history()
      return this.#round !== undefined
    }
    if (this.#round.step()) return true
    if (this.#batches !== undefined && !this.#round.isEmpty) {
      const { done, value } = await this.#batches.next()
      if (done !== true) {
        this.#round.push(value)
        return true
      }
      this.#batches = undefined
      this.#round.endHistory()
      return true
    }
    await this.end()
    return true
  }

  /** Whether history is being read, or was and is pinned. */
  get hasHistory(): boolean {
    return this.#round?.needsHistory ?? false
  }

  /** As the server does before it replaces the state. */
  async end(): Promise<void> {
    await this.#batches?.return(undefined)
    this.#batches = undefined
    if (this.#round !== undefined) this.#hub.endRound(this.#round)
    this.#round = undefined
  }
}

class World {
  readonly model = new HistoryModel()
  backend = new MemoryBackend()
  readonly store = new Store(this.backend)
  readonly hub = new WatchHub(this.store, LIMITS)
  readonly feeding = new Feeding(this.hub)
  readonly readings = Array.from({ length: STREAMS }, () => this.#open())
  readonly ended: WatchChecker[] = []
  wantedProgress = new Set<Reading>()
  compactions = 0
  adoptions = 0

  async run(command: Command): Promise<void> {
    switch (command.type) {
      case 'txn':
        return this.hub.onCommit(this.#write(this.store, command.writes))
      case 'adopt':
        return this.#adopt(command)
      case 'watch':
        return this.#watch(command)
      case 'cancel': {
        const reading = this.readings[command.stream]!
        const id = [...reading.checkers.keys()][command.which] ?? 99n
        reading.stream.cancel(id)
        return
      }
      case 'progress':
        this.readings[command.stream]!.stream.requestProgress()
        return
      case 'notify':
        this.readings[command.stream]!.stream.notifyProgress()
        return
      case 'block':
        this.readings[command.stream]!.isBlocked = true
        this.readings[command.stream]!.stream.hold(LIMITS.streamBytes - 10)
        return
      case 'unblock':
        this.readings[command.stream]!.isBlocked = false
        this.readings[command.stream]!.stream.hold(0)
        return
      case 'reopen': {
        const [old] = this.readings.splice(command.stream, 1, this.#open())
        old!.stream.close()
        this.ended.push(...old!.all)
        return
      }
      case 'take': {
        const reading = this.readings[command.stream]!
        for (let i = 0; i < command.count && !reading.isBlocked; i++) reading.take()
        return
      }
      case 'feed':
        for (let i = 0; i < command.moves; i++) await this.feeding.move()
        return
      case 'compact':
        return this.#compact(this.store, command.at, command.steps)
    }
  }

  /** Everybody reads, nobody writes: all hear all. */
  async settle(): Promise<void> {
    for (const reading of this.readings) reading.stream.requestProgress()
    const answers = this.readings.map((reading) => reading.progressAnswers)
    for (let idle = 0; idle < 2;) {
      let moved = await this.feeding.move()
      for (const reading of this.readings) {
        reading.isBlocked = false
        reading.stream.hold(0)
        while (reading.take()) moved = true
      }
      idle = moved ? 0 : idle + 1
    }
    for (const [i, reading] of this.readings.entries()) {
      for (const checker of reading.all) checker.finish()
      const open = reading.all.filter((checker) => checker.isOpen)
      const isReached = open.every(({ options }) => options.startRevision <= this.model.current)
      if (open.length > 0 && isReached) {
        expect(reading.progressAnswers, 'every progress request is answered').toBeGreaterThan(
          answers[i]!,
        )
      }
      expect(reading.stream.watchCount).toBe(open.length)
      expect(reading.stream.bytes).toBe(0)
    }
    expect(this.hub.waitingBytes).toBe(0)
    expect(this.hub.waitingEvents).toBe(0)
    expect(this.hub.slowCount).toBe(0)
    for (const reading of this.readings) reading.stream.close()
    expect([this.hub.watcherCount, this.hub.streamCount]).toEqual([0, 0])
  }

  #open(): Reading {
    return new Reading(this.hub.open(() => undefined))
  }

  /** The state of another member, which has gone on alone, takes the place of this one's. */
  async #adopt({ txns, compact, endsRound }: Extract<Command, { type: 'adopt' }>): Promise<void> {
    const sender = this.backend.copy()
    const ahead = await restored(sender, this.store)
    for (const writes of txns) this.#write(ahead, writes)
    if (compact !== undefined) this.#compact(ahead, compact.at, compact.steps)
    // A round that reads from memory alone may be under way.
    if (endsRound || this.feeding.hasHistory) await this.feeding.end()
    this.backend = sender.copy()
    this.store.adopt(await restored(this.backend, ahead))
    this.hub.onAdopted()
    expect(this.hub.revision).toBe(this.model.current)
    this.adoptions++
  }

  #write(store: Store, writes: readonly Write[]): Commit {
    const transaction = store.beginWrite()
    const touched = new Set<Key>()
    for (const write of writes) {
      // As etcd: a key changes once in a transaction.
      const keys =
        write.type === 'put' ? [write.key] : KEYS.filter((key) => rangeContains(write.range, key))
      if (keys.some((key) => touched.has(key))) continue
      for (const key of keys) touched.add(key)
      if (write.type === 'put') {
        transaction.put(write.key, Buffer.from(write.value), 0n)
        this.model.put(write.key, write.value, 0n)
      } else {
        transaction.deleteRange(write.range)
        this.model.deleteRange(write.range)
      }
    }
    const commit = transaction.end()
    this.model.end()
    return commit
  }

  #watch({ stream, id, back, options: given }: Extract<Command, { type: 'watch' }>): void {
    const reading = this.readings[stream]!
    const startRevision = back === 25 ? 0 : Math.max(1, this.model.current - back)
    const options = { ...given, startRevision }
    const isTaken = id !== 0 && reading.stream.has(BigInt(id))
    if (isTaken) reading.expectRejection('duplicate-id')
    else reading.ask(new WatchChecker(this.model, options))
    reading.stream.create(BigInt(id), options)
  }

  #compact(store: Store, at: number, steps: number): void {
    const revision = Math.floor(at * this.model.current)
    if (store.markCompacted(revision).ok) {
      this.model.compacted = revision
      this.compactions++
    }
    const compaction = store.compaction()
    for (let i = 0; i < steps; i++) {
      if (compaction?.step(2) === 'barrier') compaction.barrierPassed()
    }
  }
}

/** As it is restored from a copy of `store`. */
function restored(backend: MemoryBackend, store: Store): Promise<Store> {
  const { currentRevision: revision, compactedRevision, finishedCompactRevision } = store
  return Store.restore(backend, { revision, compactedRevision, finishedCompactRevision })
}

const RUNS = Number(process.env['QUORATE_TEST_RUNS'] ?? 600)

test('what every watch is told equals the replay of the log from its start', async () => {
  const seen = { events: 0, compacted: 0, watches: 0, adoptions: 0 }
  await fc.assert(
    fc.asyncProperty(fc.array(anyCommand, { maxLength: 120, size: 'max' }), async (commands) => {
      const world = new World()
      for (const command of commands) await world.run(command)
      await world.settle()
      seen.adoptions += world.adoptions
      for (const checker of [...world.ended, ...world.readings.flatMap(({ all }) => all)]) {
        seen.watches++
        seen.events += checker.eventCount
        if (checker.compactRevision !== undefined) seen.compacted++
      }
    }),
    { numRuns: RUNS },
  )
  // A run that meets none of these proves nothing.
  expect(seen.events).toBeGreaterThan(RUNS * 10)
  expect(seen.compacted).toBeGreaterThan(RUNS / 10)
  expect(seen.adoptions).toBeGreaterThan(RUNS)
}, 120_000)
