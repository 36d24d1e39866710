/** An engine whose methods are on the other side of a bridge, both sides in this thread. */

import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Back } from '../../../src/rpc/bridge/back.ts'
import { Carrier } from '../../../src/rpc/bridge/carrier.ts'
import { Front } from '../../../src/rpc/bridge/front.ts'
import { newEngine, type EngineName } from '../../../src/rpc/engines.ts'
import type { EngineFactory } from '../engine-harness.ts'

/** What the suites read. */
const METADATA_NAMES = ['token', 'absent', 'trace-bin', 'x-a', 'x-b']

export function bridged(name: EngineName): EngineFactory {
  return (methods, options) => {
    const { port1, port2 } = new MessageChannel()
    void new Back(methods, carrierOn(port1), METADATA_NAMES, { logger: options.logger })
    const front = new Front(carrierOn(port2), METADATA_NAMES)
    const names = methods.map(({ kind, path }) => ({ kind, path }))
    return newEngine(name, front.methods(names), options)
  }
}

export function carrierOn(port: MessagePort): Carrier {
  const carrier = new Carrier({ port, plan: (flush) => void setImmediate(flush) })
  port.on('message', (parcel: ArrayBuffer) => carrier.receive(parcel))
  port.unref()
  return carrier
}
