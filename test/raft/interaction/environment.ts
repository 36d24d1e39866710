/**
 * The commands of interaction scripts, over a Network. Every command prints its whole effect.
 * `ids` are numbers of members, and all members when none is given.
 *
 *   add-nodes count [pre-vote] [check-quorum] [inflight=n] [max-bytes=n]   bootstrapped together
 *   campaign id               tick id count             propose id text
 *   propose-conf id add|remove id                       read id context
 *   ready id                  one Ready; its append stays in flight
 *   appended id               the append in flight is synced
 *   process-ready id          one Ready, its append synced at once
 *   deliver [from->to]        all messages on the wire, or those of one pair
 *   drop [from->to]           the same, lost
 *   isolate id, heal          messages of a member get lost from now on
 *   stabilize [ids]           until nothing is left to do or to deliver between them
 *   settle [ids]              the same, without showing how
 *   crash id [synced]         loses what was not synced, and starts anew
 *   status [ids], log [ids], progress id, wire
 */

import {
  describeConfState,
  describeEntry,
  describeHardState,
  describeMessage,
  describeReady,
} from '../../../src/raft/describe.ts'
import type { MemberId, Message } from '../../../src/raft/types.ts'
import { bytes, encodeConfChange, type Options } from '../support/member.ts'
import { Network } from '../support/network.ts'

type Command = (args: readonly string[]) => void

function parseOptions(words: readonly string[]): Options {
  const number = (name: string): number | undefined => {
    const word = words.find((each) => each.startsWith(`${name}=`))
    return word === undefined ? undefined : Number(word.slice(name.length + 1))
  }
  const maxInflightMessages = number('inflight')
  const maxBytesPerMessage = number('max-bytes')
  return {
    preVote: words.includes('pre-vote'),
    checkQuorum: words.includes('check-quorum'),
    ...(maxInflightMessages === undefined ? {} : { maxInflightMessages }),
    ...(maxBytesPerMessage === undefined ? {} : { maxBytesPerMessage }),
  }
}

/** Matches all messages, or those of `1->2`. */
function pairFilter(pair: string | undefined): (message: Message) => boolean {
  return (message) => pair === undefined || pair === `${message.from}->${message.to}`
}

export class Environment {
  #network = new Network()
  #output: string[] = []

  readonly #commands: Readonly<Record<string, Command>> = {
    'add-nodes': ([count, ...options]) => {
      this.#network = Network.of(Number(count), parseOptions(options))
      this.#status([])
    },
    campaign: ([id]) => this.#network.member(id ?? '').raw.campaign(),
    tick: ([id, count]) => this.#network.tick(id ?? '', Number(count ?? 1)),
    propose: ([id, data]) => {
      this.#result(this.#network.member(id ?? '').raw.propose(bytes(data ?? '')))
    },
    'propose-conf': ([id, type, other]) => {
      const change = { type: type === 'add' ? 'add' : 'remove', id: other ?? '' } as const
      this.#result(this.#network.member(id ?? '').raw.proposeConfChange(encodeConfChange(change)))
    },
    read: ([id, context]) => {
      this.#result(this.#network.member(id ?? '').raw.readIndex(context ?? ''))
    },
    ready: ([id]) => this.#ready(id ?? ''),
    appended: ([id]) => this.#network.member(id ?? '').finishAppend(),
    'process-ready': ([id]) => this.#processReady(id ?? ''),
    deliver: ([pair]) => this.#deliver(pairFilter(pair)),
    drop: ([pair]) => this.#drop(pairFilter(pair)),
    isolate: ([id]) => this.#network.isolate(id ?? ''),
    heal: () => this.#network.heal(),
    stabilize: (ids) => this.#stabilize(ids),
    settle: (ids) => {
      const before = this.#output.length
      this.#stabilize(ids)
      this.#output.length = before
    },
    crash: ([id, synced]) => {
      this.#network.member(id ?? '').restart(synced === 'synced')
      this.#status([id ?? ''])
    },
    status: (ids) => this.#status(ids),
    log: (ids) => this.#log(ids),
    progress: ([id]) => this.#progress(id ?? ''),
    wire: () => this.#network.wire.forEach((message) => this.#print(describeMessage(message))),
  }

  /** Runs one command line; returns what it prints. */
  run(line: string): string[] {
    const [name, ...args] = line.split(/\s+/)
    const command = this.#commands[name ?? '']
    if (command === undefined) throw new Error(`unknown command: ${line}`)
    this.#output = []
    command(args)
    return this.#output.length === 0 ? ['ok'] : this.#output
  }

  #print(line: string): void {
    this.#output.push(line)
  }

  #ids(ids: readonly MemberId[]): readonly MemberId[] {
    return ids.length > 0 ? ids : [...this.#network.members.keys()]
  }

  #result(result: { ok: boolean; index?: number; error?: string }): void {
    if (!result.ok) this.#print(`refused: ${result.error}`)
    else if (result.index !== undefined) this.#print(`index ${result.index}`)
  }

  #ready(id: MemberId): void {
    const member = this.#network.member(id)
    if (!member.raw.hasReady()) {
      this.#print(`${id}: no ready`)
      return
    }
    const ready = member.takeReady()
    for (const line of describeReady(ready)) this.#print(`${id} ${line}`)
    this.#network.send(ready.messages)
  }

  #processReady(id: MemberId): void {
    this.#ready(id)
    const member = this.#network.member(id)
    if (member.writing !== undefined) member.finishAppend()
  }

  #deliver(which: (message: Message) => boolean): void {
    for (const message of this.#take(which)) {
      this.#print(`deliver ${describeMessage(message)}`)
      this.#network.members.get(message.to)?.raw.step(message)
    }
  }

  #drop(which: (message: Message) => boolean): void {
    for (const message of this.#take(which)) this.#print(`drop ${describeMessage(message)}`)
  }

  #take(which: (message: Message) => boolean): Message[] {
    const { wire } = this.#network
    this.#network.wire = wire.filter((message) => !which(message))
    return wire.filter(which)
  }

  #stabilize(some: readonly MemberId[]): void {
    const ids = this.#ids(some)
    const among = (message: Message): boolean => ids.includes(message.to)
    for (let rounds = 0; rounds < 1000; rounds++) {
      let busy = false
      for (const id of ids) {
        const member = this.#network.member(id)
        if (member.writing !== undefined) member.finishAppend()
        if (!member.raw.hasReady()) continue
        busy = true
        this.#processReady(id)
      }
      if (this.#network.wire.some(among)) busy = true
      this.#deliver(among)
      if (!busy) return
    }
    throw new Error('does not stabilize')
  }

  #status(ids: readonly MemberId[]): void {
    for (const id of this.#ids(ids)) {
      const { role, term, leader, commit, applied, lastIndex } = this.#network
        .member(id)
        .raw.status()
      const marks = `commit=${commit} applied=${applied} last=${lastIndex}`
      const conf = describeConfState(this.#network.member(id).confState)
      this.#print(`${id}: ${role} term=${term} leader=${leader || 'none'} ${marks} ${conf}`)
    }
  }

  #log(ids: readonly MemberId[]): void {
    for (const id of this.#ids(ids)) {
      const { raw, disk } = this.#network.member(id)
      const { firstIndex, lastIndex, durable } = raw.status()
      this.#print(`${id}: durable=${durable} disk: ${describeHardState(disk.hardState)}`)
      for (let index = firstIndex; index <= lastIndex; index++) {
        const entry = raw.entry(index)
        if (entry !== undefined) this.#print(`  ${describeEntry(entry)}`)
      }
    }
  }

  #progress(leader: MemberId): void {
    for (const [id, one] of this.#network.member(leader).raw.status().progress) {
      const { state, match, next, inflight, paused } = one
      const flow = `${inflight > 0 ? ` inflight=${inflight}` : ''}${paused ? ' paused' : ''}`
      this.#print(`${id}: ${state} match=${match} next=${next}${flow}`)
    }
  }
}
