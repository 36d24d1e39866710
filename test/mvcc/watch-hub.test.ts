import { describe, expect, test } from 'vitest'
import { keyRange } from '../../src/base/key-range.ts'
import { EMPTY_KEY, keyFromText, type Key } from '../../src/base/key.ts'
import { Store } from '../../src/mvcc/store.ts'
import { WatchHub } from '../../src/mvcc/watch-hub.ts'
import { WATCH_LIMITS } from '../../src/mvcc/watch-limits.ts'
import type { WatchOutput } from '../../src/mvcc/watch-output.ts'
import type { WatchStream } from '../../src/mvcc/watch-stream.ts'
import type { WatchOptions } from '../../src/mvcc/watcher.ts'
import { MemoryBackend } from '../support/memory-backend.ts'

const A = keyFromText('a')

function options(fields: Partial<WatchOptions> = {}): WatchOptions {
  return {
    range: keyRange(A, EMPTY_KEY),
    startRevision: 0,
    withoutPuts: false,
    withoutDeletes: false,
    withPrevious: false,
    progressNotify: false,
    fragment: false,
    ...fields,
  }
}

class Setting {
  readonly backend = new MemoryBackend()
  readonly store = new Store(this.backend)
  readonly hub: WatchHub

  constructor(limits = {}) {
    this.hub = new WatchHub(this.store, { ...WATCH_LIMITS, ...limits })
  }

  put(key: Key = A, value = 'v'): number {
    const transaction = this.store.beginWrite()
    transaction.put(key, Buffer.from(value), 0n)
    const commit = transaction.end()
    this.hub.onCommit(commit)
    return commit.revision
  }

  /** What another member has come to takes the place of the state here, and the hub is told. */
  async adopt(ahead: (store: Store) => void): Promise<void> {
    const { currentRevision: revision, compactedRevision } = this.store
    const marks = { revision, compactedRevision, finishedCompactRevision: compactedRevision }
    const newer = await Store.restore(this.backend.copy(), marks)
    ahead(newer)
    this.store.adopt(newer)
    this.hub.onAdopted()
  }

  open(...creates: readonly Partial<WatchOptions>[]): WatchStream {
    const stream = this.hub.open(() => undefined)
    for (const fields of creates) stream.create(0n, options(fields))
    return stream
  }

  /** Runs rounds until nobody waits. */
  async feed(): Promise<void> {
    for (;;) {
      const round = this.hub.beginRound()
      if (round === undefined) return
      if (round.needsHistory) {
        for await (const batch of round.history()) {
          round.push(batch)
          while (round.step());
        }
        round.endHistory()
      }
      while (round.step());
      this.hub.endRound(round)
    }
  }
}

function drain(stream: WatchStream): WatchOutput[] {
  const outputs: WatchOutput[] = []
  for (;;) {
    const output = stream.take()
    if (output === undefined) return outputs
    outputs.push(output)
  }
}

function putIn(store: Store, key = A): void {
  const transaction = store.beginWrite()
  transaction.put(key, Buffer.from('v'), 0n)
  transaction.end()
}

const typesOf = (outputs: readonly WatchOutput[]): string[] => outputs.map(({ type }) => type)

test('an event is encoded once, and its bytes are shared by all who watch', () => {
  const setting = new Setting()
  const range = keyRange(A, keyFromText('b'))
  const streams = [setting.open({}), setting.open({}), setting.open({ range })]
  setting.put()
  const events = streams.map((stream) => {
    const output = drain(stream)[1]
    return output?.type === 'events' ? output.events[0] : undefined
  })
  expect(events[0]).toBeInstanceOf(Uint8Array)
  expect(events[1]).toBe(events[0])
  expect(events[2]).toBe(events[0])
})

test('a commit looks at the watchers it concerns alone, not at ten thousand others', () => {
  const setting = new Setting()
  for (let i = 0; i < 10_000; i++) {
    const key = keyFromText(`k${String(i).padStart(5, '0')}`)
    setting.open({
      range: i % 2 === 0 ? keyRange(key, EMPTY_KEY) : keyRange(key, `${key}\xff` as Key),
    })
  }
  const timed = (count: number): number => {
    const startMs = performance.now()
    for (let i = 0; i < count; i++) setting.put()
    return (performance.now() - startMs) / count
  }
  timed(2000)
  // A look at each of them costs far more than 0.1 ms.
  expect(timed(2000)).toBeLessThan(0.1)
})

describe('after the store has adopted another state', () => {
  test('who was up to date hears what came in between, and what comes next', async () => {
    const setting = new Setting()
    for (let i = 0; i < 4; i++) setting.put()
    const stream = setting.open({}, { startRevision: 9 }, { startRevision: 12 })
    setting.put()
    drain(stream)
    await setting.adopt((store) => {
      for (let i = 0; i < 4; i++) putIn(store)
    })
    expect([setting.hub.revision, setting.hub.slowCount]).toEqual([10, 2])
    stream.requestProgress()
    expect(stream.hasOutput).toBe(false)
    await setting.feed()
    setting.put()
    expect(drain(stream)).toMatchObject([
      { type: 'events', watchId: 0n, revision: 11, events: { length: 5 } },
      { type: 'events', watchId: 1n, revision: 11, events: { length: 3 } },
    ])
    setting.put()
    const last = drain(stream)
    expect(last.map(({ type }) => type)).toEqual(['events', 'events', 'events', 'progress'])
    expect(last.every((output) => 'revision' in output && output.revision === 12)).toBe(true)
  })

  test('a watch ends whose next revision is compacted there, and one just behind does not', async () => {
    const setting = new Setting()
    for (let i = 0; i < 4; i++) setting.put()
    const stream = setting.open(
      { startRevision: 7 },
      { startRevision: 6 },
      {},
      { startRevision: 8 },
    )
    drain(stream)
    await setting.adopt((store) => {
      for (let i = 0; i < 4; i++) putIn(store, keyFromText(`b${i}`))
      expect(store.markCompacted(7)).toEqual({ ok: true })
      putIn(store)
    })
    expect(drain(stream)).toEqual([
      { type: 'compacted', watchId: 1n, compactRevision: 7 },
      { type: 'compacted', watchId: 2n, compactRevision: 7 },
    ])
    await setting.feed()
    expect(drain(stream)).toMatchObject([
      { watchId: 0n, revision: 10, events: { length: 1 } },
      { watchId: 3n, revision: 10, events: { length: 1 } },
    ])
    expect(setting.hub.watcherCount).toBe(2)
  })

  test('a watch that is ended while others are told stays ended', async () => {
    const setting = new Setting()
    for (let i = 0; i < 4; i++) setting.put()
    const victims: WatchStream[] = []
    const stream = setting.hub.open(() => {
      for (const victim of victims) victim.close()
    })
    stream.create(0n, options())
    drain(stream)
    victims.push(setting.open({}, { startRevision: 3 }), setting.open({ startRevision: 99 }))
    await setting.adopt((store) => {
      putIn(store)
      putIn(store)
      store.markCompacted(7)
    })
    expect(victims.map(({ watchCount }) => watchCount)).toEqual([0, 0])
    await setting.feed()
    setting.put()
    expect([setting.hub.watcherCount, setting.hub.slowCount]).toEqual([0, 0])
  })

  test('the hub is not older, and nothing of the old state is in its memory', async () => {
    const setting = new Setting()
    setting.put()
    setting.put()
    await setting.adopt((store) => putIn(store, keyFromText('b')))
    const stream = setting.open({ startRevision: 2 })
    await setting.feed()
    expect(drain(stream)).toMatchObject([{ type: 'created' }, { events: { length: 2 } }])
    expect(setting.put()).toBe(5)
    expect(drain(stream)).toMatchObject([{ revision: 5, events: { length: 1 } }])
  })
})

describe('a stream that is not read', () => {
  test('holds no more than its bound, and hears all of it when it is read again', async () => {
    const setting = new Setting()
    const stream = setting.open({})
    const count = 2000
    for (let i = 0; i < count; i++) setting.put(A, 'x'.repeat(1024))
    expect(stream.bytes).toBeLessThanOrEqual(WATCH_LIMITS.streamBytes)
    expect(stream.bytes).toBeGreaterThan(WATCH_LIMITS.streamBytes / 2)
    expect(setting.hub.slowCount).toBe(1)
    let heard = 0
    while (heard < count) {
      for (const output of drain(stream)) {
        if (output.type === 'events') heard += output.events.length
      }
      await setting.feed()
      expect(stream.bytes).toBeLessThanOrEqual(WATCH_LIMITS.streamBytes)
    }
    expect([heard, setting.hub.slowCount]).toEqual([count, 0])
  })

  test('shares one bound with all others, but never starves one that reads', async () => {
    const setting = new Setting({ totalBytes: 10_000 })
    const stuck = [setting.open({}), setting.open({}), setting.open({})]
    for (let i = 0; i < 100; i++) setting.put(A, 'x'.repeat(500))
    expect(setting.hub.waitingBytes).toBeLessThanOrEqual(10_000)
    const reader = setting.open({ startRevision: 1 })
    let heard = 0
    for (let i = 0; i < 200; i++) {
      await setting.feed()
      for (const output of drain(reader))
        if (output.type === 'events') heard += output.events.length
    }
    expect(heard).toBe(100)
    for (const stream of stuck) stream.close()
    expect(setting.hub.waitingBytes).toBe(0)
  })

  test('is ended, not skipped, when what it missed is compacted', () => {
    const setting = new Setting()
    const stream = setting.open({})
    for (let i = 0; i < 1000; i++) setting.put(A, 'x'.repeat(1024))
    const current = setting.store.currentRevision
    expect(setting.store.markCompacted(current).ok).toBe(true)
    const outputs = drain(stream)
    expect(outputs.at(-1)).toEqual({ type: 'compacted', watchId: 0n, compactRevision: current })
    expect(new Set(typesOf(outputs.slice(1, -1)))).toEqual(new Set(['events']))
    expect([setting.hub.watcherCount, setting.hub.slowCount]).toEqual([0, 0])
  })
})

test('a start below the compacted revision is ended at once, with that revision', () => {
  const setting = new Setting()
  for (let i = 0; i < 5; i++) setting.put()
  setting.store.markCompacted(4)
  const stream = setting.open({ startRevision: 3 }, { startRevision: 4 })
  expect(drain(stream)).toEqual([
    { type: 'created', watchId: 0n, revision: 6 },
    { type: 'compacted', watchId: 0n, compactRevision: 4 },
    { type: 'created', watchId: 1n, revision: 6 },
  ])
})

test('ids are picked from 0, pass over those taken, and 0 is an id like any other', () => {
  const setting = new Setting()
  const stream = setting.open()
  stream.create(1n, options())
  for (let i = 0; i < 3; i++) stream.create(0n, options())
  stream.create(1n, options())
  stream.cancel(0n)
  stream.cancel(77n)
  stream.create(0n, options())
  expect(drain(stream)).toEqual([
    { type: 'created', watchId: 1n, revision: 1 },
    { type: 'created', watchId: 0n, revision: 1 },
    { type: 'created', watchId: 2n, revision: 1 },
    { type: 'created', watchId: 3n, revision: 1 },
    { type: 'rejected', reason: 'duplicate-id', revision: 1 },
    { type: 'cancelled', watchId: 0n, revision: 1 },
    { type: 'created', watchId: 4n, revision: 1 },
  ])
})

describe('progress', () => {
  test('is answered later when a watch is behind, and after its events', async () => {
    const setting = new Setting()
    for (let i = 0; i < 3; i++) setting.put()
    const stream = setting.open({ startRevision: 1 }, {})
    stream.requestProgress()
    stream.requestProgress()
    expect(typesOf(drain(stream))).toEqual(['created', 'created'])
    await setting.feed()
    const [events, progress, ...rest] = drain(stream)
    expect(events?.type).toBe('events')
    expect(progress).toEqual({ type: 'progress', watchId: undefined, revision: 4 })
    expect(rest).toEqual([])
  })

  test('waits for a watch that starts in the future, and never comes below its start', () => {
    const setting = new Setting()
    const stream = setting.open({ startRevision: 4 })
    stream.requestProgress()
    setting.put(keyFromText('other'))
    setting.put(keyFromText('other'))
    expect(typesOf(drain(stream))).toEqual(['created'])
    setting.put(keyFromText('other'))
    expect(drain(stream)).toEqual([{ type: 'progress', watchId: undefined, revision: 4 }])
  })

  test('is answered when the only watch that was behind is cancelled', () => {
    const setting = new Setting()
    setting.put()
    const stream = setting.open({}, { startRevision: 1 })
    stream.requestProgress()
    stream.cancel(1n)
    expect(typesOf(drain(stream))).toEqual(['created', 'created', 'cancelled', 'progress'])
  })

  test('many requests on a stream that is not read cost one answer', () => {
    const setting = new Setting()
    const stream = setting.open({})
    for (let i = 0; i < 1000; i++) stream.requestProgress()
    expect(stream.outputCount).toBe(2)
    setting.put()
    stream.requestProgress()
    expect(typesOf(drain(stream))).toEqual(['created', 'progress', 'events', 'progress'])
  })

  test('is notified to each quiet watch that wants it, and to no other', () => {
    const setting = new Setting()
    const stream = setting.open(
      { progressNotify: true },
      { progressNotify: true, range: keyRange(keyFromText('b'), EMPTY_KEY) },
      {},
      { progressNotify: true, startRevision: 9 },
    )
    drain(stream)
    stream.notifyProgress()
    expect(drain(stream)).toEqual([
      { type: 'progress', watchId: 0n, revision: 1 },
      { type: 'progress', watchId: 1n, revision: 1 },
    ])
    setting.put()
    drain(stream)
    stream.notifyProgress()
    expect(drain(stream)).toEqual([{ type: 'progress', watchId: 1n, revision: 2 }])
    stream.notifyProgress()
    expect(drain(stream)).toHaveLength(2)
  })
})

test('what waits is joined, a revision never cut: one output holds several revisions', () => {
  const setting = new Setting()
  const stream = setting.open({})
  for (let i = 0; i < 5; i++) setting.put()
  const [, events, ...rest] = drain(stream)
  expect(events).toMatchObject({ type: 'events', revision: 6 })
  expect(events?.type === 'events' && events.events.length).toBe(5)
  expect(rest).toEqual([])
})

test('a hundred thousand watches opened and closed leave nothing behind', () => {
  const setting = new Setting()
  for (let i = 0; i < 1000; i++) {
    const stream = setting.open()
    for (let j = 0; j < 100; j++) {
      const key = keyFromText(`${i}/${j}`)
      const range = j % 2 === 0 ? keyRange(key, EMPTY_KEY) : keyRange(key, keyFromText('~'))
      stream.create(0n, options({ range }))
    }
    for (let j = 0n; j < 50n; j++) stream.cancel(j)
    stream.close()
  }
  expect([setting.hub.watcherCount, setting.hub.streamCount, setting.hub.waitingBytes]).toEqual([
    0, 0, 0,
  ])
})
