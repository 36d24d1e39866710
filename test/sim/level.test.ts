/**
 * The simulator's LevelDB against the real one: while nothing crashes or fails, the same calls get
 * the same answers. (What crashes and failing disks leave behind cannot be had from the real one
 * here; the power cuts and failing calls of `test/chaos` are for that.)
 */

import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { REAL_FILES, type Files } from '../../src/storage/files.ts'
import type { LevelDatabase, LevelIterator, LevelSnapshot } from '../../src/storage/level.ts'
import { fastTemporaryDirectory } from '../support/storage.ts'
import { SimFiles, STATE } from './files.ts'

/** As many of this byte: failures are shown whole. */
interface Value {
  readonly byte: number
  readonly length: number
}

interface Write {
  readonly key: Buffer
  /** Undefined deletes. */
  readonly value: Value | undefined
}

type Command =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Value; readonly sync: boolean }
  | { readonly type: 'batch'; readonly writes: readonly Write[] }
  /** All begun before one is done; no key is in two of them. */
  | { readonly type: 'puts-at-once'; readonly writes: readonly Write[] }
  | { readonly type: 'clear'; readonly from: Buffer; readonly to: Buffer }
  | { readonly type: 'get'; readonly key: Buffer }
  | { readonly type: 'take-snapshot' }
  /** Reads what there is, or what there was when the snapshot was taken. */
  | {
      readonly type: 'begin-reading'
      readonly from: Buffer
      readonly to: Buffer | undefined
      readonly ofSnapshot: boolean
    }
  | { readonly type: 'read-on'; readonly reader: number; readonly count: number }
  | { readonly type: 'end-reading'; readonly reader: number }
  | { readonly type: 'compact'; readonly isAll: boolean }
  | { readonly type: 'reopen'; readonly how: 'same-life' | 'next-life' | 'moved' | 'removed' }

const LEVEL_OPTIONS = {
  // Small, so that tables are made and merged.
  writeBufferSize: 64 * 1024,
  cacheSize: 1024 * 1024,
  maxFileSize: 1024 * 1024,
  maxOpenFiles: 100,
}

/** One of the two, and what is open in it. */
class Subject {
  readonly #newLife: () => Files
  readonly #directory: string
  #files: Files
  #db: LevelDatabase | undefined
  #readers: LevelIterator[] = []
  #snapshot: LevelSnapshot | undefined

  constructor(directory: string, newLife: () => Files) {
    this.#directory = directory
    this.#newLife = newLife
    this.#files = newLife()
  }

  async open(): Promise<void> {
    const opened = await this.#files.openLevel(this.#directory, LEVEL_OPTIONS)
    if (!opened.ok) throw new Error(opened.message)
    this.#db = opened.db
  }

  /** What is answered, as text. */
  async run(command: Command): Promise<string> {
    const db = this.#opened
    switch (command.type) {
      case 'put':
        await db.put(command.key, bytesOf(command.value), { sync: command.sync })
        return 'done'
      case 'batch': {
        const batch = db.batch()
        for (const { key, value } of command.writes) {
          if (value === undefined) batch.del(key)
          else batch.put(key, bytesOf(value))
        }
        await batch.write()
        return 'done'
      }
      case 'puts-at-once': {
        const puts = command.writes.map(({ key, value }, i) =>
          db.put(key, bytesOf(value), { sync: i % 2 === 0 }),
        )
        await Promise.all(puts)
        return 'done'
      }
      case 'clear':
        await db.clear({ gte: command.from, lt: command.to })
        return 'done'
      case 'get':
        return `${textOf(db.getSync(command.key))}, ${textOf(await db.get(command.key))}`
      case 'take-snapshot':
        this.#snapshot = db.snapshot()
        return 'taken'
      case 'begin-reading':
        return this.#beginReading(command)
      case 'read-on':
        return this.#readOn(command)
      case 'end-reading':
        await this.#readers[command.reader]?.close()
        return 'ended'
      case 'compact':
        await db.compactRange(Buffer.from([command.isAll ? 0 : 255]), Buffer.from([255, 255]))
        return 'done'
      case 'reopen':
        return this.#reopen(command.how)
    }
  }

  all(): Promise<string> {
    return rowsOf(this.#opened.iterator({ gte: Buffer.alloc(0) }), Infinity)
  }

  async close(): Promise<void> {
    await this.#db?.close()
  }

  get #opened(): LevelDatabase {
    if (this.#db === undefined) throw new Error('it is not open')
    return this.#db
  }

  #beginReading({ from, to, ofSnapshot }: Extract<Command, { type: 'begin-reading' }>): string {
    const snapshot = ofSnapshot ? this.#snapshot : undefined
    const iterator = this.#opened.iterator({
      gte: from,
      ...(to !== undefined && { lt: to }),
      ...(snapshot !== undefined && { snapshot }),
    })
    this.#readers.push(iterator)
    return 'begun'
  }

  async #readOn({ reader, count }: Extract<Command, { type: 'read-on' }>): Promise<string> {
    const iterator = this.#readers[reader]
    if (iterator === undefined) return 'no such reader'
    return rowsOf(iterator, count).catch(() => 'refused')
  }

  /** What is open in it ends with it, and who still holds it gets nothing any more. */
  async #reopen(how: Extract<Command, { type: 'reopen' }>['how']): Promise<string> {
    const old = this.#opened
    const twice = await this.#files.openLevel(this.#directory, LEVEL_OPTIONS)
    await this.close()
    const refusals = await Promise.all([
      isRefused(() => old.put(Buffer.from('late'), Buffer.from('late'))),
      isRefused(() => old.batch().put(Buffer.from('late'), Buffer.from('late')).write()),
      isRefused(() => old.getSync(Buffer.from('late'))),
      isRefused(() => old.get(Buffer.from('late'))),
      isRefused(() => old.iterator({ gte: Buffer.alloc(0) }).nextv(1)),
      ...this.#readers.map((reader) => isRefused(() => reader.nextv(1))),
    ])
    this.#readers = []
    this.#snapshot = undefined
    const elsewhere = `${this.#directory}.old`
    if (how === 'next-life') this.#files = this.#newLife()
    if (how === 'moved') await this.#files.move(this.#directory, elsewhere)
    const names = await this.#files.names(join(this.#directory, '..'))
    if (how === 'moved') await this.#files.move(elsewhere, this.#directory)
    if (how === 'removed') await this.#files.remove(this.#directory)
    await this.open()
    return JSON.stringify({ twice: twice.ok ? 'open' : twice.error, refusals, names })
  }
}

/** The real one may give less at a time than it was asked for. */
async function rowsOf(iterator: LevelIterator, count: number): Promise<string> {
  const rows: string[] = []
  while (rows.length < count) {
    const some = await iterator.nextv(Math.min(1000, count - rows.length))
    if (some.length === 0) break
    rows.push(...some.map(rowText))
  }
  return rows.join(' ')
}

async function isRefused(call: () => unknown): Promise<boolean> {
  try {
    await call()
    return false
  } catch {
    return true
  }
}

function bytesOf({ byte, length }: Value = { byte: 0, length: 0 }): Buffer {
  return Buffer.alloc(length, byte)
}

function textOf(value: Uint8Array | undefined): string {
  if (value === undefined) return 'nothing'
  const text = Buffer.from(value).toString('hex')
  return `${text.length}:${text.slice(0, 40)}`
}

function rowText([key, value]: readonly [Uint8Array, Uint8Array]): string {
  return `${textOf(key)}=${textOf(value)}`
}

const anyByte = fc.constantFrom(0, 1, 2, 3, 97, 98, 127, 128, 254, 255)
const anyKey = fc.array(anyByte, { minLength: 1, maxLength: 3 }).map((all) => Buffer.from(all))
const anyValue = fc.record({
  byte: fc.nat(255),
  length: fc.constantFrom(0, 1, 30, 1000, 40_000),
})
const anyWrite = fc.record({ key: anyKey, value: fc.option(anyValue, { nil: undefined }) })

const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: put() },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('batch' as const),
      writes: fc.array(anyWrite, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('puts-at-once' as const),
      writes: fc.uniqueArray(anyWrite, {
        minLength: 2,
        maxLength: 5,
        selector: ({ key }) => key.toString('hex'),
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('clear' as const), from: anyKey, to: anyKey }),
  },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('get' as const), key: anyKey }) },
  { weight: 1, arbitrary: fc.constant({ type: 'take-snapshot' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('begin-reading' as const),
      from: anyKey,
      to: fc.option(anyKey, { nil: undefined }),
      ofSnapshot: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('read-on' as const),
      reader: fc.nat(3),
      count: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('end-reading' as const), reader: fc.nat(3) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('compact' as const), isAll: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('reopen' as const),
      how: fc.constantFrom('same-life', 'next-life', 'moved', 'removed'),
    }),
  },
)

function put(): fc.Arbitrary<Command> {
  return fc.record({
    type: fc.constant('put' as const),
    key: anyKey,
    value: anyValue,
    sync: fc.boolean(),
  })
}

/** Writes are done at once. */
function simulated(seed: number): Subject {
  const files = new SimFiles(seed, 'm1')
  return new Subject(STATE, () => {
    files.settle()
    return files.open({ onPoint: () => false }, setImmediate, setImmediate)
  })
}

test('the simulated LevelDB answers as the real one does', async () => {
  const folder = await fastTemporaryDirectory()
  let runs = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyCommand, { maxLength: 60, size: 'max' }),
      fc.nat(1000),
      async (commands, seed) => {
        const real = new Subject(join(folder, String(++runs), 'state'), () => REAL_FILES)
        const sim = simulated(seed)
        await Promise.all([real.open(), sim.open()])
        try {
          for (const command of commands) {
            const [answer, wanted] = [await sim.run(command), await real.run(command)]
            expect(answer, command.type).toBe(wanted)
          }
          expect(await sim.all()).toBe(await real.all())
        } finally {
          await Promise.all([real.close(), sim.close()])
        }
      },
    ),
    { numRuns: Number(process.env['QUORATE_TEST_LEVEL_RUNS'] ?? 150) },
  )
})
