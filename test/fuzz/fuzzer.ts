/**
 * Gives a decoder its seeds, and then one mutation after the other. Inputs that reach code which none
 * reached before join the corpus that later ones are made from.
 *
 * What has run is asked once for a batch of inputs, since asking takes milliseconds. When a batch
 * got further, its inputs are run again, half by half, to see which of them did.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { Coverage } from './coverage.ts'
import type { Decoder, Finding } from './decoder.ts'
import { kindOf, minimise } from './minimise.ts'
import { Mutator } from './mutator.ts'
import { Random } from './random.ts'
import { measured, trial } from './trial.ts'

const BATCH = 4096
const CORPUS_MAX = 2000
/** Of a run, those that are looked at for new code; hardly any that come later reach some. */
const GUIDED_INPUTS = 40_000
/** After so many inputs what they have put off gets its turn. */
const TURN_INPUTS = 256
const SEED_BYTES_MAX = 1024
const KINDS_MAX = 5

export interface FuzzOptions {
  readonly seed: number
  readonly inputs: number
  /** Without it, the inputs are a function of the seed alone. */
  readonly guided: boolean
  /** Told of every input before it is tried. */
  readonly onInput?: (bytes: Buffer) => void
  readonly onFound?: (found: Found) => void
}

export interface Found {
  readonly decoder: string
  readonly text: string
  readonly stack: string
  /** Minimised. */
  readonly input: Buffer
}

export interface FuzzSummary {
  readonly inputs: number
  readonly corpus: number
  readonly found: readonly Found[]
}

export async function fuzz(decoder: Decoder, options: FuzzOptions): Promise<FuzzSummary> {
  const run = new FuzzRun(decoder, options)
  return run.run()
}

class FuzzRun {
  readonly #decoder: Decoder
  readonly #options: FuzzOptions
  readonly #corpus: Buffer[]
  readonly #mutator: Mutator
  #coverage: Coverage | undefined
  readonly #found = new Map<string, Found>()
  #tried = 0

  constructor(decoder: Decoder, options: FuzzOptions) {
    this.#decoder = decoder
    this.#options = options
    this.#corpus = decoder.seeds.map((seed) => Buffer.from(seed))
    if (this.#corpus.length === 0) this.#corpus.push(Buffer.alloc(0))
    this.#mutator = new Mutator(new Random(options.seed), decoder)
    this.#coverage = options.guided ? new Coverage() : undefined
  }

  async run(): Promise<FuzzSummary> {
    this.#coverage?.start()
    for (const seed of this.#corpus) await this.#try(seed)
    this.#coverage?.grew()
    // Of a huge seed each mutation takes long and says little that is new.
    const starts = this.#corpus.filter(({ length }) => length <= SEED_BYTES_MAX)
    const corpus = starts.length > 0 ? starts : this.#corpus
    while (this.#tried < this.#options.inputs && this.#found.size < KINDS_MAX) {
      await this.#batch(corpus)
    }
    this.#stopGuiding()
    return { inputs: this.#tried, corpus: corpus.length, found: [...this.#found.values()] }
  }

  async #batch(corpus: Buffer[]): Promise<void> {
    const batch: Buffer[] = []
    const count = Math.min(BATCH, this.#options.inputs - this.#tried)
    for (let i = 0; i < count; i++) {
      const input = this.#mutator.next(corpus)
      const tried = this.#try(input)
      if (tried !== undefined) await tried
      if (this.#tried % TURN_INPUTS === 0) await nextTurn()
      if (this.#coverage !== undefined) batch.push(input)
    }
    if (this.#coverage?.grew() === true && corpus.length < CORPUS_MAX) {
      this.#coverage.forgetLast()
      await this.#keepFurthest(batch, this.#coverage, corpus)
    }
    if (this.#tried > GUIDED_INPUTS) this.#stopGuiding()
  }

  #stopGuiding(): void {
    this.#coverage?.stop()
    this.#coverage = undefined
  }

  /** Looks by halves for those that reach what was not reached before. */
  async #keepFurthest(
    inputs: readonly Buffer[],
    coverage: Coverage,
    corpus: Buffer[],
  ): Promise<void> {
    for (const input of inputs) {
      this.#options.onInput?.(input)
      await measured(this.#decoder, input)
    }
    if (!coverage.grew()) return
    if (inputs.length === 1) {
      corpus.push(...inputs)
      return
    }
    coverage.forgetLast()
    const middle = inputs.length >> 1
    await this.#keepFurthest(inputs.slice(0, middle), coverage, corpus)
    await this.#keepFurthest(inputs.slice(middle), coverage, corpus)
  }

  #try(bytes: Buffer): Promise<void> | undefined {
    this.#tried++
    this.#options.onInput?.(bytes)
    const result = measured(this.#decoder, bytes)
    if (result === undefined) return undefined
    return this.#judge(bytes, result)
  }

  async #judge(bytes: Buffer, result: ReturnType<typeof measured>): Promise<void> {
    const excess = await result
    if (excess === undefined || this.#found.has(kindOf(excess.finding.message))) return
    const finding = excess.isFinal ? excess.finding : await trial(this.#decoder, bytes)
    if (finding !== undefined) await this.#keep(finding, bytes)
  }

  async #keep(finding: Finding, bytes: Buffer): Promise<void> {
    const kind = kindOf(finding.message)
    if (this.#found.has(kind)) return
    const input = await minimise(this.#decoder, bytes, kind)
    const { message: text, stack = '' } = finding
    const found = { decoder: this.#decoder.name, text, stack, input }
    this.#found.set(kind, found)
    this.#options.onFound?.(found)
  }
}
