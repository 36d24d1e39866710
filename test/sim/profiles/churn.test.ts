import { testProfile } from '../fixed-schedules.ts'

testProfile('churn', [
  'member removed',
  'leader removed',
  'member replaced',
  'voter added',
  'learner promoted',
  'membership change with unknown outcome',
])
