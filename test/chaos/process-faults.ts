/** What happens to processes: they are killed, stopped, ended in order. */

import { rmSync } from 'node:fs'
import type { Draws } from '../sim/draws.ts'
import type { ClusterMember } from '../support/cluster-member.ts'
import { until } from '../support/until.ts'
import type { Fault, Site, Undo } from './ports.ts'
import { followerOf, leaderOf } from './targets.ts'

const EVERY_SIZE = [1, 3] as const
const CLUSTER = [3] as const
const DOWN_MS = [200, 2500] as const
const STOPPED_MS = [500, 5000] as const
const ANSWER_MS = 5000

type Choice = (site: Site, draws: Draws) => Promise<readonly ClusterMember[]>

const leader: Choice = async (site, draws) => [await leaderOf(site, draws)]
const follower: Choice = async (site, draws) => [await followerOf(site, draws)]
const everyone: Choice = ({ cluster }) => Promise.resolve(cluster.members)

function kill(choose: Choice) {
  return async (site: Site, draws: Draws): Promise<Undo> => {
    const victims = [...(await choose(site, draws))]
    site.note(`kill -9 ${victims.map(({ name }) => name).join(', ')}`)
    await Promise.all(victims.map((victim) => victim.kill9()))
    return () => startAgain(site, victims)
  }
}

function stop(choose: Choice) {
  return async (site: Site, draws: Draws): Promise<Undo> => {
    const victims = [...(await choose(site, draws))]
    site.note(`SIGSTOP ${victims.map(({ name }) => name).join(', ')}`)
    for (const victim of victims) victim.pause()
    return () => {
      for (const victim of victims) victim.resume()
      return Promise.resolve()
    }
  }
}

function terminate(choose: Choice) {
  return async (site: Site, draws: Draws): Promise<Undo> => {
    const victims = [...(await choose(site, draws))]
    site.note(`SIGTERM ${victims.map(({ name }) => name).join(', ')}`)
    await Promise.all(victims.filter(({ isRunning }) => isRunning).map((one) => one.terminate()))
    return () => startAgain(site, victims)
  }
}

function startAgain(site: Site, victims: readonly ClusterMember[]): Promise<void> {
  for (const victim of victims) {
    if (site.cluster.members.includes(victim) && !victim.isRunning) victim.relaunch()
  }
  return Promise.resolve()
}

/** One after the other, each when the one before answers again. */
async function rollingRestart(site: Site): Promise<Undo> {
  const restart = async (): Promise<void> => {
    for (const member of [...site.cluster.members]) {
      if (!member.isRunning) continue
      site.note(`restart ${member.name}`)
      await member.terminate()
      await startAgain(site, [member])
      await until(`${member.name} answers`, ANSWER_MS, () => member.status()).catch(() => undefined)
    }
  }
  const done = settled(restart())
  await site.elapse(0)
  return () => done()
}

/** Kills one and starts it again, many times: it dies while it starts, too. */
async function crashLoop(site: Site, draws: Draws): Promise<Undo> {
  const victim = draws.pick(site.cluster.members)
  let isOver = false
  const loop = async (): Promise<void> => {
    while (!isOver) {
      await victim.kill9()
      await startAgain(site, [victim])
      await site.elapse(draws.between(50, 900))
    }
  }
  const done = settled(loop())
  await site.elapse(0)
  return async () => {
    isOver = true
    await done()
  }
}

/** Kills all and empties their disks: what was acknowledged is gone for good. */
async function forgetAll(site: Site): Promise<Undo> {
  const { members } = site.cluster
  await Promise.all(members.map((member) => member.kill9()))
  for (const { dataDirectory } of members) rmSync(dataDirectory, { recursive: true, force: true })
  return () => startAgain(site, members)
}

/** What it throws is thrown when it is asked for, and not before. */
export function settled(running: Promise<void>): () => Promise<void> {
  running.catch(() => undefined) // told to who asks
  return () => running
}

export const PROCESS_FAULTS: readonly Fault[] = [
  {
    name: 'kill-leader',
    about: 'kill -9 of who leads',
    nodes: EVERY_SIZE,
    lastsMs: DOWN_MS,
    apply: kill(leader),
  },
  {
    name: 'kill-follower',
    about: 'kill -9 of who follows',
    nodes: CLUSTER,
    lastsMs: DOWN_MS,
    apply: kill(follower),
  },
  {
    name: 'kill-all',
    about: 'kill -9 of all at once',
    nodes: CLUSTER,
    lastsMs: [0, 500],
    apply: kill(everyone),
  },
  {
    name: 'crash-loop',
    about: 'kill -9 of one, and again while it starts',
    nodes: EVERY_SIZE,
    lastsMs: [2000, 3500],
    apply: crashLoop,
  },
  {
    name: 'stop-leader',
    about: 'SIGSTOP of who leads, 0.5 to 5 s',
    nodes: EVERY_SIZE,
    lastsMs: STOPPED_MS,
    apply: stop(leader),
  },
  {
    name: 'stop-follower',
    about: 'SIGSTOP of who follows, 0.5 to 5 s',
    nodes: CLUSTER,
    lastsMs: STOPPED_MS,
    apply: stop(follower),
  },
  {
    name: 'stop-all',
    about: 'SIGSTOP of all, 0.5 to 5 s',
    nodes: CLUSTER,
    lastsMs: STOPPED_MS,
    apply: stop(everyone),
  },
  {
    name: 'terminate-leader',
    about: 'SIGTERM of who leads, and a start',
    nodes: EVERY_SIZE,
    lastsMs: DOWN_MS,
    apply: terminate(leader),
  },
  {
    name: 'rolling-restart',
    about: 'SIGTERM of one after the other, each started again',
    nodes: CLUSTER,
    lastsMs: [500, 1500],
    apply: rollingRestart,
  },
  {
    name: 'forget-all',
    about: 'control: all are killed and their disks emptied, which has to be found out',
    nodes: EVERY_SIZE,
    lastsMs: [0, 500],
    mustBeCaught: true,
    apply: forgetAll,
  },
]
