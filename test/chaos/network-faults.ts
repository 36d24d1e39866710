/** What happens between members. A cluster of one has no such links. */

import type { Draws } from '../sim/draws.ts'
import type { ClusterMember } from '../support/cluster-member.ts'
import type { LinkRule } from './network.ts'
import type { Fault, Site, Undo } from './ports.ts'
import { settled } from './process-faults.ts'
import { followerOf, leaderOf, othersThan } from './targets.ts'

const CLUSTER = [3] as const
const HOLD: LinkRule = { type: 'hold' }
const PASS: LinkRule = { type: 'pass' }
const REFUSE: LinkRule = { type: 'refuse' }
const STALL: LinkRule = { type: 'stall-in-frame' }
const DELAY_MS = { mean: 75, spread: 50 } as const
const CUT_EVERY_MS = 120
const SNAPSHOT_COUNT = 200
const KEPT = 50
/** Entries that a member has to miss so that it needs a snapshot, with room for the log's slack. */
const MISSED = 1200
const MISSED_TIMEOUT_MS = 15_000

/** Puts a rule on both directions between a member and all others. */
async function isolate(site: Site, victim: ClusterMember, rule: LinkRule): Promise<Undo> {
  site.note(`${victim.name} is alone: ${rule.type}`)
  const others = othersThan(site, victim).map(({ name }) => name)
  const all = (one: LinkRule): void => {
    for (const other of others) site.network.setBetween(victim.name, other, one)
  }
  all(rule)
  return () => Promise.resolve(all(PASS))
}

/** Packets vanish, or connections are refused: both are partitions, drawn by the seed. */
function silence(draws: Draws): LinkRule {
  return draws.chance(0.7) ? HOLD : REFUSE
}

async function pair(site: Site, draws: Draws): Promise<Undo> {
  const leader = await leaderOf(site, draws)
  const other = draws.pick(othersThan(site, leader))
  const rule = silence(draws)
  site.note(`${leader.name} and ${other.name} do not hear each other: ${rule.type}`)
  site.network.setBetween(leader.name, other.name, rule)
  return () => Promise.resolve(site.network.setBetween(leader.name, other.name, PASS))
}

/** The leader hears nobody, or nobody hears the leader. */
async function oneWay(site: Site, draws: Draws): Promise<Undo> {
  const leader = await leaderOf(site, draws)
  const others = othersThan(site, leader)
  const isDeaf = draws.chance(0.5)
  site.note(isDeaf ? `${leader.name} hears nobody` : `nobody hears ${leader.name}`)
  const all = (rule: LinkRule): void => {
    for (const { name } of others) {
      if (isDeaf) site.network.set(name, leader.name, rule)
      else site.network.set(leader.name, name, rule)
    }
  }
  all(HOLD)
  return () => Promise.resolve(all(PASS))
}

/** Each is heard by its neighbour on one side only. */
function ring(site: Site): Promise<Undo> {
  const { cluster, network } = site
  const names = cluster.members.map(({ name }) => name)
  site.note(
    `held: ${names.map((name, n) => `${name} to ${names[(n + 1) % names.length]}`).join(', ')}`,
  )
  const all = (rule: LinkRule): void => {
    for (const [n, name] of names.entries()) network.set(name, names[(n + 1) % names.length]!, rule)
  }
  all(HOLD)
  return Promise.resolve(() => Promise.resolve(all(PASS)))
}

function everywhere({ cluster, network }: Site, rule: LinkRule): void {
  const names = cluster.members.map(({ name }) => name)
  for (const from of names) for (const to of names) if (from !== to) network.set(from, to, rule)
}

function delay(site: Site, draws: Draws): Promise<Undo> {
  const ms = (): number => DELAY_MS.mean + (2 * draws.fraction() - 1) * DELAY_MS.spread
  everywhere(site, { type: 'delay', ms })
  return Promise.resolve(() => Promise.resolve(everywhere(site, PASS)))
}

/** Half of the links stop in a frame every time, and then the connections end there. */
async function cutInFrames(site: Site, draws: Draws): Promise<Undo> {
  const { cluster, network } = site
  let isOver = false
  const loop = async (): Promise<void> => {
    while (!isOver) {
      const names = cluster.members.map(({ name }) => name)
      const pairs = names.flatMap((a, n) => names.slice(n + 1).map((b) => [a, b] as const))
      const chosen = pairs.filter(() => draws.chance(0.5))
      for (const [a, b] of chosen) network.setBetween(a, b, STALL)
      await site.elapse(draws.between(5, 40))
      for (const [a, b] of chosen) {
        network.cut(a, b)
        network.setBetween(a, b, PASS)
      }
      await site.elapse(draws.between(CUT_EVERY_MS / 2, CUT_EVERY_MS * 2))
    }
  }
  const done = settled(loop())
  await site.elapse(0)
  return async () => {
    isOver = true
    await done()
  }
}

/** The connections of the leader stay, and stand still in the middle of a frame. */
async function stallInFrames(site: Site, draws: Draws): Promise<Undo> {
  return await isolate(site, await leaderOf(site, draws), STALL)
}

/** A follower hears nothing for so long that the log it needs is gone. */
async function untilSnapshot(site: Site, draws: Draws): Promise<Undo> {
  const victim = await followerOf(site, draws)
  const undo = await isolate(site, victim, HOLD)
  const before = await appliedBy(site, victim)
  const endAt = performance.now() + MISSED_TIMEOUT_MS
  while ((await appliedBy(site, victim)) < before + MISSED && performance.now() < endAt) {
    await site.elapse(50)
  }
  return undo
}

/** The highest index that another member has applied; 0 when none says so. */
async function appliedBy(site: Site, beside: ClusterMember): Promise<number> {
  const others = othersThan(site, beside).filter(({ isAwake }) => isAwake)
  const answers = await Promise.all(
    others.map(async (member) => (await member.status().catch(() => undefined))?.applied ?? 0),
  )
  return Math.max(0, ...answers)
}

export const NETWORK_FAULTS: readonly Fault[] = [
  {
    name: 'cut-off-leader',
    about: 'nothing between who leads and the others',
    nodes: CLUSTER,
    lastsMs: [1500, 4000],
    apply: async (site, draws) => await isolate(site, await leaderOf(site, draws), silence(draws)),
  },
  {
    name: 'cut-off-follower',
    about: 'nothing between one who follows and the others',
    nodes: CLUSTER,
    apply: async (site, draws) =>
      await isolate(site, await followerOf(site, draws), silence(draws)),
  },
  {
    name: 'cut-off-all',
    about: 'nothing between any two',
    nodes: CLUSTER,
    apply: (site, draws) => {
      everywhere(site, silence(draws))
      return Promise.resolve(() => Promise.resolve(everywhere(site, PASS)))
    },
  },
  {
    name: 'cut-pair',
    about: 'nothing between who leads and one other',
    nodes: CLUSTER,
    lastsMs: [1500, 4000],
    apply: pair,
  },
  {
    name: 'cut-one-way',
    about: 'who leads hears nobody, or is not heard',
    nodes: CLUSTER,
    lastsMs: [1500, 4000],
    apply: oneWay,
  },
  {
    name: 'cut-ring',
    about: 'each is heard by one of the two others',
    nodes: CLUSTER,
    lastsMs: [1500, 4000],
    apply: ring,
  },
  {
    name: 'delay',
    about: 'everything comes 75 ± 50 ms later',
    nodes: CLUSTER,
    apply: delay,
  },
  {
    name: 'cut-in-frames',
    about: 'connections end in the middle of a frame, again and again',
    nodes: CLUSTER,
    lastsMs: [1500, 3000],
    apply: cutInFrames,
  },
  {
    name: 'stall-in-frames',
    about: 'connections of who leads stand still in the middle of a frame',
    nodes: CLUSTER,
    lastsMs: [1500, 4000],
    apply: stallInFrames,
  },
  {
    name: 'snapshot',
    about: 'one is cut off until the log that it needs is gone',
    nodes: CLUSTER,
    lastsMs: [0, 500],
    rig: {
      flags: [
        ...['--snapshot-count', String(SNAPSHOT_COUNT)],
        ...['--snapshot-catchup-entries', String(KEPT)],
      ],
    },
    apply: untilSnapshot,
  },
]
