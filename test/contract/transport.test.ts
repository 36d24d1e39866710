/** What every Transport promises, whatever is between the members. */

import { afterEach, describe, expect, test } from 'vitest'
import type { BackendRecord } from '../../src/base/ports.ts'
import type { CallResult } from '../../src/peer/ports.ts'
import {
  append,
  eachOf,
  heartbeat,
  outgoing,
  recordBatches,
  snapshotMessage,
} from '../peer/support/messages.ts'
import { eventually, turns } from '../peer/support/recorder.ts'
import {
  A,
  advertised,
  B,
  C,
  connected,
  connectPair,
  MemoryWorld,
  pair,
  TcpWorld,
  type World,
} from '../peer/support/worlds.ts'

const worlds: Readonly<Record<string, () => World>> = {
  memory: () => new MemoryWorld(),
  tcp: () => new TcpWorld(),
}

const BYTES = Buffer.from('request')

describe.each(Object.keys(worlds))('a transport (%s)', (name) => {
  const opened: World[] = []

  function open(): World {
    const world = (worlds[name] as () => World)()
    opened.push(world)
    return world
  }

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((world) => world.close()))
  })

  test('messages of a kind arrive once each, in the order in which they were sent', async () => {
    const [a, b] = await pair(open())
    for (let i = 0; i < 500; i++) {
      a.transport.send([heartbeat(A, B, i), append(A, B, i)])
      if (i % 50 === 0) await turns(1)
    }
    await eventually(() => b.events.messages.length === 1000)
    await turns(5)
    const rounds = b.events.messages.flatMap((m) => (m.type === 'MsgHeartbeat' ? [m.round] : []))
    const indexes = b.events.messages.flatMap((m) => (m.type === 'MsgApp' ? [m.index] : []))
    expect(rounds).toEqual(Array.from({ length: 500 }, (_, i) => i))
    expect(indexes).toEqual(rounds)
    expect(b.events.messages).toHaveLength(1000)
    expect(a.events.unreachable).toEqual([])
  })

  test('a message arrives as it was sent, from its sender', async () => {
    const [a, b] = await pair(open())
    const message = append(A, B, 7)
    a.transport.send([message])
    await eventually(() => b.events.messages.length === 1)
    expect(b.events.messages[0]).toEqual(message)
  })

  test('MsgApp without entries does not overtake one with entries', async () => {
    const [a, b] = await pair(open())
    const first = append(A, B, 7, 200_000)
    const second = { ...append(A, B, 8), entries: [] }
    a.transport.send([first])
    a.transport.send([second])
    await eventually(() => b.events.messages.length === 2)
    expect(b.events.messages.map((m) => (m.type === 'MsgApp' ? m.index : 0))).toEqual([7, 8])
  })

  test('no handler is called from within a method', async () => {
    const world = open()
    const a = await world.join(A)
    world.setPeers(a, [A, B])
    a.transport.send([heartbeat(A, B, 1), heartbeat(A, C, 1)])
    expect(a.events.callbacks).toBe(0)
    // Nor between the steps of an async one.
    await Promise.resolve()
    expect(a.events.callbacks).toBe(0)
    await eventually(() => a.events.unreachable.length >= 2)
    expect(new Set(a.events.unreachable)).toEqual(new Set([B, C]))
    expect(a.transport.activeSinceMs(B)).toBeUndefined()
  })

  test('who is not known makes itself known, and can be answered then', async () => {
    const world = open()
    const a = await world.join(A)
    const b = await world.join(B)
    world.setPeers(a, [A, B])
    await eventually(() => {
      a.transport.send([heartbeat(A, B, 1)])
      return b.events.strangers.length > 0 && b.events.messages.length > 0
    })
    const urls = name === 'tcp' ? [advertised(A)] : []
    expect(b.events.strangers[0]).toEqual({ id: A, urls })
    world.setPeers(b, [A, B])
    await connected(a, b)
    const told = b.events.strangers.length
    b.transport.send([heartbeat(B, A, 2)])
    await eventually(() => a.events.messages.length === 1)
    await turns(5)
    expect(b.events.strangers).toHaveLength(told)
    expect(a.events.strangers).toEqual([])
  })

  test('a broken link loses messages, tells the sender, and works again after it heals', async () => {
    const world = open()
    const [a, b] = await pair(world)
    world.cut(A, B)
    a.transport.send([append(A, B, 1)])
    await eventually(() => a.events.unreachable.length > 0)
    await eventually(() => a.transport.activeSinceMs(B) === undefined)
    await eventually(() => b.transport.activeSinceMs(A) === undefined)
    const told = a.events.unreachable.length
    expect(new Set(a.events.unreachable)).toEqual(new Set([B]))
    expect(told).toBeLessThanOrEqual(2)
    world.heal(A, B)
    await connected(a, b)
    b.events.messages.length = 0
    await eventually(() => {
      a.transport.send([append(A, B, 2)])
      return b.events.messages.length > 0
    })
    const indexes = b.events.messages.map((m) => (m.type === 'MsgApp' ? m.index : 0))
    expect(new Set(indexes)).toEqual(new Set([2]))
  })

  test('a link that is cut one way still carries messages the other way', async () => {
    const world = open()
    const [a, b] = await pair(world)
    world.cut(A, B)
    await eventually(() => a.transport.activeSinceMs(B) === undefined)
    b.transport.send([heartbeat(B, A, 5)])
    await eventually(() => a.events.messages.length === 1)
  })

  test('activeSinceMs is the time since when both ways are connected', async () => {
    const world = open()
    const a = await world.join(A)
    const b = await world.join(B)
    world.setPeers(a, [B])
    await turns(20)
    expect(a.transport.activeSinceMs(B)).toBeUndefined()
    const before = performance.now()
    world.setPeers(b, [A])
    await connected(a, b)
    const since = a.transport.activeSinceMs(B) as number
    expect(since).toBeGreaterThanOrEqual(before)
    expect(since).toBeLessThanOrEqual(performance.now())
    await turns(5)
    expect(a.transport.activeSinceMs(B)).toBe(since)
  })

  test('a peer that restarts is connected again', async () => {
    const world = open()
    const [a, b] = await pair(world)
    await b.transport.stop()
    await eventually(() => a.transport.activeSinceMs(B) === undefined)
    const again = await world.join(B)
    world.setPeers(again, [A, B])
    await connected(a, again)
    a.transport.send([heartbeat(A, B, 9)])
    await eventually(() => again.events.messages.length === 1)
  })

  test('a peer that is none any more gets nothing', async () => {
    const world = open()
    const [a, b] = await pair(world)
    world.setPeers(a, [])
    a.transport.send([heartbeat(A, B, 1)])
    await eventually(() => b.transport.activeSinceMs(A) === undefined)
    expect(await a.transport.call(B, BYTES, 1000)).toEqual({ ok: false, error: 'unreachable' })
    expect(await a.transport.sendSnapshot(B, outgoing(A, B, eachOf([])))).toBe(false)
    expect(b.events.messages).toEqual([])
    await eventually(() => a.events.unreachable.includes(B))
    world.setPeers(a, [B])
    await connected(a, b)
  })

  test('a removed member hears so from the others, and is not heard any more', async () => {
    const world = open()
    const [a, b] = await pair(world)
    b.transport.setRemoved([A])
    await eventually(() => a.events.removedCount > 0)
    a.transport.send([heartbeat(A, B, 1)])
    await turns(20)
    expect(b.events.messages).toEqual([])
    expect(b.transport.activeSinceMs(A)).toBeUndefined()
    expect(a.events.removedCount).toBe(1)
    expect(b.events.removedCount).toBe(0)
  })

  test('a stranger who says that this member has been removed is not believed', async () => {
    const world = open()
    const a = await world.join(A)
    const b = await world.join(B)
    b.transport.setRemoved([A])
    world.setPeers(a, [B], [B])
    world.setPeers(b, [A])
    await eventually(() => {
      a.transport.send([heartbeat(A, B, 1)])
      return a.events.unreachable.includes(B)
    })
    await turns(20)
    expect(a.events.removedCount).toBe(0)
    // Once it is known to be a member, it is.
    world.setPeers(a, [B])
    await eventually(() => a.events.removedCount > 0)
  })

  describe('calls', () => {
    test('each gets its own answer', async () => {
      const [a, b] = await pair(open())
      const waiting: (() => void)[] = []
      b.events.answer = async (from, request) => {
        await new Promise<void>((resolve) => waiting.push(resolve))
        return Buffer.concat([Buffer.from(`${from} `), request])
      }
      const results = ['1', '2', '3'].map((n) => a.transport.call(B, Buffer.from(n), 10_000))
      await eventually(() => waiting.length === 3)
      for (const go of waiting.toReversed()) go()
      const texts = (await Promise.all(results)).map((r) =>
        r.ok ? String(Buffer.from(r.response)) : r.error,
      )
      expect(texts).toEqual([`${A} 1`, `${A} 2`, `${A} 3`])
    })

    test('a handler that throws refuses', async () => {
      const [a, b] = await pair(open())
      b.events.answer = () => Promise.reject(new Error('no'))
      expect(await a.transport.call(B, BYTES, 10_000)).toEqual({ ok: false, error: 'refused' })
      b.events.answer = () => {
        throw new Error('at once')
      }
      expect(await a.transport.call(B, BYTES, 10_000)).toEqual({ ok: false, error: 'refused' })
    })

    test('a handler that does not answer in time: timeout, and a late answer is for nobody', async () => {
      const [a, b] = await pair(open())
      let answer: () => void = () => undefined
      b.events.answer = () =>
        new Promise((resolve) => (answer = (): void => resolve(Buffer.from('late'))))
      expect(await a.transport.call(B, BYTES, 50)).toEqual({ ok: false, error: 'timeout' })
      b.events.answer = async () => new TextEncoder().encode('second')
      const second = a.transport.call(B, BYTES, 10_000)
      answer()
      expect(await second).toEqual({ ok: true, response: new TextEncoder().encode('second') })
    })

    test('a member that cannot be reached: unreachable', async () => {
      const world = open()
      const a = await world.join(A)
      world.setPeers(a, [A, B])
      expect(await a.transport.call(B, BYTES, 10_000)).toEqual({ ok: false, error: 'unreachable' })
      expect(await a.transport.call(C, BYTES, 10_000)).toEqual({ ok: false, error: 'unreachable' })
    })

    test('a link that breaks under a call: it may or may not have been handled', async () => {
      const world = open()
      const [a, b] = await pair(world)
      b.events.answer = () => new Promise(() => undefined)
      const call = a.transport.call(B, BYTES, 200)
      await eventually(() => b.events.callbacks === 1)
      world.cut(A, B)
      expect(await call).toEqual({ ok: false, error: 'timeout' })
    })

    test('an answer does not survive a break of its link', async () => {
      const world = open()
      const [a, b] = await pair(world)
      let answer: () => void = () => undefined
      b.events.answer = () =>
        new Promise((resolve) => (answer = (): void => resolve(Buffer.from('late'))))
      const call = a.transport.call(B, BYTES, 200)
      await eventually(() => b.events.callbacks === 1)
      world.cut(A, B)
      world.heal(A, B)
      answer()
      expect(await call).toEqual({ ok: false, error: 'timeout' })
    })

    test('stopping ends those under way', async () => {
      const [a, b] = await pair(open())
      b.events.answer = () => new Promise(() => undefined)
      const call = a.transport.call(B, BYTES, 10_000)
      await eventually(() => b.events.callbacks === 1)
      await a.transport.stop()
      expect(await call).toEqual({ ok: false, error: 'stopped' })
      const after: CallResult = await a.transport.call(B, BYTES, 10_000)
      expect(after).toEqual({ ok: false, error: 'stopped' })
    })
  })

  describe('snapshots', () => {
    test('the receiver gets all of it, in order, and then the sender knows', async () => {
      const [a, b] = await pair(open())
      const batches = recordBatches(30, 4000)
      const checkpoint = Buffer.alloc(700_000, 'c')
      const sent = await a.transport.sendSnapshot(B, outgoing(A, B, eachOf(batches), checkpoint))
      expect(sent).toBe(true)
      const [received] = b.events.snapshots
      expect(received?.state).toBe('finished')
      expect(received?.message).toEqual(snapshotMessage(A, B))
      expect(Buffer.from(received?.checkpoint ?? []).equals(checkpoint)).toBe(true)
      expect(received?.bytes).toBe(1000)
      const keys = (records: readonly BackendRecord[]): string[] =>
        records.map(({ key, value }) => `${String(Buffer.from(key))} ${value.length} ${value[0]}`)
      expect(keys(received?.records ?? [])).toEqual(keys(batches.flat()))
      expect(b.events.messages).toEqual([])
    })

    test('an empty state and an empty checkpoint are a snapshot too', async () => {
      const [a, b] = await pair(open())
      const empty = outgoing(A, B, eachOf([]), new Uint8Array(0))
      expect(await a.transport.sendSnapshot(B, empty)).toBe(true)
      expect(b.events.snapshots[0]?.state).toBe('finished')
      expect(b.events.snapshots[0]?.checkpoint).toHaveLength(0)
    })

    test('it goes at the pace of the receiver', async () => {
      const [a, b] = await pair(open())
      let read = 0
      async function* records(): AsyncGenerator<readonly BackendRecord[]> {
        for (const batch of recordBatches(400, 10_000)) {
          read++
          yield batch
        }
      }
      const resume: (() => void)[] = []
      b.events.onWrite = () => new Promise((resolve) => resume.push(resolve))
      const sent = a.transport.sendSnapshot(B, outgoing(A, B, records()))
      await eventually(() => resume.length === 1)
      await turns(200)
      // 40 MB in all: far more than what sockets hold back.
      expect(read).toBeLessThan(300)
      expect(resume).toHaveLength(1)
      b.events.onWrite = async () => undefined
      resume[0]?.()
      expect(await sent).toBe(true)
      expect(b.events.snapshots[0]?.records).toHaveLength(4000)
    })

    test('a receiver that refuses', async () => {
      const [a, b] = await pair(open())
      b.events.isSnapshotRefused = true
      let isClosed = false
      async function* records(): AsyncGenerator<readonly BackendRecord[]> {
        try {
          yield* recordBatches(2, 10)
        } finally {
          isClosed = true
        }
      }
      expect(await a.transport.sendSnapshot(B, outgoing(A, B, records()))).toBe(false)
      expect(b.events.snapshots).toEqual([])
      expect(isClosed).toBe(false)
      b.events.isSnapshotRefused = false
      expect(await a.transport.sendSnapshot(B, outgoing(A, B, records()))).toBe(true)
      expect(isClosed).toBe(true)
    })

    test('the view of the records is closed, whatever comes of it', async () => {
      const world = open()
      const [a, b] = await pair(world)
      let closed = 0
      const records: AsyncIterable<readonly BackendRecord[]> = {
        [Symbol.asyncIterator]: () => ({
          next: async () => ({ done: true, value: undefined }),
          return: async () => {
            closed++
            return { done: true, value: undefined }
          },
        }),
      }
      expect(await a.transport.sendSnapshot(B, outgoing(A, B, records))).toBe(true)
      b.events.isSnapshotRefused = true
      expect(await a.transport.sendSnapshot(B, outgoing(A, B, records))).toBe(false)
      expect(await a.transport.sendSnapshot(C, outgoing(A, C, records))).toBe(false)
      world.setPeers(a, [B, C])
      expect(await a.transport.sendSnapshot(C, outgoing(A, C, records))).toBe(false)
      await a.transport.stop()
      expect(await a.transport.sendSnapshot(B, outgoing(A, B, records))).toBe(false)
      expect(closed).toBe(5)
    })

    test('one at a time to a receiver', async () => {
      const [a, b] = await pair(open())
      let resume: (() => void) | undefined
      b.events.onWrite = () => new Promise((resolve) => (resume = resolve))
      const first = a.transport.sendSnapshot(B, outgoing(A, B, eachOf(recordBatches(1, 10))))
      await eventually(() => resume !== undefined)
      expect(await a.transport.sendSnapshot(B, outgoing(A, B, eachOf([])))).toBe(false)
      resume?.()
      expect(await first).toBe(true)
    })

    test('a link that breaks midway: aborted, and the next one works', async () => {
      const world = open()
      const [a, b] = await pair(world)
      let isCut = false
      async function* records(): AsyncGenerator<readonly BackendRecord[]> {
        for (const batch of recordBatches(50, 1000)) {
          yield batch
          if (!isCut && (b.events.snapshots[0]?.records.length ?? 0) > 0) {
            isCut = true
            world.cut(A, B)
          }
          await turns(2)
        }
      }
      expect(await a.transport.sendSnapshot(B, outgoing(A, B, records()))).toBe(false)
      await eventually(() => b.events.snapshots[0]?.state === 'aborted')
      world.heal(A, B)
      await connected(a, b)
      const second = outgoing(A, B, eachOf(recordBatches(3, 10)))
      expect(await a.transport.sendSnapshot(B, second)).toBe(true)
      expect(b.events.snapshots.map(({ state }) => state)).toEqual(['aborted', 'finished'])
    })

    test('a link that breaks while the receiver is busy: the sender does not wait for it', async () => {
      const world = open()
      const [a, b] = await pair(world)
      let resume: (() => void) | undefined
      b.events.onWrite = () => new Promise((resolve) => (resume = resolve))
      const sent = a.transport.sendSnapshot(B, outgoing(A, B, eachOf(recordBatches(2, 10))))
      await eventually(() => resume !== undefined)
      world.cut(A, B)
      expect(await sent).toBe(false)
      b.events.onWrite = async () => undefined
      resume?.()
      // All of it may have arrived before the break.
      await eventually(() => b.events.snapshots[0]?.state !== 'coming')
    })

    test('records that cannot be read: aborted', async () => {
      const [a, b] = await pair(open())
      async function* records(): AsyncGenerator<readonly BackendRecord[]> {
        yield recordBatches(1, 10)[0] as BackendRecord[]
        await eventually(() => (b.events.snapshots[0]?.records.length ?? 0) > 0)
        throw new Error('disk')
      }
      expect(await a.transport.sendSnapshot(B, outgoing(A, B, records()))).toBe(false)
      await eventually(() => b.events.snapshots[0]?.state === 'aborted')
    })

    test.each(['onWrite', 'onFinish'] as const)(
      'a sink that fails in %s: aborted',
      async (step) => {
        const [a, b] = await pair(open())
        b.events[step] = () => Promise.reject(new Error('full'))
        const snapshot = outgoing(A, B, eachOf(recordBatches(20, 100_000)))
        expect(await a.transport.sendSnapshot(B, snapshot)).toBe(false)
        await eventually(() => b.events.snapshots[0]?.state === 'aborted')
      },
    )

    test('a receiver that stops has aborted when it has stopped', async () => {
      const [a, b] = await pair(open())
      let resume: (() => void) | undefined
      b.events.onWrite = () => new Promise((resolve) => (resume = resolve))
      const sent = a.transport.sendSnapshot(B, outgoing(A, B, eachOf(recordBatches(5, 10))))
      await eventually(() => resume !== undefined)
      const stopped = b.transport.stop()
      await turns(2)
      expect(b.events.snapshots[0]?.state).toBe('coming')
      resume?.()
      await stopped
      expect(b.events.snapshots[0]?.state).toBe('aborted')
      expect(await sent).toBe(false)
    })

    test('a sender that stops has not sent it', async () => {
      const [a, b] = await pair(open())
      b.events.onWrite = () => turns(3)
      const sent = a.transport.sendSnapshot(B, outgoing(A, B, eachOf(recordBatches(50, 100_000))))
      await eventually(() => b.events.snapshots.length === 1)
      await a.transport.stop()
      expect(await sent).toBe(false)
      await eventually(() => b.events.snapshots[0]?.state === 'aborted')
    })
  })

  test('nothing is called after stop', async () => {
    const world = open()
    const [a, b] = await pair(world)
    b.transport.send([heartbeat(B, A, 1)])
    a.transport.send([heartbeat(A, B, 1), append(A, B, 1), heartbeat(A, C, 1)])
    const stopped = a.transport.stop()
    await stopped
    const callbacks = a.events.callbacks
    b.transport.send([heartbeat(B, A, 2)])
    a.transport.send([heartbeat(A, B, 2)])
    world.setPeers(a, [B, C])
    await a.transport.stop()
    await turns(20)
    expect(a.events.callbacks).toBe(callbacks)
    expect(a.transport.activeSinceMs(B)).toBeUndefined()
  })

  test('a third member is nobody’s business', async () => {
    const world = open()
    const [a, b] = await pair(world)
    const c = await world.join(C)
    await connectPair(world, b, c)
    world.cut(B, C)
    await eventually(() => b.transport.activeSinceMs(C) === undefined)
    expect(a.transport.activeSinceMs(B)).toBeUndefined()
    world.setPeers(b, [A, C])
    await connected(a, b)
    a.transport.send([heartbeat(A, B, 3)])
    await eventually(() => b.events.messages.length === 1)
  })
})
