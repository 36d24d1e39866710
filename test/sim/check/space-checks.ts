/**
 * The quota of space: once somebody was told that there is no space, nothing that needs any is
 * acknowledged until an alarm was disarmed, and what needs none is never refused for it.
 *
 *     put ├──── no space ┤         ├ put ┤ ok: wrong, unless a disarming overlaps the time between
 */

import type { History, Operation, Request } from './history.ts'
import { describeOperation, leavesOf } from './steps.ts'
import { Growth } from './timeline.ts'
import type { Violation } from './violation.ts'

export function checkSpace({ operations }: History): Violation[] {
  // By when it was answered: the latest call that met the alarm.
  const alarms = new Growth(
    operations
      .filter(metAlarm)
      .map(({ calledAt, returnedAt }) => ({ at: returnedAt, revision: calledAt })),
  )
  // By when it was called: how long a disarming may have lasted.
  const disarmings = new Growth(
    operations.filter(mayDisarm).map(({ calledAt, returnedAt, outcome }) => ({
      at: calledAt,
      revision: outcome.type === 'unknown' ? Infinity : returnedAt,
    })),
  )
  return operations.flatMap((operation): Violation[] => {
    const { id, request, outcome, calledAt, returnedAt } = operation
    if (outcome.type === 'failed' && outcome.error === 'no-space' && !needsSpace(request)) {
      const sentence = `${describeOperation(operation)} was refused for want of space, though it needs none`
      return [{ kind: 'space-not-needed', sentence, operations: [id] }]
    }
    if (outcome.type !== 'ok' || !needsSpace(request)) return []
    const alarmedAt = alarms.before(calledAt)
    if (alarmedAt <= disarmings.until(returnedAt)) return []
    const sentence = `${describeOperation(operation)} was acknowledged, though there was no space since a call at ${alarmedAt}, and no alarm was disarmed`
    return [{ kind: 'space-ignored', sentence, operations: [id] }]
  })
}

/** A put in either branch counts. A lock may have found its place before there was an alarm. */
export function needsSpace(request: Request): boolean {
  switch (request.type) {
    case 'put':
    case 'lease-grant':
    case 'proclaim':
      return true
    case 'txn':
      return [...leavesOf(request)].some(({ type }) => type === 'put')
    default:
      return false
  }
}

function metAlarm({ request, outcome }: Operation): boolean {
  if (outcome.type === 'failed') return outcome.error === 'no-space'
  if (outcome.type !== 'ok' || outcome.result.type !== 'alarm') return false
  const isLook = request.type === 'alarm' && request.disarms === undefined
  return isLook && outcome.result.withoutSpace.length > 0
}

function mayDisarm({ request, outcome }: Operation): boolean {
  return request.type === 'alarm' && request.disarms !== undefined && outcome.type !== 'failed'
}
