/** Measuring from outside: parts hand their slow work to whoever wants to know how long it takes. */

import type { Clock } from '../base/ports.ts'
import type { Histogram } from './histogram.ts'

/** Does the work, and measures it on the way. */
export type Measure = <Result>(work: () => Promise<Result>) => Promise<Result>

export const unmeasured: Measure = (work) => work()

/** Work that fails is not counted: its duration says nothing. */
export function measureSeconds(clock: Clock, histogram: Histogram): Measure {
  return async (work) => {
    const startMs = clock.nowMs()
    const result = await work()
    histogram.observe((clock.nowMs() - startMs) / 1000)
    return result
  }
}
