/** The alarms of the cluster, as replicated state: which member raised which kind. */

import type { MemberId } from '../raft/types.ts'
import { AlarmType } from '../rpc/codec/etcdserverpb.ts'

export interface Alarm {
  readonly memberId: MemberId
  /** An AlarmType; numbers unknown to this version are kept as they are. */
  readonly type: number
}

export class Alarms {
  readonly #alarms = new Map<string, Alarm>()

  constructor(alarms: readonly Alarm[] = []) {
    this.adopt(alarms)
  }

  /** Takes these in place of what was known. */
  adopt(alarms: readonly Alarm[]): void {
    this.#alarms.clear()
    for (const alarm of alarms) this.activate(alarm)
  }

  /** Those of one type, or all of them for NONE; ordered by type and member. */
  list(type: number = AlarmType.NONE): Alarm[] {
    return [...this.#alarms.values()]
      .filter((alarm) => type === AlarmType.NONE || alarm.type === type)
      .sort((a, b) => a.type - b.type || (a.memberId < b.memberId ? -1 : 1))
  }

  isActive(type: number): boolean {
    if (this.#alarms.size === 0) return false // asked for every entry and every read
    for (const alarm of this.#alarms.values()) if (alarm.type === type) return true
    return false
  }

  /** Activating twice is fine. */
  activate(alarm: Alarm): void {
    this.#alarms.set(alarmKey(alarm), alarm)
  }

  /** False when there was no such alarm. */
  deactivate(alarm: Alarm): boolean {
    return this.#alarms.delete(alarmKey(alarm))
  }
}

function alarmKey(alarm: Alarm): string {
  return `${alarm.type}:${alarm.memberId}`
}
