/** Mutations that know msgpack: a value somewhere inside is dropped, doubled, moved or replaced. */

import { Packr, unpack } from 'msgpackr'
import type { Random } from './random.ts'

const packr = new Packr({ useRecords: false })

const VALUES: readonly unknown[] = [
  0,
  1,
  -1,
  -0,
  0.5,
  127,
  128,
  2 ** 31,
  2 ** 32,
  2 ** 52,
  2 ** 53 - 1,
  2 ** 53,
  1e300,
  Number.NaN,
  Infinity,
  2n ** 63n - 1n,
  null,
  true,
  false,
  '',
  'ok',
  '0000000000000001',
  '0000000000000000',
  [],
  [[]],
  {},
  new Uint8Array(0),
  Buffer.from('ff', 'hex'),
]

/** Undefined when the bytes are no value. */
export function mutateValues(bytes: Buffer, random: Random): Buffer | undefined {
  try {
    return Buffer.from(packr.pack(mutated(unpack(bytes), random)))
  } catch {
    return undefined // also when it is nested deeper than the packer likes
  }
}

function mutated(value: unknown, random: Random): unknown {
  if (Array.isArray(value) && value.length > 0) return mutatedArray(value, random)
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    return mutatedObject(value as Record<string, unknown>, random)
  }
  return replaced(value, random)
}

function mutatedArray(values: readonly unknown[], random: Random): unknown {
  const at = random.below(values.length)
  switch (random.below(9)) {
    case 0:
      return values.toSpliced(at, 1)
    case 1:
      return values.toSpliced(at, 0, values[at])
    case 2:
      return values.with(at, values[random.below(values.length)])
    case 3:
      return [...values, random.pick([0, 1, '', true])]
    case 4:
      return values.with(at, replaced(values[at], random))
    default:
      return values.with(at, mutated(values[at], random))
  }
}

function mutatedObject(fields: Record<string, unknown>, random: Random): unknown {
  const names = Object.keys(fields)
  if (names.length === 0) return replaced(fields, random)
  const name = random.pick(names)
  const copy = { ...fields }
  switch (random.below(6)) {
    case 0:
      delete copy[name]
      return copy
    case 1:
      copy[name] = replaced(fields[name], random)
      return copy
    default:
      copy[name] = mutated(fields[name], random)
      return copy
  }
}

function replaced(value: unknown, random: Random): unknown {
  if (typeof value === 'number' && random.oneIn(2)) return value + random.pick([-1, 1, 2, 256])
  if (typeof value === 'boolean' && random.oneIn(2)) return !value
  return VALUES[random.below(VALUES.length)]
}
