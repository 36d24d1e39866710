/**
 * What a fault is, and what it may do to a cluster of real processes. Faults draw what they do from
 * the seed of their run; when they are over they put things right, but need not wait until the
 * cluster is well again: the run does.
 */

import type { ProcessCluster } from '../support/cluster.ts'
import type { Request } from '../sim/check/history.ts'
import type { Draws } from '../sim/draws.ts'
import type { PeerNetwork } from './network.ts'

export interface Fault {
  /** Kebab case, as `--only` takes it. */
  readonly name: string
  /** One line for `--list`. */
  readonly about: string
  /** Cluster sizes it makes sense for. */
  readonly nodes: readonly number[]
  readonly needs?: readonly Requirement[]
  /** What has to be there before the processes start. */
  readonly rig?: Rig
  /** How long it is in force before it is undone, in milliseconds; 1000 to 2500 when absent. */
  readonly lastsMs?: readonly [least: number, most: number]
  /** A process may end by itself (a failed disk). Otherwise that is a failure of the run. */
  readonly endsProcesses?: boolean
  /**
   * Its undo needs a cluster that answers: it comes when all else has been put right, as what waits
   * for a change of members does.
   */
  readonly finishesLast?: boolean
  /** Two faults with the same word here are no pair. */
  readonly alone?: string
  /**
   * A negative control: the run has to lose what was acknowledged. It fails when the checkers find
   * nothing. Never part of a pair.
   */
  readonly mustBeCaught?: boolean
  /** Resolves when it is in force. What it throws makes the run a failure of the harness. */
  apply(site: Site, draws: Draws): Promise<Undo>
}

/** Puts right what is still wrong; members that do not run afterwards are started by the run. */
export type Undo = () => Promise<void>

export interface Site {
  /** Members, who leads, kill, pause, add, remove. */
  readonly cluster: ProcessCluster
  /** What stands between the members; of no use for a cluster of one. */
  readonly network: PeerNetwork
  /** What `Rig.volume` gave a member. */
  volumeOf(member: string): DataVolume
  /** A call at any member that is awake; part of the history, whatever becomes of it. */
  perform(request: Request): Promise<void>
  /** Up to here at least one watch was told everything: what may be compacted. */
  readonly told: number
  /** A line of the run's timeline. */
  note(text: string): void
  /** Resolves after a time that the fault has drawn, or at once when the run is given up. */
  elapse(ms: number): Promise<void>
}

export interface Rig {
  /** Where a member's data directory lies, made before the cluster starts; else a plain folder. */
  readonly volume?: (member: string) => Promise<DataVolume>
  /** How a process is started: what is given is the program and its first arguments. */
  readonly wrap?: (member: string, command: Command) => Command
  /** Flags for every member, behind the usual ones. */
  readonly flags?: readonly string[]
}

export type Command = readonly [program: string, ...args: string[]]

/** A folder that the member's data directory is put into. */
export interface DataVolume {
  readonly path: string
  /** After all processes have ended. */
  dispose(): Promise<void>
}

/** Undefined when it is met here, or a sentence that says what is missing. */
export type Requirement = () => string | undefined
