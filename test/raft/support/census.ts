/** Counts how often something rare happened, so that a test can tell when it never did. */

export class Census {
  readonly #counts = new Map<string, number>()

  count(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by)
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  add(other: Census): void {
    for (const [name, by] of other.#counts) this.count(name, by)
  }

  missing(names: readonly string[]): string[] {
    return names.filter((name) => this.of(name) === 0)
  }

  toString(): string {
    const rows = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1))
    return rows.map(([name, count]) => `${String(count).padStart(9)}  ${name}`).join('\n')
  }
}
