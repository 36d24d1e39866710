/** `npm run chaos -- disks`: the rigs of disks by themselves, many times in a row. */

import { rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { sentences } from '../keep.ts'
import type { Fault } from '../ports.ts'
import { runOnce } from '../run.ts'
import { original, startDamaged, type ServerOutcome } from './damaged-servers.ts'
import {
  damageAll,
  everyCut,
  flips,
  raftLog,
  state,
  type Damage,
  type Subject,
  type Tally,
} from './damaged-stores.ts'
import { DISK_FAULTS } from './disk-faults.ts'
import { cutChain, type ChainPlan, type ChainResult, type Moment } from './power-cut.ts'
import { NEEDS_IMAGES, NEEDS_STRACE } from './shell.ts'

const CUTS_IN_A_CHAIN = 10
const MOST_UNSTARTED = 20

const HELP = `npm run chaos -- disks power-cut --cuts 200 --nodes 1,3 --controls 6 --seed 1
npm run chaos -- disks damaged-stores --flips 4096 --step 1
npm run chaos -- disks damaged-servers --images 500
npm run chaos -- disks faults --only disk-full --nodes 3 --runs 5   each with its timeline`

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    cuts: { type: 'string', default: '200' },
    nodes: { type: 'string', default: '1,3' },
    seed: { type: 'string', default: '1' },
    controls: { type: 'string', default: '6' },
    only: { type: 'string' },
    runs: { type: 'string', default: '1' },
    images: { type: 'string', default: '500' },
    flips: { type: 'string', default: '4096' },
    step: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})

async function powerCuts(): Promise<boolean> {
  const missing = [...NEEDS_IMAGES, ...NEEDS_STRACE].flatMap((need) => need() ?? [])
  if (missing.length > 0) {
    console.log(`SKIPPED power-cut: ${missing.join('; ')}`)
    return true
  }
  let isGood = true
  for (const nodes of values.nodes.split(',').map(Number)) {
    isGood = (await cutsOf(nodes)) && isGood
    isGood = (await controlsOf(nodes)) && isGood
  }
  return isGood
}

async function cutsOf(nodes: number): Promise<boolean> {
  const startedAt = performance.now()
  const moments = new Map<Moment, number>()
  let cuts = 0
  let acknowledged = 0
  let operations = 0
  let spentMs = 0
  let failed = 0
  let unstarted = 0
  for (let seed = Number(values.seed); cuts < Number(values.cuts); seed++) {
    const result = await attempt({ seed, nodes, cuts: CUTS_IN_A_CHAIN })
    if (result === undefined) {
      unstarted++
      if (unstarted > MOST_UNSTARTED) return false
      continue
    }
    let count = 0
    for (const [moment, times] of result.cuts) {
      moments.set(moment, (moments.get(moment) ?? 0) + times)
      count += times
    }
    cuts += count
    acknowledged += result.acknowledged
    operations += result.operations
    spentMs += result.msPerCut * count
    console.log(`seed ${seed}: ${count} cuts, ${cuts} of ${values.cuts}`)
    if (!result.isLost) continue
    failed++
    console.log(`FAILED seed ${seed}, ${nodes} nodes\n${describe(result)}`)
  }
  const seconds = (performance.now() - startedAt) / 1000
  const kinds = [...moments].map(([moment, times]) => `${moment} ${times}`).join(', ')
  console.log(
    `${nodes} nodes: ${cuts} cuts (${kinds}), ${operations} calls, ${acknowledged} writes ` +
      `acknowledged, ${failed} chains failed, ${unstarted} did not begin, ${(spentMs / cuts).toFixed(0)} ms from a cut to ` +
      `the answer of all, ${((seconds * 1000) / cuts).toFixed(0)} ms per cut in all`,
  )
  return failed === 0
}

/** Undefined when the machine was too busy to start a cluster. */
async function attempt(plan: ChainPlan): Promise<ChainResult | undefined> {
  try {
    return await cutChain(plan)
  } catch (error) {
    console.log(`seed ${plan.seed} did not begin: ${String(error).split('\n')[0]}`)
    return undefined
  }
}

/** Without sync, every cut has to be seen. */
async function controlsOf(nodes: number): Promise<boolean> {
  let seen = 0
  const count = Number(values.controls)
  for (let n = 0; n < count; n++) {
    const seed = Number(values.seed) + 100_000 + n
    const result = await attempt({ seed, nodes, cuts: 1, isWithoutSync: true })
    if (result === undefined) continue
    if (result.isLost) seen++
    else console.log(`UNSEEN: control with seed ${seed}, ${nodes} nodes, lost nothing`)
    if (n === 0) console.log(describe(result).split('\n').slice(0, 3).join('\n'))
  }
  console.log(`${nodes} nodes: ${seen} of ${count} controls without sync seen`)
  return seen === count
}

function describe(result: ChainResult): string {
  const { problems, timeline, log } = result
  const violations = result.violations.slice(0, 5).map(({ sentence }) => sentence)
  const last = log.trimEnd().split('\n').slice(-30)
  return [...problems, ...violations, ...timeline, ...last].join('\n')
}

async function damagedStores(): Promise<boolean> {
  const count = Number(values.flips)
  const step = Number(values.step)
  const log = await raftLog(64 * 1024)
  const tables = await raftLog(64 * 1024, { withTables: true })
  const late = await raftLog(64 * 1024, { isMarkerLate: true })
  const records = await state(900)
  const logFile = [...log.files.keys()].find((name) => name.endsWith('.log')) ?? ''
  const stateFile = [...records.files.keys()].find((name) => name.endsWith('.log')) ?? ''
  const kinds: readonly [what: string, subject: Subject, damages: Iterable<Damage>][] = [
    ['a Raft log, flipped', log, flips(log.files, count, /\.log$/)],
    ['any file of a Raft log, flipped', tables, flips(tables.files, count, /./)],
    ['any file of a state, flipped', records, flips(records.files, count, /./)],
    ['a Raft log, cut', log, everyCut(log.files, logFile, step)],
    ['a Raft log, cut behind a late witness', late, everyCut(late.files, logFile, step)],
    ['a state, cut', records, everyCut(records.files, stateFile, step)],
  ]
  let isGood = true
  for (const [what, subject, damages] of kinds) {
    if (values.only !== undefined && values.only !== what) continue
    isGood = tell(what, await damageAll(subject, damages)) && isGood
  }
  return isGood
}

async function damagedServers(): Promise<boolean> {
  const startedAt = performance.now()
  const originals = [await original(true), await original(false)]
  const count = Number(values.images)
  const outcomes: ServerOutcome[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      const seed = Number(values.seed) + next++
      const outcome = await startDamaged(originals[seed % originals.length]!, seed)
      outcomes.push(outcome)
      if (outcomes.length % 50 === 0) console.log(`${outcomes.length} of ${count}`)
      if (outcome.outcome === 'wrong')
        console.log(`WRONG seed ${seed}: ${outcome.what}: ${outcome.sentence}`)
    }
  }
  await Promise.all([worker(), worker()])
  for (const { directory } of originals) await rm(directory, { recursive: true, force: true })
  const number = (wanted: string): number =>
    outcomes.filter(({ outcome }) => outcome === wanted).length
  const seconds = (performance.now() - startedAt) / 1000
  console.log(
    `${outcomes.length} servers on a damaged file: ${number('whole')} served everything, ` +
      `${number('refused')} refused, ${number('wrong')} wrong, ${seconds.toFixed(0)} s`,
  )
  const sentences = outcomes.map(({ sentence }) => /"msg":"([^"]*)/.exec(sentence)?.[1] ?? '')
  const kinds = new Set(
    sentences.map((one) => one.replaceAll(/\/\S+\//g, '').replaceAll(/\d+/g, 'N')),
  )
  for (const kind of kinds) console.log(`  ${kind}`)
  return number('wrong') === 0
}

/** Runs of the matrix with what was done and what it did: whether a fault bites is to be seen here. */
async function faults(): Promise<boolean> {
  const only = values.only?.split(',')
  let isGood = true
  for (const fault of DISK_FAULTS.filter(({ name }) => only?.includes(name) ?? true)) {
    for (const nodes of values.nodes.split(',').map(Number)) {
      if (!fault.nodes.includes(nodes)) continue
      const missing = (fault.needs ?? []).flatMap((need) => need() ?? [])
      if (missing.length > 0) console.log(`SKIPPED ${fault.name}: ${missing.join('; ')}`)
      else isGood = (await runsOf(fault, nodes)) && isGood
    }
  }
  return isGood
}

async function runsOf(fault: Fault, nodes: number): Promise<boolean> {
  let isGood = true
  for (let run = 0; run < Number(values.runs); run++) {
    const seed = Number(values.seed) + run
    const plan = { faults: [fault], nodes, seed, minLoad: 0 }
    const result = await runOnce(plan).catch((error: unknown) => String(error))
    if (typeof result === 'string') {
      console.log(`FAILED ${fault.name}, ${nodes} nodes, seed ${seed}: ${result}`)
      isGood = false
      continue
    }
    const { judgement, acknowledged, timeline } = result
    const verdict = judgement.isGood ? 'ok' : 'FAILED'
    const { lost } = judgement
    console.log(
      `${verdict} ${fault.name}, ${nodes} nodes, seed ${seed}: ${acknowledged} acknowledged, ${lost} lost`,
    )
    console.log(timeline.join('\n'))
    if (!judgement.isGood) console.log(sentences(result))
    isGood &&= judgement.isGood
  }
  return isGood
}

function tell(what: string, { counts, sentences, findings, tookMs }: Tally): boolean {
  const done = Object.values(counts).reduce((sum, count) => sum + count, 0)
  console.log(
    `${what}: ${done} places, ${JSON.stringify(counts)}, ${sentences.size} kinds of sentences, ` +
      `${(tookMs / Math.max(1, done)).toFixed(1)} ms each`,
  )
  for (const finding of findings) console.log(`  WRONG ${finding}`)
  if (process.env['SENTENCES'] !== undefined) console.log([...sentences].join('\n'))
  return counts.wrong === 0
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(130)) // what listens for the exit takes all away
}

const rigs: Readonly<Record<string, () => Promise<boolean>>> = {
  'power-cut': powerCuts,
  'damaged-stores': damagedStores,
  'damaged-servers': damagedServers,
  faults,
}
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
const [name = 'power-cut'] = positionals
const rig = rigs[name]
if (rig === undefined) {
  console.error(`there is no ${name}; there are: ${Object.keys(rigs).join(', ')}`)
  process.exit(2)
}
process.exit((await rig()) ? 0 : 1)
