import { engineConformance } from '../engine-conformance.ts'
import { bridged } from './bridged-engine.ts'

engineConformance('bridged native', bridged('native'))
engineConformance('bridged grpc-js', bridged('grpc-js'))
