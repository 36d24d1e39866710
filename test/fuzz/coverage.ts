/**
 * Which of the product's code has run, by V8's precise coverage: tells inputs that got further than
 * all before from the rest. Of a script a byte is kept for each character: 1 once it has run.
 */

import { Session, type Profiler } from 'node:inspector'

export class Coverage {
  readonly #session = new Session()
  readonly #known = new Map<string, Uint8Array>()
  /** What `grew` found last: the places of it. */
  #last: { readonly url: string; readonly at: number }[] = []
  #covered = 0

  start(): void {
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }

  /** How many characters have run so far. */
  get covered(): number {
    return this.#covered
  }

  /** Whether what has run since the last call includes anything that had never run. */
  grew(): boolean {
    const before = this.#covered
    this.#last = []
    this.#session.post('Profiler.takePreciseCoverage', (error, report) => {
      if (error !== null) throw new Error(error.message)
      for (const script of report.result) {
        if (script.url.startsWith('file:') && script.url.includes('/src/')) this.#add(script)
      }
    })
    return this.#covered > before
  }

  /** As if what `grew` found last had not run yet. */
  forgetLast(): void {
    for (const { url, at } of this.#last) this.#room(url, at + 1)[at] = 0
    this.#covered -= this.#last.length
    this.#last = []
  }

  #add({ url, functions }: Profiler.ScriptCoverage): void {
    for (const { ranges } of functions) {
      const [outer] = ranges
      if (outer === undefined || outer.count === 0) continue
      const known = this.#room(url, outer.endOffset)
      const ran = new Uint8Array(outer.endOffset - outer.startOffset)
      // Outer ranges come before those inside them.
      for (const { startOffset, endOffset, count } of ranges) {
        ran.fill(count > 0 ? 1 : 0, startOffset - outer.startOffset, endOffset - outer.startOffset)
      }
      for (const [at, flag] of ran.entries()) {
        if (flag === 0 || known[outer.startOffset + at] === 1) continue
        known[outer.startOffset + at] = 1
        this.#covered++
        this.#last.push({ url, at: outer.startOffset + at })
      }
    }
  }

  #room(url: string, length: number): Uint8Array {
    const known = this.#known.get(url)
    if (known !== undefined && known.length >= length) return known
    const grown = new Uint8Array(length * 2)
    if (known !== undefined) grown.set(known)
    this.#known.set(url, grown)
    return grown
  }
}
