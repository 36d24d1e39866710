/** Watchers of a simulated cluster: fast and slow ones, that break and resume. */

import {
  within,
  type KvEvent,
  type Watch,
  type WatchRequest,
  type WatchResponse,
} from '../history.ts'
import type { Agenda } from './agenda.ts'
import type { Random } from './random.ts'
import type { SimulatedCluster } from './simulated-cluster.ts'

type Writable<T> = { -readonly [Field in keyof T]: T[Field] }

export class SimulatedWatches {
  readonly recorded: Watch[] = []
  readonly #agenda: Agenda
  readonly #random: Random
  readonly #cluster: SimulatedCluster
  readonly #open = new Set<SimulatedWatch>()

  constructor(agenda: Agenda, random: Random, cluster: SimulatedCluster) {
    this.#agenda = agenda
    this.#random = random
    this.#cluster = cluster
  }

  /** Sees everything at once and never breaks. */
  observe(): void {
    const watch = this.#create({ key: '\0', rangeEnd: '\0', startRevision: 1, prevKv: true })
    this.#cluster.observers.push((revision) => watch.deliver(revision))
  }

  /** Is told now and then while `isRunning`. */
  watch(request: WatchRequest, isRunning: () => boolean): void {
    const watch = this.#create(request)
    const turn = (): void => {
      if (!isRunning() || !watch.isOpen) return
      watch.deliver(this.#random.int(watch.next - 1, this.#cluster.store.revision))
      if (!watch.isOpen) return
      if (this.#random.chance(0.15)) watch.progress()
      if (this.#random.chance(0.05)) {
        watch.end('broken')
        const startRevision = watch.resumeAt
        this.#agenda.after(this.#random.between(0, 5), () => {
          this.watch({ ...request, startRevision }, isRunning)
        })
      } else if (this.#random.chance(0.01)) watch.end('cancelled')
      this.#agenda.after(this.#random.between(1, 15), turn)
    }
    this.#agenda.after(this.#random.between(1, 15), turn)
  }

  /** Whoever is still open is told the rest. */
  finish(): void {
    for (const watch of this.#open) {
      if (watch.isOpen) watch.deliver(this.#cluster.store.revision)
    }
  }

  #create(request: WatchRequest): SimulatedWatch {
    const id = this.recorded.length
    const member = this.#random.pick(['m1', 'm2', 'm3'])
    const watch = new SimulatedWatch(id, member, request, this.#agenda, this.#random, this.#cluster)
    this.recorded.push(watch.recorded)
    this.#open.add(watch)
    return watch
  }
}

class SimulatedWatch {
  readonly recorded: Writable<Watch> & { responses: WatchResponse[] }
  readonly #agenda: Agenda
  readonly #random: Random
  readonly #cluster: SimulatedCluster
  /** The next revision to be told. */
  next: number
  /** The next revision that the client does not have, as far as it knows. */
  resumeAt: number
  isOpen = true

  constructor(
    id: number,
    member: string,
    request: WatchRequest,
    agenda: Agenda,
    random: Random,
    cluster: SimulatedCluster,
  ) {
    this.#agenda = agenda
    this.#random = random
    this.#cluster = cluster
    const { now } = agenda
    this.recorded = { id, client: `w${id}`, member, calledAt: now, request, responses: [] }
    const { revision } = cluster.store
    this.next = request.startRevision ?? revision + 1
    this.resumeAt = this.next
    this.#say({ at: now, revision, type: 'created' })
    this.#endIfCompacted()
  }

  deliver(revision: number): void {
    if (this.#endIfCompacted() || revision < this.next) return
    const events: KvEvent[] = []
    for (let r = this.next; r <= revision; r++) {
      for (const event of this.#cluster.log[r] ?? []) {
        if (this.#isWanted(event)) events.push(this.#shown(event))
      }
    }
    this.next = revision + 1
    const last = events.at(-1)
    if (last === undefined) return
    this.resumeAt = last.kv.modRevision + 1
    this.#sayEvents(events, this.#random.chance(0.5) ? revision : last.kv.modRevision)
  }

  progress(): void {
    if (this.next > this.#cluster.store.revision + 1) return
    if (this.next <= (this.recorded.request.startRevision ?? 0)) return
    this.#say({ at: this.#agenda.now, revision: this.next - 1, type: 'progress' })
    this.resumeAt = this.next
  }

  end(reason: 'broken' | 'cancelled'): void {
    this.isOpen = false
    const at = this.#agenda.now
    this.recorded.end = { at, reason }
    if (reason === 'cancelled') this.#say({ at, revision: this.next - 1, type: 'canceled' })
  }

  #sayEvents(events: readonly KvEvent[], revision: number): void {
    const at = this.#agenda.now
    if (!this.recorded.request.fragment || events.length < 2 || this.#random.chance(0.3)) {
      this.#say({ at, revision, type: 'events', events })
      return
    }
    const cut = this.#random.int(1, events.length - 1)
    this.#say({ at, revision, type: 'events', events: events.slice(0, cut), fragment: true })
    this.#say({ at, revision, type: 'events', events: events.slice(cut) })
  }

  #say(response: WatchResponse): void {
    this.recorded.responses.push(response)
  }

  #endIfCompacted(): boolean {
    const { compacted, revision } = this.#cluster.store
    if (this.next >= compacted) return false
    this.isOpen = false
    this.recorded.end = { at: this.#agenda.now, reason: 'cancelled' }
    this.#say({ at: this.#agenda.now, revision, type: 'canceled', compactRevision: compacted })
    return true
  }

  #isWanted({ type, kv }: KvEvent): boolean {
    const { request } = this.recorded
    return within(request, kv.key) && !(type === 'put' ? request.noPut : request.noDelete)
  }

  /** What was there before is left out when it was not asked for, and may be when it is compacted. */
  #shown({ type, kv, prevKv }: KvEvent): KvEvent {
    const { compacted } = this.#cluster.store
    const isGone = kv.modRevision - 1 < compacted && this.#random.chance(0.5)
    return this.recorded.request.prevKv && prevKv && !isGone ? { type, kv, prevKv } : { type, kv }
  }
}
