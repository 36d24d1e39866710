/** `npm run fuzz`: all decoders or some, or one input once more. */

import { parseArgs } from 'node:util'
import type { Decoder } from './decoder.ts'
import { allDecoders } from './decoders.ts'
import type { Found } from './fuzzer.ts'
import { keepRegression } from './regressions.ts'
import { trial } from './trial.ts'
import { fuzzInWorker } from './watchdog.ts'

const HELP = `npm run fuzz -- [options]
  --decoder NAME   only this one, or all that begin with it (peer/)
  --seed N         where the inputs come from (default 1)
  --inputs N       for each decoder (default: as many as it asks for, mostly 1000000)
  --workers N      decoders at a time (default 1)
  --guided         keep inputs that reach new code; several times slower
  --input HEX      try this input once; needs --decoder
  --list           the names of the decoders`

const { values } = parseArgs({
  options: {
    decoder: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    inputs: { type: 'string' },
    workers: { type: 'string', default: '1' },
    guided: { type: 'boolean', default: false },
    input: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const exact = allDecoders().filter(({ name }) => name === values.decoder)
const chosen = exact.length > 0 ? exact : startingWith(values.decoder)
if (values.help) console.log(HELP)
else if (values.list) for (const { name, inputs } of allDecoders()) console.log(name, inputs)
else if (chosen.length === 0) fail(`there is no decoder ${values.decoder}; see --list`)
else if (values.input !== undefined) await tryOne(chosen[0]!, Buffer.from(values.input, 'hex'))
else await fuzzAll(chosen)

function startingWith(prefix: string): Decoder[] {
  return allDecoders().filter(({ name }) => name.startsWith(prefix))
}

async function tryOne(decoder: Decoder, bytes: Buffer): Promise<void> {
  const finding = await trial(decoder, bytes)
  if (finding === undefined) console.log(`${decoder.name}: nothing wrong with it`)
  else fail(`${decoder.name}: ${finding.stack ?? finding.message}`)
}

async function fuzzAll(decoders: readonly Decoder[]): Promise<void> {
  const waiting = [...decoders]
  const found: Found[] = []
  let inputs = 0
  const startMs = performance.now()
  const work = async (): Promise<void> => {
    for (let decoder = waiting.shift(); decoder !== undefined; decoder = waiting.shift()) {
      const result = await fuzzInWorker({
        decoder: decoder.name,
        seed: Number(values.seed),
        inputs: values.inputs === undefined ? undefined : Number(values.inputs),
        guided: values.guided,
      })
      inputs += result.inputs
      found.push(...result.found)
      const rate = Math.round(result.inputs / result.seconds)
      const { name } = decoder
      console.log(
        `${name}: ${result.inputs} inputs, ${rate} a second, corpus ${result.corpus}, found ${result.found.length}`,
      )
      for (const one of result.found) tell(one)
    }
  }
  await Promise.all(Array.from({ length: Number(values.workers) }, work))
  const seconds = Math.round((performance.now() - startMs) / 1000)
  console.log(
    `${decoders.length} decoders, ${inputs} inputs in ${seconds} s, seed ${values.seed}: found ${found.length}`,
  )
  if (found.length > 0) process.exitCode = 1
}

function tell({ decoder, text, stack, input }: Found): void {
  const hex = input.toString('hex')
  console.log(`  ${text}\n${stack.split('\n').slice(1, 6).join('\n')}`)
  console.log(`  again: npm run fuzz -- --decoder ${decoder} --input ${hex === '' ? '""' : hex}`)
  keepRegression(decoder, text, input)
}

function fail(message: string): void {
  console.error(message)
  process.exitCode = 1
}
