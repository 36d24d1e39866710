/** etcdserverpb.Watch: streams of watches, their progress notifications, and their end. */

import type { Clock, Random } from '../../base/ports.ts'
import type { WatchHub } from '../../mvcc/watch-hub.ts'
import {
  defineBidi,
  type CallContext,
  type Method,
  type RequestStream,
  type ResponseStream,
} from '../../rpc/engine.ts'
import { etcdError } from '../errors.ts'
import { NeedLeader } from '../need-leader.ts'
import type { ResponseHeaders } from '../response-header.ts'
import { WatchCall, type WatchCallParts } from '../watch-call.ts'
import { WatchResponses } from '../watch-response.ts'

/** How long calls are flushed before others have their turn, and how often that is looked at. */
const FLUSH_SLICE_MS = 4
const FLUSH_BATCH = 16
/** Notifications are spread over this part of their interval, so that they do not come at once. */
const PROGRESS_JITTER = 0.1

export interface WatchServiceOptions {
  /** A response that may be fragmented is cut here. */
  readonly fragmentBytes: number
  readonly progressNotifyIntervalMs: number
  readonly electionMs: number
  readonly clock: Clock
  readonly random: Random
}

export class WatchService {
  readonly #options: WatchServiceOptions
  readonly #parts: WatchCallParts
  readonly #calls = new Set<WatchCall>()
  /** Calls with something to send, in the order in which they got it. */
  readonly #dirty = new Set<WatchCall>()
  readonly #needLeader: NeedLeader<WatchCall>
  readonly #progressTimers = new Map<WatchCall, NodeJS.Timeout>()
  #isFlushPlanned = false
  #stopped = false
  /** Events sent since the start of the process. */
  sentEvents = 0

  constructor(hub: WatchHub, headers: ResponseHeaders, options: WatchServiceOptions) {
    this.#options = options
    this.#needLeader = new NeedLeader(options.clock, options.electionMs)
    this.#parts = {
      hub,
      responses: new WatchResponses(headers, options.fragmentBytes),
      onOutput: (call) => this.#plan(call),
      onProgressWanted: (call) => this.#startProgress(call),
      onSentEvents: (count) => (this.sentEvents += count),
    }
  }

  methods(): Method[] {
    return [
      defineBidi<Uint8Array, Uint8Array>(
        '/etcdserverpb.Watch/Watch',
        { decode: sameBytes, encode: sameBytes },
        (requests, responses, context) => this.watch(requests, responses, context),
      ),
    ]
  }

  watch(
    requests: RequestStream<Uint8Array>,
    responses: ResponseStream<Uint8Array>,
    context: CallContext,
  ): void {
    if (this.#stopped) throw etcdError('stopped')
    const call = new WatchCall(this.#parts, requests, responses)
    this.#calls.add(call)
    requests.onMessage((bytes) => {
      if (!call.receive(bytes)) this.#forget(call)
    })
    if (context.metadata('hasleader') === 'true') this.#needLeader.add(call)
    context.onCancel(() => {
      call.close()
      this.#forget(call)
    })
  }

  /** Called at every heartbeat: streams that need a leader do not outlive it for long. */
  tick(hasLeader: boolean): void {
    for (const call of this.#needLeader.takeOverdue(hasLeader)) {
      call.fail(etcdError('no-leader'))
      this.#forget(call)
    }
  }

  /** Ends all streams, so that their clients look for another member; new ones are refused. */
  stop(): void {
    this.#stopped = true
    for (const call of this.#calls) {
      call.flush()
      call.fail(etcdError('stopped'))
      this.#forget(call)
    }
  }

  #forget(call: WatchCall): void {
    this.#calls.delete(call)
    this.#dirty.delete(call)
    this.#needLeader.delete(call)
    clearInterval(this.#progressTimers.get(call))
    this.#progressTimers.delete(call)
  }

  /** Later in this turn: what one turn's commits bring leaves in one message for each watch. */
  #plan(call: WatchCall): void {
    this.#dirty.add(call)
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#isFlushPlanned = false
    const { clock } = this.#options
    const endMs = clock.nowMs() + FLUSH_SLICE_MS
    let flushed = 0
    for (const call of this.#dirty) {
      this.#dirty.delete(call)
      call.flush()
      if (++flushed % FLUSH_BATCH === 0 && clock.nowMs() >= endMs) break
    }
    if (this.#dirty.size === 0 || this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    setImmediate(() => this.#flush())
  }

  #startProgress(call: WatchCall): void {
    const { progressNotifyIntervalMs: intervalMs, random } = this.#options
    const jitterMs = random.below(Math.max(1, Math.floor(intervalMs * PROGRESS_JITTER)))
    const timer = setInterval(() => call.stream.notifyProgress(), intervalMs + jitterMs)
    timer.unref()
    this.#progressTimers.set(call, timer)
  }
}

function sameBytes(bytes: Uint8Array): Uint8Array {
  return bytes
}
