/** Callers of Lock and Election on a whole server in memory, and what became of their calls. */

import { decodeKeyValue } from '../../../src/mvcc/kv.ts'
import type { RangeResponseInput } from '../../../src/rpc/codec/etcdserverpb.ts'
import type {
  CampaignResponseInput,
  LeaderKeyInput,
  LeaderResponseInput,
} from '../../../src/rpc/codec/v3electionpb.ts'
import type { LockResponseInput } from '../../../src/rpc/codec/v3lockpb.ts'
import type { CallContext, ResponseStream } from '../../../src/rpc/engine.ts'
import { StatusError } from '../../../src/rpc/status.ts'
import type { ServerOptions } from '../../../src/server/server-options.ts'
import { ManualClock } from './doubles.ts'
import { bytes, k, putRequest, rangeRequest, text } from './requests.ts'
import { newDisks, TestServer } from './test-server.ts'

export class Caller implements CallContext {
  readonly peerAddress = 'caller:1'
  cancelled = false
  #listeners: (() => void)[] = []
  readonly #metadata: Readonly<Record<string, string>>

  constructor(metadata: Readonly<Record<string, string>> = {}) {
    this.#metadata = metadata
  }

  metadata(name: string): string | undefined {
    return this.#metadata[name]
  }

  onCancel(listener: () => void): void {
    if (this.cancelled) listener()
    else this.#listeners.push(listener)
  }

  goAway(): void {
    this.cancelled = true
    for (const listener of this.#listeners.splice(0)) listener()
  }
}

/** A call under way: `outcome` is undefined until it is answered, and a text for a refusal. */
export class Call<Response> {
  readonly caller: Caller
  outcome: Response | string | undefined
  readonly answered: Promise<Response | string>

  constructor(caller: Caller, call: Promise<Response>) {
    this.caller = caller
    this.answered = this.#follow(call)
  }

  get response(): Response {
    const { outcome } = this
    if (outcome === undefined) throw new Error('no answer yet')
    if (typeof outcome === 'string') throw new Error(`not granted: ${outcome}`)
    return outcome
  }

  async #follow(call: Promise<Response>): Promise<Response | string> {
    try {
      this.outcome = await call
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      this.outcome = `${error.code} ${error.message}`
    }
    return this.outcome
  }
}

/** A client of Observe, with an engine that takes as much as the test lets it. */
export class Observer extends Caller implements ResponseStream<LeaderResponseInput> {
  readonly heard: LeaderResponseInput[] = []
  reads = true
  failed: StatusError | undefined
  #onDrain: () => void = () => undefined

  send(response: LeaderResponseInput): boolean {
    this.heard.push(response)
    return this.reads
  }
  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }
  drain(): void {
    this.#onDrain()
  }
  end(): void {
    throw new Error('Observe never ends by itself')
  }
  fail(error: StatusError): void {
    this.failed = error
  }

  /** As "key=value@revision of the header". */
  get story(): string[] {
    return this.heard.map(({ header, kv }) => {
      const { key, value } = decodeKeyValue(kv ?? new Uint8Array(0))
      return `${key}=${text(value)}@${header?.revision}`
    })
  }
}

export class RecipeBench {
  readonly clock = new ManualClock()
  #test: TestServer | undefined

  static async start(fields: Partial<ServerOptions> = {}): Promise<RecipeBench> {
    const bench = new RecipeBench()
    bench.#test = await TestServer.start(newDisks(), undefined, { clock: bench.clock, ...fields })
    return bench
  }

  get test(): TestServer {
    if (this.#test === undefined) throw new Error('not started')
    return this.#test
  }

  async grant(id: number, ttl = 1000): Promise<void> {
    await this.test.call('Lease.LeaseGrant', { ttl, id: BigInt(id) })
  }

  revoke(id: number): Promise<object> {
    return this.test.call('Lease.LeaseRevoke', { id: BigInt(id) })
  }

  put(key: string): Promise<object> {
    return this.test.call('KV.Put', putRequest({ key: k(key) }))
  }

  delete(key: string): Promise<object> {
    return this.test.call('KV.DeleteRange', { key: k(key), rangeEnd: k(''), prevKv: false })
  }

  lock(name: string, lease: number, caller = new Caller()): Call<LockResponseInput> {
    const request = { name: k(name), lease: BigInt(lease) }
    return new Call(caller, this.test.call('/v3lockpb.Lock/Lock', request, caller))
  }

  unlock(key: string): Promise<object> {
    return this.test.call('/v3lockpb.Lock/Unlock', { key: k(key) })
  }

  campaign(
    name: string,
    lease: number,
    value: string,
    caller = new Caller(),
  ): Call<CampaignResponseInput> {
    const request = { name: k(name), lease: BigInt(lease), value: bytes(value) }
    return new Call(caller, this.test.call('/v3electionpb.Election/Campaign', request, caller))
  }

  proclaim(leader: LeaderKeyInput | undefined, value: string): Call<object> {
    const request = { leader, value: bytes(value) }
    return new Call(new Caller(), this.test.call('/v3electionpb.Election/Proclaim', request))
  }

  resign(leader: LeaderKeyInput | undefined): Call<object> {
    return new Call(new Caller(), this.test.call('/v3electionpb.Election/Resign', { leader }))
  }

  leader(name: string): Call<LeaderResponseInput> {
    const call = this.test.call<LeaderResponseInput>('/v3electionpb.Election/Leader', {
      name: k(name),
    })
    return new Call(new Caller(), call)
  }

  observe(name: string, observer = new Observer()): Observer {
    const request = { name: k(name) }
    this.test.serverStream('/v3electionpb.Election/Observe', request, observer, observer)
    return observer
  }

  /** The queue's keys, oldest first, as they are or were at a revision. */
  async queue(name: string, revision = 0): Promise<ReturnType<typeof decodeKeyValue>[]> {
    const { kvs } = await this.test.call<RangeResponseInput>(
      'KV.Range',
      rangeRequest({
        key: k(`${name}/`),
        rangeEnd: k(`${name}0`),
        sortTarget: 2,
        sortOrder: 1,
        revision,
      }),
    )
    return (kvs ?? []).map(decodeKeyValue)
  }

  async keys(name: string): Promise<string[]> {
    return (await this.queue(name)).map(({ key }) => key)
  }

  async revision(): Promise<number> {
    const request = rangeRequest({ key: k('x') })
    return (await this.test.call<RangeResponseInput>('KV.Range', request)).header?.revision ?? 0
  }

  async stop(): Promise<void> {
    this.test.server.endStreams()
    await this.test.server.stop()
  }
}

/** Everything that follows from what has been done so far has happened. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve))
}
