/** The thread of the clients' wire: listeners, an engine, and the front of the bridge. */

import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import type { LogFields, Logger } from '../../base/ports.ts'
import { CallCounts } from '../call-counts.ts'
import { newEngine } from '../engines.ts'
import { requestListener } from '../http-exchange.ts'
import { Listener } from '../listener.ts'
import { Backlog } from './backlog.ts'
import { Carrier } from './carrier.ts'
import { Front } from './front.ts'
import { answerBy } from './http-method.ts'
import type { WireCommand, WireReport, WireWorkerData } from './wire-messages.ts'

assert(parentPort !== null, 'this is the program of a worker thread')
const port = parentPort
const { methods, counts, backlog, metadataNames, ...settings } = workerData as WireWorkerData

const carrier = new Carrier({
  port,
  // All sockets that are readable at once are read before one parcel takes what they brought.
  plan: (flush) => void setImmediate(flush),
  outgoing: new Backlog(backlog),
})
const proxies = new Front(carrier, metadataNames).methods(methods)
const logger = remoteLogger()
const engine = newEngine(settings.engine, proxies.slice(0, -1), {
  ...settings.engineSettings,
  logger,
  observer: new CallCounts(methods.slice(0, -1), counts),
})
const onRequest = requestListener(answerBy(proxies.at(-1)))
const listeners = new Map<number, Listener>()

port.on('message', (message: ArrayBuffer | WireCommand) => {
  if (message instanceof ArrayBuffer) carrier.receive(message)
  else void obey(message)
})

async function obey(command: WireCommand): Promise<void> {
  const { type, listener } = command
  switch (type) {
    case 'listen': {
      const { address, limits } = command
      const options = { engine, logger, limits, onRequest, isHeld: true }
      const result = await Listener.listen(address, options)
      if (result.ok) listeners.set(listener, result.listener)
      report({ type: 'listening', listener, ...(result.ok ? {} : { failure: failureOf(result) }) })
      return
    }
    case 'open':
      listeners.get(listener)?.open()
      return
    case 'close':
      await listeners.get(listener)?.close(command.graceMs)
      report({ type: 'closed', listener })
      return
  }
}

function failureOf({ code, message }: { code: string; message: string }) {
  return { code, message }
}

function report(message: WireReport): void {
  port.postMessage(message)
}

/** To the one log of the process. */
function remoteLogger(): Logger {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields?: LogFields): void => {
      report({ type: 'log', level, message, ...(fields === undefined ? {} : { fields }) })
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
