/** A thread that fuzzes one decoder. What it is at stands in shared memory, should it never come back. */

import { parentPort, workerData } from 'node:worker_threads'
import { allDecoders } from './decoders.ts'
import { fuzz } from './fuzzer.ts'
import { LastInput } from './last-input.ts'
import { regressionsOf } from './regressions.ts'

export interface WorkerTask {
  readonly decoder: string
  readonly seed: number
  /** As many as the decoder asks for when it is left out. */
  readonly inputs: number | undefined
  readonly guided: boolean
  readonly shared: SharedArrayBuffer
}

const { decoder: name, seed, inputs, guided, shared } = workerData as WorkerTask
const found = allDecoders().find((one) => one.name === name)
if (found === undefined || parentPort === null) throw new Error(`there is no decoder ${name}`)
const port = parentPort
// Most inputs are refused by an error, and its stack costs more than all the rest. `--input` has it.
Error.stackTraceLimit = 0
const decoder = { ...found, seeds: [...found.seeds, ...regressionsOf(name)] }
const last = new LastInput(shared)
const summary = await fuzz(decoder, {
  seed,
  inputs: inputs ?? decoder.inputs,
  guided,
  onInput: (bytes) => last.set(bytes),
  onFound: (one) => port.postMessage({ type: 'found', found: one }),
})
port.postMessage({ type: 'done', summary: { ...summary, found: [] } })
