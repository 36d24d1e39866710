import { testProfile } from '../fixed-schedules.ts'

testProfile('broken-network', [
  'one-way cut',
  'message lost',
  'divergent log entries replaced',
  'two candidates in one term',
  'write with unknown outcome',
])
