import { expect, test } from 'vitest'

import { Quarantine } from '../../src/server/quarantine.ts'
import { AlarmType } from '../../src/rpc/codec/etcdserverpb.ts'
import { recordingLogger } from './support/doubles.ts'

const SELF = '0000000000000001'
const OTHER = '0000000000000002'

class Harness {
  readonly logger = recordingLogger()
  readonly quarantine: Quarantine
  leads = false
  handOvers = 0
  hasHeir = true

  constructor() {
    this.quarantine = new Quarantine({
      memberId: SELF,
      logger: this.logger,
      isLeader: () => this.leads,
      handLeadershipOver: () => {
        this.handOvers++
        return this.hasHeir
      },
    })
  }
}

const corrupt = (memberId: string) => ({ memberId, type: AlarmType.CORRUPT })

test('no other alarm, and none of another member, puts this one in quarantine', () => {
  const { quarantine, logger } = new Harness()
  quarantine.onAlarms([])
  quarantine.onAlarms([corrupt(OTHER), { memberId: SELF, type: AlarmType.NOSPACE }])
  expect(quarantine.refusal()).toBeUndefined()
  expect(logger.messages).toEqual([])
})

test('a CORRUPT alarm that names this member does, for good, and the log tells once', () => {
  const { quarantine, logger } = new Harness()
  quarantine.onAlarms([corrupt(OTHER), corrupt(SELF)])
  expect(quarantine.refusal()).toBe('corrupt')
  quarantine.onAlarms([])
  quarantine.onAlarms([corrupt(SELF)])
  expect(quarantine.refusal()).toBe('corrupt')
  expect(logger.messages).toHaveLength(1)
})

test('it hands leadership over, and again when that failed', () => {
  const harness = new Harness()
  const { quarantine } = harness
  harness.leads = true
  quarantine.tick(0)
  expect(harness.handOvers).toBe(0)
  quarantine.onAlarms([corrupt(SELF)])
  quarantine.tick(100)
  quarantine.tick(2099)
  expect(harness.handOvers).toBe(1)
  quarantine.tick(2100)
  expect(harness.handOvers).toBe(2)
  harness.leads = false
  quarantine.tick(9000)
  expect(harness.handOvers).toBe(2)
})

test('it asks again at once when nobody could be asked', () => {
  const harness = new Harness()
  const { quarantine } = harness
  harness.leads = true
  harness.hasHeir = false
  quarantine.onAlarms([corrupt(SELF)])
  quarantine.tick(100)
  quarantine.tick(200)
  expect(harness.handOvers).toBe(2)
  harness.hasHeir = true
  quarantine.tick(300)
  quarantine.tick(400)
  expect(harness.handOvers).toBe(3)
})
