import { testProfile } from '../fixed-schedules.ts'

testProfile('stale-leader', [
  'member paused while it led',
  'disk stalled longer than an election timeout',
  'clock rate changed',
  'leadership transferred',
  'lease expired after a leader change',
  'renewed at a follower',
])
