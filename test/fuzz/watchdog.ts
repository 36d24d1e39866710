/** Runs a worker for one decoder, and ends it when one input keeps it for too long. */

import { Worker } from 'node:worker_threads'
import type { Found, FuzzSummary } from './fuzzer.ts'
import { LAST_INPUT_BYTES, LastInput } from './last-input.ts'
import type { WorkerTask } from './worker.ts'

/**
 * Without progress. Starting takes its time too, and so does making an input shorter. It is
 * processor time, since on a busy machine a thread may get none for long, unless it only waits.
 */
const STUCK_MS = 2000
const WAITS_MAX_MS = 600_000
const CHECK_MS = 500
const HEAP_MB = 512

export interface DecoderResult {
  readonly inputs: number
  readonly corpus: number
  readonly seconds: number
  readonly found: readonly Found[]
}

type WorkerMessage =
  | { readonly type: 'found'; readonly found: Found }
  | { readonly type: 'done'; readonly summary: FuzzSummary }

export function fuzzInWorker(task: Omit<WorkerTask, 'shared'>): Promise<DecoderResult> {
  const shared = new SharedArrayBuffer(LAST_INPUT_BYTES)
  const last = new LastInput(shared)
  const worker = new Worker(new URL('worker.js', import.meta.url), {
    workerData: { ...task, shared } satisfies WorkerTask,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  })
  const found: Found[] = []
  const startMs = performance.now()
  return new Promise((resolve) => {
    let summary: FuzzSummary | undefined
    let seenCount = 0
    let seenMs = startMs
    let seenCpu = process.cpuUsage()
    const fail = (text: string): void => {
      found.push({ decoder: task.decoder, text, stack: '', input: last.bytes })
    }
    const timer = setInterval(() => {
      if (last.count !== seenCount) {
        seenCount = last.count
        seenMs = performance.now()
        seenCpu = process.cpuUsage()
        return
      }
      const { user, system } = process.cpuUsage(seenCpu)
      const isStuck = (user + system) / 1000 > STUCK_MS * (found.length > 0 ? 30 : 1)
      if (seenCount > 0 && (isStuck || performance.now() - seenMs > WAITS_MAX_MS)) {
        fail('an input did not come to an end')
        void worker.terminate()
      }
    }, CHECK_MS)
    worker.on('message', (message: WorkerMessage) => {
      if (message.type === 'done') {
        summary = message.summary
        void worker.terminate() // what it had open would keep it
      } else found.push({ ...message.found, input: Buffer.from(message.found.input) })
    })
    worker.on('error', (error) => fail(`ended the thread: ${error.message}`))
    worker.on('exit', () => {
      clearInterval(timer)
      const seconds = (performance.now() - startMs) / 1000
      const { inputs, corpus } = summary ?? { inputs: last.count, corpus: 0 }
      resolve({ inputs, corpus, seconds, found })
    })
  })
}
