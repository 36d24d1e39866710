/**
 * The commands of interaction scripts, over a Network. Every command prints its whole effect.
 * `ids` are numbers of members, and all members when none is given.
 *
 *   add-nodes count [pre-vote] [check-quorum] [inflight=n] [inflight-bytes=n] [max-bytes=n]
 *                             bootstrapped together
 *   add-node id               one that knows nothing, with the same options
 *   campaign id               tick id count             propose id text
 *   read id context           transfer id to            unreachable id to
 *   propose-conf id change    as in `add-voter 4`, `joint-explicit: remove 2, add-learner 4`, or
 *                             `leave`
 *   ready id                  one Ready; its append or install stays in flight
 *   appended id, installed id the append or install in flight is done
 *   process-ready id          one Ready, its append or install done at once
 *   checkpoint id [keep]      compacts the log up to what is applied, but for `keep` entries
 *   send-snapshot id to       the state of `id` as it is, on its way to a member that needs it
 *   report-snapshot id to failed
 *   deliver [from->to]        all messages on the wire, or those of one pair
 *   drop [from->to]           the same, lost
 *   isolate id, heal          messages of a member get lost from now on
 *   stabilize [ids]           until nothing is left to do or to deliver between them; states are
 *                             not sent by themselves
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
import { bytes, Disk, Member, type Options } from '../support/member.ts'
import { Network } from '../support/network.ts'

type Command = (args: readonly string[]) => void

function parseOptions(words: readonly string[]): Options {
  const number = (name: string): number | undefined => {
    const word = words.find((each) => each.startsWith(`${name}=`))
    return word === undefined ? undefined : Number(word.slice(name.length + 1))
  }
  const maxInflightMessages = number('inflight')
  const maxInflightBytes = number('inflight-bytes')
  const maxBytesPerMessage = number('max-bytes')
  return {
    preVote: words.includes('pre-vote'),
    checkQuorum: words.includes('check-quorum'),
    ...(maxInflightMessages === undefined ? {} : { maxInflightMessages }),
    ...(maxInflightBytes === undefined ? {} : { maxInflightBytes }),
    ...(maxBytesPerMessage === undefined ? {} : { maxBytesPerMessage }),
  }
}

/** Matches all messages, or those of `1->2`. */
function pairFilter(pair: string | undefined): (message: Message) => boolean {
  return (message) => pair === undefined || pair === `${message.from}->${message.to}`
}

export class Environment {
  #network = new Network()
  #options: Options = {}
  #output: string[] = []

  readonly #commands: Readonly<Record<string, Command>> = {
    'add-nodes': ([count, ...options]) => {
      this.#options = parseOptions(options)
      this.#network = Network.of(Number(count), this.#options)
      this.#status([])
    },
    'add-node': ([id]) => {
      this.#network.members.set(id ?? '', new Member(id ?? '', new Disk(), this.#options))
      this.#status([id ?? ''])
    },
    campaign: ([id]) => this.#network.member(id ?? '').raw.campaign(),
    tick: ([id, count]) => this.#network.tick(id ?? '', Number(count ?? 1)),
    propose: ([id, data]) => {
      this.#result(this.#network.member(id ?? '').raw.propose(bytes(data ?? '')))
    },
    'propose-conf': ([id, ...words]) => {
      const change = words[0] === 'leave' ? '' : words.join(' ')
      this.#result(this.#network.member(id ?? '').raw.proposeConfChange(bytes(change)))
    },
    transfer: ([id, to]) => {
      this.#result(this.#network.member(id ?? '').raw.transferLeadership(to ?? ''))
    },
    unreachable: ([id, to]) => this.#network.member(id ?? '').raw.reportUnreachable(to ?? ''),
    read: ([id, context]) => {
      this.#result(this.#network.member(id ?? '').raw.readIndex(context ?? ''))
    },
    ready: ([id]) => this.#ready(id ?? ''),
    appended: ([id]) => this.#network.member(id ?? '').finishAppend(),
    installed: ([id]) => this.#network.member(id ?? '').finishInstall(),
    checkpoint: ([id, keep]) => this.#network.member(id ?? '').checkpoint(Number(keep ?? 0)),
    'send-snapshot': ([id, to]) => this.#sendSnapshot(id ?? '', to ?? ''),
    'report-snapshot': ([id, to]) => {
      this.#network.member(id ?? '').raw.reportSnapshot(to ?? '', false)
    },
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

  #result(result: { ok: boolean; index?: number; forwardId?: number; error?: string }): void {
    if (!result.ok) this.#print(`refused: ${result.error}`)
    else if (result.forwardId !== undefined) this.#print(`forwarded id=${result.forwardId}`)
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
    for (const to of ready.snapshotsDue) this.#network.due.push({ from: id, to })
    this.#network.send(ready.messages)
  }

  #processReady(id: MemberId): void {
    this.#ready(id)
    const member = this.#network.member(id)
    if (member.writing !== undefined) member.finishAppend()
    if (member.installing !== undefined) this.#install(member)
  }

  #install(member: Member): void {
    member.finishInstall()
    this.#print(`${member.id} installed`)
  }

  #sendSnapshot(from: MemberId, to: MemberId): void {
    const before = this.#network.wire.length
    this.#network.sendSnapshot(from, to)
    const sent = this.#network.wire.slice(before)
    if (sent.length === 0) this.#print('lost, and reported so')
    for (const message of sent) this.#print(`${from} send: ${describeMessage(message)}`)
  }

  #deliver(which: (message: Message) => boolean): void {
    for (const message of this.#take(which)) {
      this.#print(`deliver ${describeMessage(message)}`)
      this.#network.deliver(message)
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
        if (member.installing !== undefined) this.#install(member)
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
      const status = this.#network.member(id).raw.status()
      const { role, term, leader, commit, applied, lastIndex, leadTransferee } = status
      const marks = `commit=${commit} applied=${applied} last=${lastIndex}`
      const conf = describeConfState(this.#network.member(id).confState)
      const head = `${id}: ${role} term=${term} leader=${leader || 'none'}`
      const transfer = leadTransferee === '' ? '' : ` transfer=${leadTransferee}`
      this.#print(`${head}${transfer} ${marks} ${conf}`)
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
      const { state, match, next, inflight, inflightBytes, paused, isLearner } = one
      const window = inflight > 0 ? ` inflight=${inflight} (${inflightBytes} bytes)` : ''
      const marks = `${window}${paused ? ' paused' : ''}${isLearner ? ' learner' : ''}`
      this.#print(`${id}: ${state} match=${match} next=${next}${marks}`)
    }
  }
}
