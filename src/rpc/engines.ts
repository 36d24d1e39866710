/** Which engines there are, and what one is made from, as plain values. */

import type { Engine, EngineOptions, Method } from './engine.ts'
import { GrpcJsEngine } from './grpc-js-engine.ts'
import { NativeEngine } from './native/native-engine.ts'

export type EngineName = 'native' | 'grpc-js'

export type EngineSettings = Omit<EngineOptions, 'logger' | 'observer'>

export function newEngine(
  name: EngineName,
  methods: readonly Method[],
  options: EngineOptions,
): Engine {
  return name === 'native' ? new NativeEngine(methods, options) : new GrpcJsEngine(methods, options)
}
