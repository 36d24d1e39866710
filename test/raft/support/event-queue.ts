/** Virtual time: what is to happen, in order of time, and of asking when the time is the same. */

interface Event {
  readonly time: number
  readonly order: number
  readonly run: () => void
}

function isBefore(a: Event, b: Event): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}

export class EventQueue {
  #now = 0
  #count = 0
  /** A binary heap. */
  readonly #heap: Event[] = []

  get now(): number {
    return this.#now
  }

  /** Events that have happened. */
  steps = 0

  after(delay: number, run: () => void): void {
    const event = { time: this.#now + delay, order: this.#count++, run }
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent] as Event
      if (!isBefore(event, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = event
  }

  /** Lets everything happen up to that time. */
  runTo(time: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.time <= time; next = this.#heap[0]) {
      this.#removeFirst()
      this.#now = next.time
      this.steps++
      next.run()
    }
    this.#now = time
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop() as Event
    const { length } = heap
    if (length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= length) break
      if (child + 1 < length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++
      if (!isBefore(heap[child] as Event, last)) break
      heap[at] = heap[child] as Event
      at = child
    }
    heap[at] = last
  }
}
