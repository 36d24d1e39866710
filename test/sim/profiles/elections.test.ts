import { testProfile } from '../fixed-schedules.ts'

testProfile('elections', ['leader change'])
