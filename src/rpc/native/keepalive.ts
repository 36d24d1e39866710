/** Whether a silent client is still there: pinged after a while, given up when it does not answer. */

export class Keepalive {
  readonly #intervalMs: number
  readonly #timeoutMs: number
  #isActive = false
  #activeMs: number
  #pingedMs: number | undefined

  constructor(intervalMs: number, timeoutMs: number, nowMs: number) {
    this.#intervalMs = intervalMs
    this.#timeoutMs = timeoutMs
    this.#activeMs = nowMs
  }

  /** The client sent something. */
  onActivity(): void {
    this.#isActive = true
  }

  /** To be asked every now and then. After 'ping' a ping is taken to be sent. */
  check(nowMs: number): 'alive' | 'ping' | 'dead' {
    if (this.#isActive) {
      this.#isActive = false
      this.#activeMs = nowMs
      this.#pingedMs = undefined
      return 'alive'
    }
    if (this.#pingedMs !== undefined) {
      return nowMs - this.#pingedMs >= this.#timeoutMs ? 'dead' : 'alive'
    }
    if (nowMs - this.#activeMs < this.#intervalMs) return 'alive'
    this.#pingedMs = nowMs
    return 'ping'
  }
}
