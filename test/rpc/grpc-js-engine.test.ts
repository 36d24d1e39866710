import { GrpcJsEngine } from '../../src/rpc/grpc-js-engine.ts'
import { engineConformance } from './engine-conformance.ts'

engineConformance('grpc-js', (methods, options) => new GrpcJsEngine(methods, options))
