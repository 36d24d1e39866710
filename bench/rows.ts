/**
 * all: every row of the comparison with etcd in one run, each with the ratio that is aimed at. A
 * row is one figure of each server; where its samples come from several rounds it is their median.
 */

import { compare } from './comparison.ts'
import type { Sample } from './comparison.ts'
import { benchLease } from './lease.ts'
import type { Options } from './options.ts'
import { benchPut } from './put.ts'
import { fillForRanges, rangeCases } from './range.ts'
import { benchResponsive } from './responsive.ts'
import type { Target } from './server-process.ts'
import { benchSize } from './size.ts'
import { count, fixed, median, table } from './table.ts'
import { checkTxn, txnCases } from './txn.ts'
import { benchWatchFanout } from './watch-fanout.ts'

export interface Row {
  readonly name: string
  readonly unit: string
  /** Ours ÷ etcd's: at least that much, or, where less is better, at most. */
  readonly aim: number
  readonly isLessBetter: boolean
  /** By the label of the server. */
  readonly figures: Readonly<Record<string, number>>
}

type Unit = Pick<Row, 'unit' | 'isLessBetter'>

const RATE: Unit = { unit: '/s', isLessBetter: false }
const CPU: Unit = { unit: 'µs', isLessBetter: true }
const MEMORY: Unit = { unit: 'MiB', isLessBetter: true }
const TIME: Unit = { unit: 'ms', isLessBetter: true }

const PUT_AIMS: Readonly<Record<number, number>> = { 1: 1.2, 32: 1.3, 256: 2, 1000: 2 }
const MANY = 256

export async function benchRows(targets: readonly Target[], options: Options): Promise<Row[]> {
  const rows: Row[] = []
  const run = { targets, options, rows }
  await putRows(run, 1)
  await readRows(run)
  await watchRows(run)
  await leaseRows(run)
  await sizeRows(run)
  await responsiveRows(run)
  await putRows(run, 3)
  return rows
}

interface Run {
  readonly targets: readonly Target[]
  readonly options: Options
  readonly rows: Row[]
}

async function putRows({ targets, options, rows }: Run, nodes: number): Promise<void> {
  const clients = Object.keys(PUT_AIMS).map(Number)
  const samples = await benchPut(targets, { ...options, nodes, clients })
  const where = nodes === 1 ? '1 node' : `${nodes} nodes`
  for (const number of clients) {
    const own = samples.filter((it) => it.clients === number)
    const name = `put, ${where}, ${number} ${number === 1 ? 'client' : 'clients'}`
    rows.push(rowOf(name, RATE, PUT_AIMS[number]!, own, (it) => it.perSecond))
  }
  const many = samples.filter((it) => it.clients === MANY)
  rows.push(rowOf(`CPU of a put, ${where}, ${MANY} clients`, CPU, 0.5, many, cpuMicros))
}

const cpuMicros = (sample: Sample): number => sample.serverCpuSecondsPerThousand * 1000

async function readRows({ targets, options, rows }: Run): Promise<void> {
  const many = { ...options, clients: [MANY] }
  const cases = [
    ...rangeCases(many).filter(({ operation }) => operation !== 'prefix of 100'),
    ...rangeCases({ ...options, clients: [32] }).filter(({ operation }) =>
      operation.includes('100'),
    ),
    ...txnCases(many),
  ]
  const samples = await compare(targets, cases, options, async (server) => {
    await fillForRanges(server, options)
    await checkTxn(server, options)
  })
  for (const { operation, clients } of cases) {
    const own = samples.filter((it) => it.operation === operation)
    rows.push(rowOf(`${operation}, ${clients} clients`, RATE, 2, own, (it) => it.perSecond))
  }
}

async function watchRows({ targets, options, rows }: Run): Promise<void> {
  const clients = [100, 1000]
  const samples = await benchWatchFanout(targets, { ...options, clients })
  for (const watchers of clients) {
    const own = samples.filter((it) => it.watchers === watchers)
    const name = `events to ${count(watchers)} watchers of a key`
    rows.push(rowOf(name, RATE, 3, own, (it) => it.eventsPerSecond))
  }
}

async function leaseRows({ targets, options, rows }: Run): Promise<void> {
  const samples = await benchLease(targets, { ...options, keys: 10_000, clients: [MANY] })
  const own = samples.filter(({ operation }) => operation === 'keep-alive')
  rows.push(rowOf(`keep-alive, ${MANY} clients`, RATE, 2, own, (it) => it.perSecond))
}

async function sizeRows({ targets, options, rows }: Run): Promise<void> {
  const keys = 1_000_000
  const samples = await benchSize(targets, { ...options, keys, rounds: 1 })
  const mib = 2 ** 20
  const name = `${count(keys)} keys`
  rows.push(
    rowOf(`memory with ${name}`, MEMORY, 1, samples, (it) => it.rssBytes / mib),
    rowOf(`memory with ${name}, restarted`, MEMORY, 1, samples, (it) => it.restartedRssBytes / mib),
    rowOf(`restart with ${name}`, TIME, 1, samples, (it) => it.restartMs),
    rowOf(`disk with ${name}`, MEMORY, 1, samples, (it) => it.diskBytes / mib),
  )
}

async function responsiveRows({ targets, options, rows }: Run): Promise<void> {
  const samples = await benchResponsive(targets, { ...options, keys: 200_000 })
  const own = samples.filter(({ during }) => during.startsWith('range'))
  rows.push(rowOf('worst put during a range of 200,000 keys', TIME, 1, own, (it) => it.maxMs))
}

function rowOf<S extends { readonly target: string }>(
  name: string,
  unit: Unit,
  aim: number,
  samples: readonly S[],
  pick: (sample: S) => number,
): Row {
  const figures: Record<string, number> = {}
  for (const label of new Set(samples.map(({ target }) => target))) {
    figures[label] = median(samples.filter(({ target }) => target === label).map(pick))
  }
  return { name, ...unit, aim, figures }
}

/** Ours ÷ theirs; undefined when one of them was not measured. */
export function ratioOf({ figures }: Row, ours: string, theirs: string): number | undefined {
  const [own, other] = [figures[ours], figures[theirs]]
  return own === undefined || other === undefined ? undefined : own / other
}

export function isReached({ aim, isLessBetter }: Row, ratio: number): boolean {
  return isLessBetter ? ratio <= aim : ratio >= aim
}

/** A figure as a person reads it. */
export function figureText({ unit }: Row, value: number | undefined): string {
  if (value === undefined) return '-'
  const digits = value < 100 ? 1 : 0
  const text = digits === 0 ? count(value) : fixed(value, digits)
  return unit.startsWith('/') ? `${text}${unit}` : `${text} ${unit}`
}

export function rowsTable(targets: readonly Target[], rows: readonly Row[]): string {
  const ours = targets.find(({ kind }) => kind === 'quorate')?.label ?? ''
  const etcds = targets.filter(({ kind }) => kind === 'etcd').map(({ label }) => label)
  const head = ['', 'quorate', 'aim', ...etcds.flatMap((label) => [label, 'ratio'])]
  const lines = rows.map((row) => [
    row.name,
    figureText(row, row.figures[ours]),
    `${row.isLessBetter ? '≤' : '≥'} ${row.aim}`,
    ...etcds.flatMap((label) => {
      const ratio = ratioOf(row, ours, label)
      return [figureText(row, row.figures[label]), ratio === undefined ? '-' : fixed(ratio, 2)]
    }),
  ])
  return table(head, lines, { names: 1 })
}
