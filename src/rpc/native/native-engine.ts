/**
 * The fast engine: gRPC over our own HTTP/2, for connections that the listener accepted. It serves
 * a small part of HTTP/2 only, that which gRPC calls of a server need.
 */

import type { Duplex } from 'node:stream'
import { ENGINE_DEFAULTS, type Engine, type EngineOptions, type Method } from '../engine.ts'
import { AdmissionRules } from './admission-rules.ts'
import { Connection } from './connection.ts'
import { DeadlineWheel, loopTimer } from './deadline-wheel.ts'
import type { EngineParts } from './engine-parts.ts'
import { FlushQueue } from './flush-queue.ts'
import { staticTable } from './header-table.ts'
import { HuffmanDecoder } from './huffman.ts'
import { SlabPool } from './slab-pool.ts'

/** How often connections are looked after, and how many times within the shortest time of theirs. */
const TICK_MS_MAX = 1000
const TICKS_PER_TIMEOUT = 4

export class NativeEngine implements Engine {
  readonly #parts: EngineParts
  readonly #connections = new Set<Connection>()
  readonly #onClosed = (connection: Connection): void => this.#forget(connection)
  #ticker: NodeJS.Timeout | undefined
  #isDraining = false
  #drainWaiters: (() => void)[] = []

  constructor(methods: readonly Method[], options: EngineOptions) {
    this.#parts = {
      options,
      limits: { ...ENGINE_DEFAULTS, ...options },
      admission: new AdmissionRules(methods, options.services ?? []),
      deadlines: new DeadlineWheel(loopTimer()),
      flushes: new FlushQueue(),
      staticFields: staticTable(),
      huffman: new HuffmanDecoder(),
      slabs: new SlabPool(),
      nowMs: () => performance.now(),
    }
  }

  handleConnection(socket: Duplex): void {
    if (this.#isDraining || socket.destroyed) {
      socket.destroy()
      return
    }
    this.#connections.add(new Connection(socket, this.#parts, this.#onClosed))
    this.#ticker ??= this.#startTicker()
  }

  drain(): Promise<void> {
    if (!this.#isDraining) for (const connection of this.#connections) connection.drain()
    this.#isDraining = true
    if (this.#connections.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#drainWaiters.push(resolve))
  }

  close(): void {
    this.#isDraining = true
    for (const connection of this.#connections) connection.destroy()
  }

  #startTicker(): NodeJS.Timeout {
    const { keepaliveMs, keepaliveTimeoutMs } = this.#parts.limits
    const shortestMs = Math.min(keepaliveMs, keepaliveTimeoutMs) / TICKS_PER_TIMEOUT
    const ticker = setInterval(() => this.#tick(), Math.min(TICK_MS_MAX, shortestMs))
    ticker.unref()
    return ticker
  }

  #tick(): void {
    const nowMs = this.#parts.nowMs()
    for (const connection of this.#connections) connection.tick(nowMs)
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection)
    if (this.#connections.size > 0) return
    clearInterval(this.#ticker)
    this.#ticker = undefined
    if (!this.#isDraining) return
    const waiters = this.#drainWaiters
    this.#drainWaiters = []
    for (const resolve of waiters) resolve()
  }
}
