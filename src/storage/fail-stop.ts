/**
 * Fail-stop: the first failure of a store is the last thing it does. LevelDB accepts and loses
 * writes after a failed one, and the kernel may drop dirty pages after a failed fsync, so trying
 * again on the same handle is never right.
 */

/** A store that can no longer keep its promises; the message is one sentence for the operator. */
export class StorageFatalError extends Error {
  override readonly name = 'StorageFatalError'
}

export class FailStop {
  readonly #onFatal: (error: Error) => void
  #error: StorageFatalError | undefined

  constructor(onFatal: (error: Error) => void) {
    this.#onFatal = onFatal
    this.#error = undefined
  }

  get failed(): boolean {
    return this.#error !== undefined
  }

  /** Reports the first failure and returns it; later ones are consequences and stay unreported. */
  fail(sentence: string, cause?: unknown): StorageFatalError {
    if (this.#error !== undefined) return this.#error
    this.#error = new StorageFatalError(sentence, { cause })
    this.#onFatal(this.#error)
    return this.#error
  }

  /** What a caller waits for after a failure: no answer is safer than a wrong one. */
  never(): Promise<never> {
    return new Promise<never>(() => undefined)
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Whether a file or directory does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
