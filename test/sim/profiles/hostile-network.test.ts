import { testProfile } from '../fixed-schedules.ts'

testProfile('hostile-network', ['message delivered twice', 'message overtaken by later ones'])
