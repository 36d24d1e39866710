import { testProfile } from '../fixed-schedules.ts'

testProfile('bad-disks', [
  'member that ended on a failed write',
  'start refused on a damaged disk',
  'member with a damaged disk replaced',
  'checkpoint copy damaged',
])
