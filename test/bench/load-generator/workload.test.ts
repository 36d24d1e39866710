import { expect, test } from 'vitest'
import { readField } from '../../../bench/load-generator/protobuf.ts'
import { firstLeaseId, openWorkload } from '../../../bench/load-generator/workload.ts'
import type { RequestSource } from '../../../bench/load-generator/workload.ts'

const alone = { index: 0, count: 1 }

/** The text of one bytes field of the next request's message. */
function nextField(source: RequestSource, field: number): string | undefined {
  const request = source.next()
  if (request === undefined) return undefined
  const message = request.frames.subarray(request.messageOffset)
  return (readField(message, field)[0] as Buffer).toString('latin1')
}

test('a fill puts every number once over all workers, and then ends', () => {
  const workload = { kind: 'fill', count: 7, keySpace: 100, valueBytes: 3 } as const
  const keys = [0, 1].flatMap((index) => {
    const source = openWorkload(workload, 'bench', { index, count: 2 })
    const part: string[] = []
    for (let key = nextField(source, 1); key !== undefined; key = nextField(source, 1)) {
      part.push(key)
    }
    return part
  })
  expect(keys.sort()).toEqual([0, 1, 2, 3, 4, 5, 6].map((number) => `bench/00000000${number}`))
})

test('a prefix range ends where the next group begins, also after a 9', () => {
  const source = openWorkload({ kind: 'prefix', keySpace: 2000 }, 'bench', alone)
  for (let round = 0; round < 200; round++) {
    const request = source.next()!
    const message = request.frames.subarray(request.messageOffset)
    const start = (readField(message, 1)[0] as Buffer).toString('latin1')
    const end = (readField(message, 2)[0] as Buffer).toString('latin1')
    expect(start).toMatch(/^bench\/00000[01]\d$/)
    expect(`${start}00` >= start && `${start}99` < end).toBe(true)
    expect(end.slice(0, -1)).toBe(start.slice(0, -1))
    expect(end.charCodeAt(end.length - 1)).toBe(start.charCodeAt(start.length - 1) + 1)
  }
})

test('only a serializable get asks for it', () => {
  const isSerializable = (serializable: boolean): boolean => {
    const workload = { kind: 'get', keySpace: 10, serializable } as const
    const request = openWorkload(workload, 'bench', alone).next()!
    return readField(request.frames.subarray(request.messageOffset), 7)[0] === 1
  }
  expect(isSerializable(true)).toBe(true)
  expect(isSerializable(false)).toBe(false)
})

test('grants and keep-alives name the same leases', () => {
  const ids = (workload: Parameters<typeof openWorkload>[0], field: number, calls: number) => {
    const source = openWorkload(workload, 'bench', alone)
    const found = Array.from({ length: calls }, () => {
      const request = source.next()!
      return readField(request.frames.subarray(request.messageOffset), field)[0] as number
    })
    return [...new Set(found)].sort((a, b) => a - b)
  }
  const granted = ids({ kind: 'grant', count: 300 }, 2, 300)
  expect(granted).toEqual(Array.from({ length: 300 }, (_, i) => firstLeaseId + i))
  expect(ids({ kind: 'keep-alive', leases: 300, isOpen: false }, 1, 5000)).toEqual(granted)
})
