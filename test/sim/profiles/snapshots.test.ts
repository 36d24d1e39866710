import { testProfile } from '../fixed-schedules.ts'

testProfile('snapshots', [
  'snapshot installed',
  'crash while a snapshot comes in',
  'watch ended by a compaction',
  'slow watch that caught up',
  'watch resumed on another member',
  'read of a compacted revision refused',
])
