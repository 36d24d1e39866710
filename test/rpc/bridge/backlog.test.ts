import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { Backlog } from '../../../src/rpc/bridge/backlog.ts'

const MIB = 1024 * 1024

test('nobody waits for little, and too much waits until the other thread has taken enough', () => {
  const memory = Backlog.memory()
  const backlog = new Backlog(memory)
  backlog.add(20 * MIB)
  backlog.wait()
  backlog.add(20 * MIB)
  const taker = `
    const bytes = new Int32Array(require('node:worker_threads').workerData)
    Atomics.sub(bytes, 0, ${4 * MIB})
    Atomics.notify(bytes, 0)
    Atomics.sub(bytes, 0, ${16 * MIB})
    Atomics.notify(bytes, 0)`
  void new Worker(taker, { eval: true, workerData: memory })
  backlog.wait()
  expect(new Int32Array(memory)[0]).toBeLessThanOrEqual(32 * MIB)
})

test('taking wakes the one who waits', () => {
  const memory = Backlog.memory()
  const backlog = new Backlog(memory)
  backlog.add(40 * MIB)
  // As the thread that waits would see it; not in this version of the types yet.
  const { waitAsync } = Atomics as unknown as {
    waitAsync: (at: Int32Array, index: number, value: number) => { value: Promise<string> }
  }
  const woken = waitAsync(new Int32Array(memory), 0, 40 * MIB)
  backlog.remove(10 * MIB)
  return expect(woken.value).resolves.toBe('ok')
})
