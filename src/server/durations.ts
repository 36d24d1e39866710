/** Durations as Go's flag package reads them: `300ms`, `1h30m`, `1.5s`, `0`. */

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

const WHOLE = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g

/** Milliseconds, with fractions; undefined when `text` is not a duration. */
export function parseDurationMs(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0
  const match = WHOLE.exec(text)
  if (match === null) return undefined
  let nanoseconds = 0
  for (const [, count, unit] of (match[2] ?? '').matchAll(PART)) {
    nanoseconds += Number(count) * (NANOSECONDS[unit ?? ''] ?? 0)
  }
  return (match[1] === '-' ? -nanoseconds : nanoseconds) / 1e6
}
