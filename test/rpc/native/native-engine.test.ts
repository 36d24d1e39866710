import { NativeEngine } from '../../../src/rpc/native/native-engine.ts'
import { engineConformance } from '../engine-conformance.ts'

engineConformance('native', (methods, options) => new NativeEngine(methods, options))
