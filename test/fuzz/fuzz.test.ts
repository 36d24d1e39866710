/** The short, fixed part of the fuzzing: every decoder, a few thousand inputs, and all that once failed. */

import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/base/assert.ts'
import { type Decoder, unlessRefused } from './decoder.ts'
import { allDecoders } from './decoders.ts'
import { fuzz } from './fuzzer.ts'
import { Mutator } from './mutator.ts'
import { Random } from './random.ts'
import { regressionsOf } from './regressions.ts'
import { trial } from './trial.ts'

/** Of a full run, about one input in a thousand. */
const SHARE = 1000
const INPUTS_MIN = 100

describe.each(allDecoders().map((decoder) => [decoder.name, decoder] as const))(
  '%s',
  (name, decoder) => {
    test('takes or refuses whatever comes', async () => {
      const inputs = Math.max(decoder.inputs / SHARE, INPUTS_MIN)
      const { found } = await fuzz(decoder, { seed: 7, inputs, guided: false })
      expect(found).toEqual([])
    })

    const regressions = regressionsOf(name)
    if (regressions.length === 0) return
    test('does what it should with what once failed', async () => {
      for (const bytes of regressions) expect(await trial(decoder, bytes)).toBeUndefined()
    })
  },
)

describe('the fuzzer', () => {
  const base = { name: 'test', seeds: [Buffer.from('aaaaaaaa')], inputs: 1 }
  const options = { seed: 1, inputs: 5000, guided: false }

  test('finds an error of the wrong class and makes its input short', async () => {
    const decoder: Decoder = {
      ...base,
      run: (bytes) => {
        const read = (): number => {
          if (bytes.includes(0xff)) throw new RangeError('of a wrong kind')
          if (bytes.includes(0x80)) throw new AssertionError('of the documented kind')
          return 1
        }
        return unlessRefused(AssertionError, read) !== undefined
      },
    }
    const { found } = await fuzz(decoder, options)
    expect(found.map(({ text, input }) => [text, input.toString('hex')])).toEqual([
      ['RangeError: of a wrong kind', 'ff'],
    ])
  })

  test('finds memory that no input of that length may take', async () => {
    // Nothing is let go, and it is more than the collector may take from others meanwhile.
    const held: Buffer[] = []
    const decoder: Decoder = {
      ...base,
      run: (bytes) => {
        const isHungry = bytes[0] === 0xff && held.length < 60
        if (isHungry) held.push(Buffer.allocUnsafeSlow(32 * 1024 * 1024))
        return isHungry
      },
    }
    const { found } = await fuzz(decoder, options)
    expect(found[0]?.text).toMatch(/bytes of memory/)
  })

  test('finds an input that takes too long', async () => {
    const decoder: Decoder = {
      ...base,
      run: (bytes) => {
        const startMs = performance.now()
        while (bytes[0] === 0xff && performance.now() - startMs < 60);
        return true
      },
    }
    const { found } = await fuzz(decoder, { ...options, inputs: 1000 })
    expect(found[0]?.text).toMatch(/took \d+ ms/)
  })

  test('makes the same inputs of the same seed', () => {
    const seeds = [Buffer.from('0a0161', 'hex'), Buffer.from('1005', 'hex')]
    const inputs = (seed: number): string[] => {
      const mutator = new Mutator(new Random(seed), { form: 'protobuf' })
      return Array.from({ length: 500 }, () => mutator.next(seeds).toString('hex'))
    }
    expect(inputs(3)).toEqual(inputs(3))
    expect(inputs(3)).not.toEqual(inputs(4))
  })
})
