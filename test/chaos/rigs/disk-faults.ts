/** What happens to the disks of servers: power cuts, no room left, calls that fail, silence, damage. */

import type { ClusterMember } from '../../support/cluster-member.ts'
import type { Draws } from '../../sim/draws.ts'
import { addMember, removeMember } from '../members.ts'
import type { Fault, Rig, Site, Undo } from '../ports.ts'
import { leaderOf } from '../targets.ts'
import { damageOne, type DamagedFile } from './damaged-files.ts'
import { serversIn, stopAll } from './server-processes.ts'
import { NEEDS_IMAGES, NEEDS_STRACE, NEEDS_TMPFS, needsProgram, shell } from './shell.ts'
import { FailingCalls, withoutSync, type FailingCall } from './strace.ts'
import { Ext4Volume, filesBelow, TmpfsVolume } from './volumes.ts'

const EVERY_SIZE = [1, 3] as const
const DISKS = 'disks'
const IMAGES: Rig = { volume: async (member) => await Ext4Volume.make(member) }
const SMALL_DISKS: Rig = { volume: async (member) => await TmpfsVolume.make(member, '256m') }
/** Nothing of LevelDB's is turned over while it runs, so that what is lost is the newest alone. */
const NO_CHECKPOINTS = ['--snapshot-count', '100000', '--snapshot-catchup-entries', '5000']
const FAILED_WITHIN_MS = 4000
const ASK_AGAIN_MS = 20
/** A second is the aim; the rest is for a machine with much else to do. */
const GOES_ON_MS = 4000
const CONTROL_LOAD_MS = 400
/** What an operator may be told when a disk fails, in one line of the log. */
const SENTENCE = /failed: |is not writable: |is corrupt: |are missing|cannot /

function imageOf(site: Site, member: ClusterMember): Ext4Volume | undefined {
  const volume = volumeOf(site, member)
  return volume instanceof Ext4Volume ? volume : undefined
}

/** Members that came later lie in plain folders. */
function volumeOf(site: Site, member: ClusterMember): unknown {
  try {
    return site.volumeOf(member.name)
  } catch {
    return undefined
  }
}

async function victimOf(site: Site, draws: Draws): Promise<ClusterMember> {
  return draws.chance(0.5) ? await leaderOf(site, draws) : draws.pick(site.cluster.members)
}

async function cutPower(site: Site, victims: readonly ClusterMember[]): Promise<void> {
  const volumes = victims.flatMap((member) => imageOf(site, member) ?? [])
  site.note(`power cut of ${victims.map(({ name }) => name).join(', ')}`)
  await stopAll((await Promise.all(volumes.map(({ path }) => serversIn(path)))).flat())
  await Promise.all(volumes.map(async (volume) => await volume.keep()))
  for (const victim of victims) await victim.kill9()
  for (const volume of volumes) await volume.goBack()
}

function restart(site: Site, member: ClusterMember): void {
  if (member.isRunning || !site.cluster.members.includes(member)) return
  site.note(`start ${member.name}`)
  member.relaunch()
}

function startAgain(site: Site, victims: readonly ClusterMember[]): Undo {
  return () => {
    for (const victim of victims) restart(site, victim)
    return Promise.resolve()
  }
}

const powerCut: Fault = {
  name: 'power-cut',
  about: 'the power of one member or of all is cut: what was not synced is gone',
  nodes: EVERY_SIZE,
  needs: NEEDS_IMAGES,
  rig: IMAGES,
  alone: DISKS,
  apply: async (site, draws) => {
    const { members } = site.cluster
    const victims = draws.chance(0.6) ? [...members] : [await victimOf(site, draws)]
    await cutPower(site, victims)
    return startAgain(site, victims)
  },
}

const powerCutWithoutSync: Fault = {
  name: 'power-cut-without-sync',
  about: 'negative control: no sync reaches the disk, and the power of all is cut',
  nodes: EVERY_SIZE,
  needs: [...NEEDS_IMAGES, ...NEEDS_STRACE],
  rig: { ...IMAGES, wrap: (_member, command) => withoutSync(command), flags: NO_CHECKPOINTS },
  mustBeCaught: true,
  apply: async (site) => {
    const victims = [...site.cluster.members]
    for (const member of victims) {
      const path = imageOf(site, member)?.path
      if (path !== undefined) await shell('sync', '--file-system', path)
    }
    await site.elapse(CONTROL_LOAD_MS)
    await cutPower(site, victims)
    return startAgain(site, victims)
  },
}

/** Waits a while for the process to end by itself, and looks at how it did. */
async function endsInOrder(site: Site, member: ClusterMember): Promise<void> {
  for (let waited = 0; member.isRunning && waited < FAILED_WITHIN_MS; waited += ASK_AGAIN_MS) {
    await site.elapse(ASK_AGAIN_MS)
  }
  if (member.isRunning) site.note(`${member.name} goes on`)
  else checkEnd(site, member, await member.exited())
}

function checkEnd(
  site: Site,
  member: ClusterMember,
  { code, signal }: { readonly code: number | null; readonly signal: string | null },
): void {
  if (!member.endedByItself) return // another fault asked it to
  const last = member.output.trimEnd().split('\n').at(-1) ?? ''
  site.note(`${member.name} ended with ${code ?? signal}: ${last.slice(0, 300)}`)
  if (code === 1 && SENTENCE.test(last) && !/\\n\s+at /.test(last)) return
  throw new Error(`${member.name} ended with ${code ?? signal} and without a sentence: ${last}`)
}

const diskFull: Fault = {
  name: 'disk-full',
  about: 'there is no room left on the disk of one member or of all',
  nodes: EVERY_SIZE,
  needs: NEEDS_TMPFS,
  rig: SMALL_DISKS,
  alone: DISKS,
  endsProcesses: true,
  apply: async (site, draws) => {
    const { members } = site.cluster
    const victims = draws.chance(0.3) ? [...members] : [await victimOf(site, draws)]
    const volumes = victims.flatMap((member) => smallDiskOf(site, member) ?? [])
    for (const volume of volumes) await volume.shrinkTo(draws.below(60) * 1024)
    site.note(`no room for ${victims.map(({ name }) => name).join(', ')}`)
    await Promise.all(victims.map(async (victim) => await endsInOrder(site, victim)))
    return async () => {
      for (const volume of volumes) await volume.resize('256m')
    }
  },
}

const diskFullAtStart: Fault = {
  name: 'disk-full-at-start',
  about: 'a member is started on a disk without any room',
  nodes: EVERY_SIZE,
  needs: NEEDS_TMPFS,
  rig: SMALL_DISKS,
  alone: DISKS,
  endsProcesses: true,
  apply: async (site, draws) => {
    const victim = await victimOf(site, draws)
    const volume = smallDiskOf(site, victim)
    await victim.kill9()
    await volume?.shrinkTo(draws.below(4) * 4096)
    restart(site, victim)
    await endsInOrder(site, victim)
    return async () => await volume?.resize('256m')
  },
}

function smallDiskOf(site: Site, member: ClusterMember): TmpfsVolume | undefined {
  const volume = volumeOf(site, member)
  return volume instanceof TmpfsVolume ? volume : undefined
}

/** Which calls fail is chosen when the files are known by their names. */
function failing(
  name: string,
  about: string,
  choose: (draws: Draws, files: readonly string[]) => FailingCall,
): Fault {
  return {
    name,
    about,
    nodes: EVERY_SIZE,
    needs: NEEDS_STRACE,
    alone: DISKS,
    endsProcesses: true,
    apply: async (site, draws) => {
      const victim = await victimOf(site, draws)
      const [pid] = await serversIn(victim.dataDirectory)
      if (pid === undefined) return () => Promise.resolve()
      const call = choose(draws, await filesBelow(victim.dataDirectory))
      site.note(`${call.calls} of ${victim.name} fail with ${call.error}`)
      const calls = await FailingCalls.of(pid, call)
      await endsInOrder(site, victim)
      const took = await calls.msFromFailureToEnd()
      if (took !== undefined) site.note(`it ended ${took.toFixed(0)} ms after the first failure`)
      if (took !== undefined && took > GOES_ON_MS) throw new Error(`it went on for ${took} ms`)
      return async () => await calls.stop()
    },
  }
}

const logFiles = (files: readonly string[]): string[] =>
  files.filter((file) => /\/log\/\d+\.log$/.test(file))
const failingSync = failing(
  'sync-fails',
  'fdatasync answers EIO, once or from then on',
  (draws) => ({
    calls: 'fdatasync',
    error: 'EIO',
    nth: draws.between(1, 20),
    goesOn: draws.chance(0.5),
  }),
)

const failingLogWrite = failing(
  'log-write-fails',
  'a write to the Raft log answers EIO or ENOSPC',
  (draws, files) => ({
    calls: 'write,pwrite64,writev',
    error: draws.pick(['EIO', 'ENOSPC']),
    nth: draws.between(1, 20),
    goesOn: draws.chance(0.5),
    paths: logFiles(files),
  }),
)

const diskStall: Fault = {
  name: 'disk-stall',
  about: 'the disk of a member takes no write for 0.1 to 3 s',
  nodes: EVERY_SIZE,
  needs: [...NEEDS_IMAGES, needsProgram('fsfreeze')],
  rig: IMAGES,
  alone: DISKS,
  lastsMs: [100, 500],
  apply: async (site, draws) => {
    const victim = await victimOf(site, draws)
    const volume = imageOf(site, victim)
    const stallMs = draws.between(100, 3000)
    site.note(`the disk of ${victim.name} is silent for ${stallMs} ms`)
    await volume?.freeze()
    // By its own clock: a process whose writes wait cannot be killed.
    const thawed = site.elapse(stallMs).then(async () => await volume?.thaw())
    return async () => await thawed
  },
}

/** Of a minority: one member of three. */
const damage: Fault = {
  name: 'damaged-file',
  about:
    'a file of a stopped member is cut or has a flipped bit; refused, it is put back or replaced',
  nodes: [3],
  endsProcesses: true,
  finishesLast: true,
  alone: DISKS,
  apply: async (site, draws) => {
    const victim = await victimOf(site, draws)
    await victim.kill9()
    const damaged = await damageOne(victim.dataDirectory, draws)
    site.note(`${victim.name}: ${damaged.what}`)
    restart(site, victim)
    await endsInOrder(site, victim)
    const isRefused = !victim.isRunning
    const isReplaced = draws.chance(0.5)
    return async () => {
      if (isRefused) await repair(site, victim, damaged, isReplaced)
    }
  },
}

async function repair(
  site: Site,
  victim: ClusterMember,
  damaged: DamagedFile,
  isReplaced: boolean,
): Promise<void> {
  if (!site.cluster.members.includes(victim)) return
  await victim.kill9() // started once more meanwhile, it is about to end again
  if (!isReplaced) {
    await damaged.putBack()
    restart(site, victim)
    return
  }
  await removeMember(site, victim)
  await addMember(site, { isLearner: false })
}

export const DISK_FAULTS: readonly Fault[] = [
  powerCut,
  powerCutWithoutSync,
  diskFull,
  diskFullAtStart,
  failingSync,
  failingLogWrite,
  diskStall,
  damage,
]
