/** Members and the messages between them. Nothing moves unless a test says so. */

import type { MemberId, Message, MessageType, ReadState } from '../../../src/raft/types.ts'
import { Disk, Member, place, type Options, type StateImage } from './member.ts'

export class Network {
  readonly members = new Map<MemberId, Member>()
  wire: Message[] = []
  /** Everything that ever left, for looking back. */
  readonly sent: Message[] = []
  readonly reads: { member: MemberId; read: ReadState }[] = []
  readonly refused: { member: MemberId; forwardId: number }[] = []
  /** Members that need a state, each with the one that has to send it. */
  readonly due: { from: MemberId; to: MemberId }[] = []
  /** Messages for which it answers true get lost. */
  loses: (message: Message) => boolean = () => false
  /** Whether states that are due are sent by themselves, at once. */
  sendsSnapshots = true
  readonly #images = new Map<string, StateImage>()

  /** Members 1..count, bootstrapped together, their first entries applied. */
  static of(count: number, options: Options = {}): Network {
    const network = new Network()
    const ids = Array.from({ length: count }, (_, at) => String(at + 1))
    for (const id of ids) {
      const disk = new Disk()
      disk.bootstrap(ids)
      network.members.set(id, new Member(id, disk, options))
    }
    network.run()
    return network
  }

  member(id: MemberId): Member {
    const member = this.members.get(id)
    if (member === undefined) throw new Error(`no member ${id}`)
    return member
  }

  /** Takes all Readys of one member, finishing appends and installs at once. */
  settle(id: MemberId): void {
    const member = this.member(id)
    for (let turns = 0; member.raw.hasReady() || member.writing !== undefined; turns++) {
      if (turns > 1000) throw new Error(`${id}: Readys without end`)
      const ready = member.takeReady()
      for (const read of ready.readStates) this.reads.push({ member: id, read })
      for (const forwardId of ready.refusedProposals) this.refused.push({ member: id, forwardId })
      for (const to of ready.snapshotsDue) this.due.push({ from: id, to })
      this.send(ready.messages)
      if (member.writing !== undefined) member.finishAppend()
      if (member.installing !== undefined) member.finishInstall()
      if (this.sendsSnapshots) this.sendSnapshots()
    }
  }

  send(messages: readonly Message[]): void {
    this.sent.push(...messages)
    this.wire.push(...messages.filter((message) => !this.loses(message)))
  }

  /** All states that are due go out as they are now, and arrive unless the network loses them. */
  sendSnapshots(): void {
    for (const { from, to } of this.due.splice(0)) this.sendSnapshot(from, to)
  }

  sendSnapshot(from: MemberId, to: MemberId): void {
    const sender = this.member(from)
    const { index, term, confState } = sender.state
    const snapshot = { index, term, confState }
    this.#images.set(place(snapshot), sender.state)
    const message: Message = { type: 'MsgSnap', from, to, term: sender.raw.term, snapshot }
    const arrives = !this.loses(message) && this.members.has(to)
    this.send([message])
    sender.raw.reportSnapshot(to, arrives)
  }

  /** Hands a message over. With a MsgSnap the state itself arrives. */
  deliver(message: Message): void {
    const member = this.members.get(message.to)
    if (member === undefined) return
    if (message.type === 'MsgSnap') {
      const image = this.#images.get(place(message.snapshot))
      if (image !== undefined) member.stage(image)
    }
    member.raw.step(message)
  }

  /** Until nobody has anything to do or to say. */
  run(): void {
    for (let turns = 0; turns < 10_000; turns++) {
      for (const id of this.members.keys()) this.settle(id)
      const [message, ...rest] = this.wire
      if (message === undefined) return
      this.wire = rest
      this.deliver(message)
    }
    throw new Error('the network does not come to rest')
  }

  tick(id: MemberId, count = 1): void {
    for (let at = 0; at < count; at++) this.member(id).raw.tick()
  }

  /** Makes `id` campaign and win. */
  elect(id: MemberId): void {
    this.member(id).raw.campaign()
    this.run()
  }

  isolate(id: MemberId): void {
    this.loses = (message) => message.from === id || message.to === id
    this.wire = this.wire.filter((message) => !this.loses(message))
  }

  heal(): void {
    this.loses = () => false
  }

  ofType<T extends MessageType>(type: T): Extract<Message, { type: T }>[] {
    const isType = (message: Message): message is Extract<Message, { type: T }> =>
      message.type === type
    return this.sent.filter(isType)
  }
}
