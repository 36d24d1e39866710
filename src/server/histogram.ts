/**
 * A histogram cheap enough for the hot path: an observation is a few comparisons and two additions.
 * It registers itself as a metric of its own with prom-client, which formats it when scraped.
 */

import type { Registry } from 'prom-client'

export class Histogram {
  readonly #name: string
  readonly #help: string
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  /** `bounds` are the upper bounds of the buckets, ascending, without +Inf. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name
    this.#help = help
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const bounds = this.#bounds
    let i = 0
    while (i < bounds.length && value > (bounds[i] as number)) i++
    this.#counts[i] = (this.#counts[i] as number) + 1
    this.#sum += value
  }

  register(registry: Registry): void {
    registerHistogram(registry, this.#name, this.#help, () => this.samples({}))
  }

  samples(labels: Labels): object[] {
    const values: object[] = []
    let count = 0
    for (const [i, bound] of [...this.#bounds, '+Inf'].entries()) {
      count += this.#counts[i] as number
      const metricName = `${this.#name}_bucket`
      values.push({ labels: { ...labels, le: bound }, value: count, metricName })
    }
    values.push({ labels, value: this.#sum, metricName: `${this.#name}_sum` })
    values.push({ labels, value: count, metricName: `${this.#name}_count` })
    return values
  }
}

/** Histograms of one name, told apart by labels. */
export class HistogramFamily {
  readonly #name: string
  readonly #help: string
  readonly #bounds: readonly number[]
  readonly #members = new Map<string, { labels: Labels; histogram: Histogram }>()

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name
    this.#help = help
    this.#bounds = bounds
  }

  /** The one with these labels, made at the first call. `key` stands for them, for a fast lookup. */
  of(key: string, labels: () => Labels): Histogram {
    let member = this.#members.get(key)
    if (member === undefined) {
      const histogram = new Histogram(this.#name, this.#help, this.#bounds)
      member = { labels: labels(), histogram }
      this.#members.set(key, member)
    }
    return member.histogram
  }

  register(registry: Registry): void {
    registerHistogram(registry, this.#name, this.#help, () =>
      [...this.#members.values()].flatMap(({ labels, histogram }) => histogram.samples(labels)),
    )
  }
}

type Labels = Readonly<Record<string, string>>

function registerHistogram(
  registry: Registry,
  name: string,
  help: string,
  values: () => object[],
): void {
  const kind = { name, help, type: 'histogram', aggregator: 'sum' }
  const metric = { ...kind, get: () => ({ ...kind, values: values() }), reset: () => undefined }
  // Why the cast: prom-client asks for its own class, but reads nothing else of a metric.
  registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0])
}

/** `count` bounds: start, start*factor, start*factor^2, … */
export function exponentialBounds(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => start * factor ** i)
}
