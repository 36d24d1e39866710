/** All faults there are, and the matrix of runs that is made of them. */

import type { Fault } from './ports.ts'
import { NETWORK_FAULTS } from './network-faults.ts'
import { OPERATOR_FAULTS } from './operator-faults.ts'
import { PROCESS_FAULTS } from './process-faults.ts'
import { DISK_FAULTS } from './rigs/disk-faults.ts'

export const FAULTS: readonly Fault[] = [
  ...PROCESS_FAULTS,
  ...NETWORK_FAULTS,
  ...OPERATOR_FAULTS,
  ...DISK_FAULTS,
]

/** What the runs of one row of the table have in common. */
export interface Scenario {
  readonly faults: readonly Fault[]
  readonly nodes: number
}

export interface MatrixOptions {
  /** 1 and 3 when absent. */
  readonly nodes?: number
  /** Names; every fault of a scenario has to be among them. */
  readonly only?: readonly string[]
  /** None when false. */
  readonly pairs?: boolean
}

/** Each fault alone, and each two of them that can be together. */
export function matrix(
  faults: readonly Fault[],
  { nodes, only, pairs = true }: MatrixOptions,
): Scenario[] {
  const sizes = nodes === undefined ? [1, 3] : [nodes]
  return sizes.flatMap((size) => {
    const here = faults.filter((fault) => fault.nodes.includes(size))
    const wanted = here.filter(({ name }) => only?.includes(name) ?? true)
    const alone = wanted.map((fault): Scenario => ({ faults: [fault], nodes: size }))
    if (!pairs) return alone
    const two = wanted.flatMap((first, n) =>
      wanted
        .slice(n + 1)
        .filter((second) => canMeet(first, second))
        .map((second): Scenario => ({ faults: [first, second], nodes: size })),
    )
    return [...alone, ...two]
  })
}

function canMeet(first: Fault, second: Fault): boolean {
  if (first.mustBeCaught === true || second.mustBeCaught === true) return false
  if (first.alone !== undefined && first.alone === second.alone) return false
  return first.rig?.volume === undefined || second.rig?.volume === undefined
}

/** Fixed for a scenario, so that leaving out another one changes nothing. */
export function seedOf({ faults, nodes }: Scenario, base: number, run: number): number {
  let hash = base * 1000 + run
  for (const char of `${nodes} ${faults.map(({ name }) => name).join('+')}`) {
    hash = (Math.imul(hash, 31) + char.charCodeAt(0)) | 0
  }
  return hash >>> 0
}

/** Why it cannot be run here; undefined when it can. */
export function missing({ faults }: Scenario): string | undefined {
  const missed = faults.flatMap(({ needs = [] }) => needs.map((need) => need()))
  const found = missed.filter((sentence) => sentence !== undefined)
  return found.length === 0 ? undefined : [...new Set(found)].join('; ')
}
