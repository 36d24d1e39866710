/**
 * How late a Node server's event loop was, as its /metrics tell: the 99th percentile since they
 * were last asked, which starts a new count. The histogram's timer fires every 10 ms when nothing
 * holds it up, and counts those in.
 */

import type { ServerProcess } from './server-process.ts'

const TIMER_MS = 10
const P99 = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m

/** In milliseconds; NaN for a server that has no event loop. */
export async function loopDelayP99Ms({ host, port }: ServerProcess): Promise<number> {
  const response = await fetch(`http://${host}:${port}/metrics`)
  const seconds = P99.exec(await response.text())?.[1]
  return seconds === undefined ? Number.NaN : Math.max(0, Number(seconds) * 1000 - TIMER_MS)
}
