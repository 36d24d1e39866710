/** Giving way: long work is cut into slices, and between two of them the loop serves others. */

/** Resolves in a later turn of the event loop, after pending input and output had their chance. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
