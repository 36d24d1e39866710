import { testProfile } from '../fixed-schedules.ts'

testProfile('mixed', [
  'leader change',
  'snapshot installed',
  'unsynced state lost in a crash',
  'majority lost and recovered',
  'one-way cut',
  'message lost',
  'lease expired after a leader change',
  'lock waited for',
  'restart that replayed the log',
  'write of unknown outcome that took effect',
])
