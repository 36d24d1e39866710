/**
 * Concurrent writers for crash tests. Each writer puts to its own keys, one request after the other,
 * and keeps what the server acknowledged. A write whose answer never came may or may not have
 * happened; a write that was acknowledged must be there afterwards, exactly as it was answered.
 */

import type { CallResult, GrpcClient } from './grpc-client.ts'

export interface Acknowledged {
  readonly key: string
  readonly value: string
  readonly modRevision: string
}

export interface LoadOptions {
  readonly writers: number
  /** Makes keys and values unique over several rounds on one store. */
  readonly round: string
  readonly valueBytes?: number
}

export class WriteLoad {
  readonly acknowledged: Acknowledged[] = []
  /** Answers other than OK, as they came. */
  readonly failures: (CallResult & { ok: false })[] = []
  readonly #writers: Promise<void>[]
  #stopping = false
  #onCount: { count: number; reached: () => void } | undefined

  constructor(client: GrpcClient, options: LoadOptions) {
    this.#writers = Array.from({ length: options.writers }, (_, n) =>
      this.#write(client, `${options.round}/${n}`, options.valueBytes ?? 64),
    )
  }

  /** Resolves when so many writes have been acknowledged, or when all writers have ended. */
  async reach(count: number): Promise<void> {
    const reached = new Promise<void>((resolve) => {
      this.#onCount = { count, reached: resolve }
    })
    if (this.acknowledged.length >= count) return
    await Promise.race([reached, Promise.all(this.#writers)])
  }

  /** Lets the writers end after the answer they wait for. A failed call ends a writer by itself. */
  async end(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#writers)
  }

  async #write(client: GrpcClient, writer: string, valueBytes: number): Promise<void> {
    for (let n = 0; !this.#stopping; n++) {
      const key = `load/${writer}/${n}`
      const value = `${writer}:${n}:`.padEnd(valueBytes, '.')
      const result = await client.call('KV.Put', {
        key: Buffer.from(key),
        value: Buffer.from(value),
      })
      if (!result.ok) {
        this.failures.push(result)
        return
      }
      this.acknowledged.push({ key, value, modRevision: result.response['header'].revision })
      if (this.#onCount !== undefined && this.acknowledged.length >= this.#onCount.count) {
        this.#onCount.reached()
      }
    }
  }
}

/** What of the acknowledged writes is missing or different now; empty when nothing was lost. */
export async function lostWrites(
  client: GrpcClient,
  acknowledged: readonly Acknowledged[],
): Promise<string[]> {
  const found = new Map<string, { value: string; modRevision: string }>()
  const { kvs } = await client.ok('KV.Range', {
    key: Buffer.from('load/'),
    range_end: Buffer.from('load0'),
  })
  for (const kv of kvs) {
    found.set(kv.key.toString(), { value: kv.value.toString(), modRevision: kv.mod_revision })
  }
  return acknowledged.flatMap(({ key, value, modRevision }) => {
    const now = found.get(key)
    if (now?.value === value && now.modRevision === modRevision) return []
    return [`${key} at revision ${modRevision}: now ${JSON.stringify(now ?? 'absent')}`]
  })
}
