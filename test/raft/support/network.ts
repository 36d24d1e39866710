/** Members and the messages between them. Nothing moves unless a test says so. */

import type { MemberId, Message, MessageType, ReadState } from '../../../src/raft/types.ts'
import { Disk, Member, type Options } from './member.ts'

export class Network {
  readonly members = new Map<MemberId, Member>()
  wire: Message[] = []
  /** Everything that ever left, for looking back. */
  readonly sent: Message[] = []
  readonly reads: { member: MemberId; read: ReadState }[] = []
  /** Messages for which it answers true get lost. */
  loses: (message: Message) => boolean = () => false

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

  /** Takes all Readys of one member, finishing appends at once. */
  settle(id: MemberId): void {
    const member = this.member(id)
    for (let turns = 0; member.raw.hasReady() || member.writing !== undefined; turns++) {
      if (turns > 1000) throw new Error(`${id}: Readys without end`)
      const ready = member.takeReady()
      for (const read of ready.readStates) this.reads.push({ member: id, read })
      this.send(ready.messages)
      if (member.writing !== undefined) member.finishAppend()
    }
  }

  send(messages: readonly Message[]): void {
    this.sent.push(...messages)
    this.wire.push(...messages.filter((message) => !this.loses(message)))
  }

  /** Until nobody has anything to do or to say. */
  run(): void {
    for (let turns = 0; turns < 10_000; turns++) {
      for (const id of this.members.keys()) this.settle(id)
      const [message, ...rest] = this.wire
      if (message === undefined) return
      this.wire = rest
      this.members.get(message.to)?.raw.step(message)
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
