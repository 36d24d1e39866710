/**
 * Damage at very many places, without a process around: the stores are opened directly on files of
 * which one bit is flipped, or which are cut. A Raft log either opens with every acknowledged entry
 * or is refused in words. Of a state, what is read is right: never another value, never a record
 * missing that the checkpoint needs.
 */

import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Entry } from '../../../src/raft/types.ts'
import { openRaftLogStore } from '../../../src/storage/raft-log-store.ts'
import { openStateStore } from '../../../src/storage/state-store.ts'
import { imageOf, restoreImage, type Image } from '../../support/image.ts'

export type Damage = { readonly name: string } & (
  | { readonly type: 'cut'; readonly length: number }
  | { readonly type: 'flip'; readonly bit: number }
)

/** What a store made of it. `wrong` is a finding. */
export type Outcome = 'whole' | 'refused' | 'older' | 'wrong'

export interface Tally {
  readonly counts: Readonly<Record<Outcome, number>>
  readonly sentences: ReadonlySet<string>
  readonly findings: readonly string[]
  readonly tookMs: number
}

export interface Subject {
  readonly files: Image
  /** Opens what `directory` holds; a sentence when it is refused or wrong. */
  look(directory: string): Promise<{ readonly outcome: Outcome; readonly sentence: string }>
}

const QUIET = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}
const MOST_FINDINGS = 20
const MARKER = 'durable-mark'

/** Each of the damages, one at a time, to fresh files. */
export async function damageAll(
  subject: Subject,
  damages: Iterable<Damage>,
  onProgress: (done: number) => void = () => undefined,
): Promise<Tally> {
  const startedAt = performance.now()
  const counts = { whole: 0, refused: 0, older: 0, wrong: 0 }
  const sentences = new Set<string>()
  const findings: string[] = []
  const directory = await scratch()
  let done = 0
  try {
    for (const damage of damages) {
      await lay(directory, subject.files, damage)
      const { outcome, sentence } = await subject.look(directory)
      counts[outcome]++
      if (outcome === 'refused') sentences.add(sentence.replaceAll(/\d+/g, 'N'))
      if (outcome === 'wrong' && findings.length < MOST_FINDINGS) {
        findings.push(`${JSON.stringify(damage)}: ${sentence}`)
      }
      onProgress(++done)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  return { counts, sentences, findings, tookMs: performance.now() - startedAt }
}

export function* everyCut(files: Image, name: string, step = 1): Generator<Damage> {
  const length = files.get(name)?.length ?? 0
  for (let at = 0; at < length; at += step) yield { name, type: 'cut', length: at }
}

/** `count` bits, evenly over all the files that `matches` likes. */
export function* flips(files: Image, count: number, matches: RegExp): Generator<Damage> {
  const liked = [...files].filter(([name]) => matches.test(name))
  const bits = liked.reduce((sum, [, content]) => sum + content.length * 8, 0)
  for (let n = 0; n < count; n++) {
    // A step that shares no factor with 8, so that all bits of a byte have their turn.
    let at = Math.floor((n * bits) / count)
    for (const [name, content] of liked) {
      if (at < content.length * 8) {
        yield { name, type: 'flip', bit: at - (at % 8) + (n % 8) }
        break
      }
      at -= content.length * 8
    }
  }
}

export interface LogShape {
  /** What LevelDB had in its log is in a table. */
  readonly withTables?: boolean
  /** The witness beside it has seen the first half alone, as a power cut leaves it. */
  readonly isMarkerLate?: boolean
}

/** A log of about so many bytes, as a killed process leaves it. */
export async function raftLog(bytes: number, shape: LogShape = {}): Promise<Subject> {
  const { withTables = false, isMarkerLate = false } = shape
  const directory = await scratch()
  const log = join(directory, 'log')
  const entries: Entry[] = []
  let halfway: { entries: number; marker: Buffer } = { entries: 0, marker: Buffer.alloc(0) }
  const opened = await openRaftLogStore(log, { onFatal: unexpected, logger: QUIET })
  if (!opened.ok) throw new Error(opened.message)
  for (let written = 0; written < bytes;) {
    const block = [1, 2, 3].map((n) => entry(entries.length + n))
    entries.push(...block)
    const commit = block[0]!.index
    await opened.store.append({ entries: block, hardState: { term: 3, vote: '', commit } })
    const before = written
    written += block.reduce((sum, { data }) => sum + data.length + 40, 60)
    if (before > bytes / 2 || written <= bytes / 2) continue
    halfway = { entries: entries.length, marker: await markerOf(log, entries.length / 3) }
  }
  await markerOf(log, entries.length / 3)
  const killed = new Map(await imageOf(log))
  if (isMarkerLate) killed.set(MARKER, halfway.marker)
  await opened.store.close()
  let files: Image = killed
  if (withTables) {
    // Opened once more: what was in the log of LevelDB is in a table now.
    await lay(log, killed)
    const again = await openRaftLogStore(log, { onFatal: unexpected, logger: QUIET })
    if (!again.ok) throw new Error(again.message)
    await again.store.close()
    files = await imageOf(log)
  }
  await rm(directory, { recursive: true, force: true })
  const needed = isMarkerLate ? halfway.entries : entries.length
  const wanted = entries.map(plain)
  return { files, look: async (path) => await lookAtLog(path, wanted, needed) }
}

/** All entries, or the first ones, and those that were acknowledged among them. */
async function lookAtLog(
  path: string,
  wanted: readonly string[],
  needed: number,
): ReturnType<Subject['look']> {
  const opened = await openRaftLogStore(path, { onFatal: unexpected, logger: QUIET })
  if (!opened.ok) return refusal(opened.error, opened.message)
  const { entries } = opened.recovered
  await opened.store.close()
  const isPrefix = entries.every((one, n) => plain(one) === wanted[n])
  if (isPrefix && entries.length >= needed) {
    return { outcome: entries.length === wanted.length ? 'whole' : 'older', sentence: '' }
  }
  const sentence = `it opens with ${entries.length} entries, up to ${entries.at(-1)?.index}`
  return { outcome: 'wrong', sentence }
}

/** Two checkpoints, records before, between and behind them, as a killed process leaves it. */
export async function state(records: number): Promise<Subject> {
  const directory = await scratch()
  const path = join(directory, 'state')
  const opened = await openStateStore(path, { onFatal: unexpected, logger: QUIET })
  if (!opened.ok) throw new Error(opened.message)
  const { store } = opened
  const third = Math.floor(records / 3)
  for (let n = 0; n < records; n++) {
    if (n === third) await store.saveCheckpoint(checkpoint(1))
    if (n === 2 * third) await store.saveCheckpoint(checkpoint(2))
    store.put(recordKey(n), recordValue(n))
  }
  await store.flush()
  const files = await imageOf(path)
  await store.close()
  await rm(directory, { recursive: true, force: true })
  return { files, look: async (at) => await lookAtState(at, records) }
}

async function lookAtState(path: string, records: number): ReturnType<Subject['look']> {
  const ends: Error[] = []
  const options = { onFatal: (error: Error) => void ends.push(error), logger: QUIET }
  const opened = await openStateStore(path, options)
  if (!opened.ok) return refusal(opened.error, opened.message)
  const { store } = opened
  const sequence = checkpointNumber(opened.checkpoint)
  const found = new Map<string, string>()
  const scanned = scanAll(store, found).catch((error: unknown) => String(error))
  const problem = await Promise.race([scanned, fatal(ends)])
  if (ends.length > 0) {
    await store.close().catch(() => undefined)
    return refusal('corrupt', `data in state is corrupt: ${ends[0]!.message}`)
  }
  await store.close()
  if (problem !== undefined) return { outcome: 'wrong', sentence: `the scan fails: ${problem}` }
  return judgeState(found, sequence, records)
}

function judgeState(
  found: ReadonlyMap<string, string>,
  sequence: number,
  records: number,
): { readonly outcome: Outcome; readonly sentence: string } {
  for (const [key, value] of found) {
    const n = Number(key.slice(4))
    if (value === recordValue(n).toString('latin1') && n < records) continue
    return { outcome: 'wrong', sentence: `${key} is ${value.slice(0, 40)}` }
  }
  const needed = sequence * Math.floor(records / 3)
  for (let n = 0; n < needed; n++) {
    if (found.has(recordKey(n).toString('latin1'))) continue
    return { outcome: 'wrong', sentence: `record ${n} is gone, checkpoint ${sequence} is there` }
  }
  return { outcome: sequence === 2 ? 'whole' : 'older', sentence: '' }
}

async function scanAll(
  store: { scan(start: Uint8Array, end: Uint8Array): AsyncIterable<readonly Pair[]> },
  found: Map<string, string>,
): Promise<undefined> {
  for await (const batch of store.scan(Buffer.alloc(0), Buffer.from([0xff, 0xff]))) {
    for (const { key, value } of batch) {
      found.set(Buffer.from(key).toString('latin1'), Buffer.from(value).toString('latin1'))
    }
  }
  return undefined
}

interface Pair {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** What asks a store after its end is never answered: somebody has to look whether it has ended. */
async function fatal(ends: readonly Error[]): Promise<undefined> {
  for (let turn = 0; ends.length === 0; turn++) {
    if (turn > 200_000) throw new Error('it neither ends nor answers')
    await new Promise((resolve) => void setImmediate(resolve))
  }
  return undefined
}

/** The only good refusal of damaged files: they are called corrupt, in one line. */
function refusal(error: string, message: string): { outcome: Outcome; sentence: string } {
  const isClear = error === 'corrupt' && /^data in \S+ is corrupt: \S.+$/.test(message)
  return { outcome: isClear ? 'refused' : 'wrong', sentence: message }
}

function entry(index: number): Entry {
  const data = Buffer.from(`entry ${index} `.padEnd(20 + ((index * 37) % 90), '.'))
  return { index, term: 3, type: 'EntryNormal', data }
}

function plain({ index, term, type, data }: Entry): string {
  return `${index} ${term} ${type} ${Buffer.from(data).toString('latin1')}`
}

function recordKey(n: number): Buffer {
  return Buffer.from(`key/${String(n).padStart(6, '0')}`)
}

function recordValue(n: number): Buffer {
  return Buffer.from(`value ${n} `.padEnd(30 + ((n * 31) % 60), '*'))
}

function checkpoint(sequence: number): Buffer {
  return Buffer.from(`checkpoint ${sequence} `.padEnd(700, '#'))
}

function checkpointNumber(saved: Uint8Array | undefined): number {
  if (saved === undefined) return 0
  const text = Buffer.from(saved).toString('latin1')
  const number = Number(text.slice(11, 12))
  if (text !== checkpoint(number).toString('latin1')) throw new Error('the checkpoint is garbled')
  return number
}

/** The marker is written behind the append; this waits until it has arrived. */
async function markerOf(log: string, sequence: number): Promise<Buffer> {
  for (;;) {
    const marker = await readFile(join(log, MARKER)).catch(() => Buffer.alloc(0))
    if (marker.length === 28 && marker.readUInt32BE(12) === sequence) return marker
  }
}

async function scratch(): Promise<string> {
  return await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'quorate-damage-'))
}

async function lay(directory: string, files: Image, damage?: Damage): Promise<void> {
  const content = damage && files.get(damage.name)
  await restoreImage(directory, files, content && { [damage.name]: damaged(content, damage) })
}

export function damaged(content: Buffer, damage: Damage): Buffer {
  if (damage.type === 'cut') return content.subarray(0, damage.length)
  const copy = Buffer.from(content)
  const at = damage.bit >> 3
  copy[at] = (copy[at] ?? 0) ^ (1 << (damage.bit & 7))
  return copy
}

function unexpected(error: Error): never {
  throw error
}
