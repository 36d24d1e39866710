import { testProfile } from '../fixed-schedules.ts'

testProfile('crash-storm', [
  'append in flight torn off by a crash',
  'append in flight kept by a crash',
  'all members crashed at once',
  'majority lost and recovered',
  'restart that replayed the log',
  'unsynced state lost in a crash',
])
