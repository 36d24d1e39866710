/**
 * What is behind the decoders: requests and messages that could be read, with whatever is in them,
 * given to the state and to a whole server in memory.
 */

import { decodeMessages, packedMessages } from '../../../src/peer/message-codec.ts'
import { packArray } from '../../../src/peer/packing.ts'
import type { Entry, MemberId, Message } from '../../../src/raft/types.ts'
import { AssertionError } from '../../../src/base/assert.ts'
import { encodeInternalRequest, encodePeerRequest } from '../../../src/rpc/codec/quoratepb.ts'
import { CodecError } from '../../../src/rpc/codec/wire.ts'
import type { CallContext } from '../../../src/rpc/engine.ts'
import { STATUS, StatusError } from '../../../src/rpc/status.ts'
import { sampled } from './peer.ts'
import { bytes as latin1, putRequest } from '../../server/support/requests.ts'
import { entryDraft, toEntry } from '../../server/support/arbitrary-entries.ts'
import { Member, MEMBER_ID } from '../../server/support/member.ts'
import { newDisks, TestServer } from '../../server/support/test-server.ts'
import { messageArbitrary } from '../../peer/support/arbitrary-messages.ts'
import { Finding, hold, isSame, type Decoder, unlessRefused } from '../decoder.ts'
import { codecOf, loadProto, seedsOf, type MessageCodec } from './messages.ts'

const INPUTS = 200_000
/** After so many inputs all begins anew, so that it does not grow for ever. */
const LIFE = 2000

export function stateDecoders(): Decoder[] {
  return [entriesDecoder(), callsDecoder(), peerInputDecoder()]
}

/** Two members apply the same: the first byte says whether it is a change of the configuration. */
function entriesDecoder(): Decoder {
  let members: readonly [Member, Member] | undefined
  let applied = 0
  const marks = { current: 5, compacted: 2 }
  const seeds = sampled(entryDraft, 200).map((draft) => {
    const { type, data } = toEntry(draft, 1, 1, marks)
    return Buffer.concat([Buffer.of(type === 'EntryNormal' ? 0 : 1), data])
  })
  return {
    name: 'state/entries',
    seeds,
    inputs: INPUTS,
    form: 'protobuf',
    run: async (bytes) => {
      members ??= [await Member.start(), await Member.start()]
      const [one, other] = members
      const type = (bytes[0] ?? 0) % 2 === 0 ? 'EntryNormal' : 'EntryConfChange'
      // The state keeps what it is given.
      const data = Buffer.from(bytes.subarray(1))
      const entry: Entry = { index: one.applier.appliedIndex + 1, term: 1, type, data }
      const end = endOf(one, entry)
      hold(end === endOf(other, entry), 'one member goes on and the other does not')
      const hashes = [one, other].map(({ applier }) => applier.stateHash.value)
      hold(hashes[0] === hashes[1], 'the state hashes differ')
      one.commits.length = other.commits.length = 0
      if (++applied % 100 === 0 && end === undefined) {
        hold(isSame(one.applier.checkpoint(), other.applier.checkpoint()), 'the states differ')
      }
      if (end !== undefined || applied % LIFE === 0) members = undefined
      return end === undefined
    },
  }
}

/** The sentence with which it ends over an entry that no service would have proposed, or none. */
function endOf(member: Member, entry: Entry): string | undefined {
  try {
    member.apply(entry)
    return undefined
  } catch (error) {
    if (error instanceof AssertionError) return error.message
    throw error
  }
}

/**
 * These would leave the only member without a quorum, or the cluster without service; or are not
 * served.
 */
const LEFT_OUT = ['MemberAdd', 'MemberRemove', 'MemberPromote', 'MoveLeader', 'Alarm', 'Downgrade']

interface Callable {
  readonly path: string
  readonly codec: MessageCodec
}

/** The first byte says which method; the rest is its request. */
function callsDecoder(): Decoder {
  let server: TestServer | undefined
  let calls = 0
  const methods = unaryMethods()
  const seeds = methods.flatMap(({ codec }, at) =>
    seedsOf(codec.type, 12).map((bytes) => Buffer.concat([Buffer.of(at), bytes])),
  )
  return {
    name: 'state/calls',
    seeds,
    inputs: INPUTS,
    run: async (bytes) => {
      if (calls++ % LIFE === 0) {
        await server?.server.stop()
        server = await TestServer.start(newDisks())
      }
      const { path, codec } = methods[(bytes[0] ?? 0) % methods.length]!
      const message = unlessRefused(CodecError, () => codec.decode(Buffer.from(bytes.subarray(1))))
      if (message === undefined || server === undefined) return false
      const isAnswered = await answered(server, path, message)
      if (calls % 200 === 0) await checkAlive(server)
      return isAnswered
    },
  }
}

function unaryMethods(): Callable[] {
  const root = loadProto()
  const services = ['KV', 'Lease', 'Cluster', 'Maintenance'].map((name) => `etcdserverpb.${name}`)
  return [...services, 'v3lockpb.Lock', 'v3electionpb.Election'].flatMap((service) =>
    root
      .lookupService(service)
      .methodsArray.filter(
        ({ name, requestStream, responseStream }) =>
          requestStream !== true && responseStream !== true && !LEFT_OUT.includes(name),
      )
      .map(({ name, requestType }) => ({
        path: `/${service}/${name}`,
        codec: codecOf(root.lookupType(requestType)),
      })),
  )
}

/** A call that waits, as a lock may, is cancelled. */
async function answered(server: TestServer, path: string, message: object): Promise<boolean> {
  const listeners: (() => void)[] = []
  let cancelled = false
  const context: CallContext = {
    metadata: () => undefined,
    peerAddress: 'test:1',
    get cancelled() {
      return cancelled
    },
    onCancel: (listener) => void listeners.push(listener),
  }
  let isSettled = false
  const outcome = server.call(path, message, context).then(
    () => true,
    (error: unknown) => refusedWell(path, error),
  )
  const settled = outcome.finally(() => (isSettled = true)).catch(() => undefined)
  for (let turn = 0; turn < 60 && !isSettled; turn++) await nextTurn()
  if (!isSettled) {
    cancelled = true
    for (const listener of listeners) listener()
    const gaveUp = new Promise((resolve) => setTimeout(resolve, 1000))
    await Promise.race([settled, gaveUp])
    hold(isSettled, `${path} neither answers nor gives up`)
  }
  return outcome
}

function refusedWell(path: string, error: unknown): boolean {
  if (!(error instanceof StatusError)) {
    throw new Finding(`${path} failed: ${error instanceof Error ? error.stack : String(error)}`)
  }
  // Locks and elections answer UNKNOWN for what they expect too, as etcd does.
  const isKnown = error.code !== STATUS.UNKNOWN || !path.startsWith('/etcdserverpb.')
  const isFault = error.code === STATUS.INTERNAL || !isKnown
  hold(!isFault, `${path} failed: ${error.code} ${error.message}`)
  return false
}

async function checkAlive(server: TestServer): Promise<void> {
  const put = putRequest({ key: 'alive' as never, value: latin1('yes') })
  await server.call('KV.Put', put)
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

// What another member sends.

const PEER: MemberId = '00000000000000f0'
const ROUTE = { from: PEER, to: MEMBER_ID }
const READABLE = encodeInternalRequest({
  proposer: PEER,
  requestId: 7,
  request: { case: 'put', value: putRequest({ key: 'from-a-peer' as never }) },
})

/**
 * The first byte tells messages of Raft from calls. Whatever their numbers, the member goes on. The
 * entries in them are made readable: what a leader says is in the log is believed.
 */
function peerInputDecoder(): Decoder {
  let server: TestServer | undefined
  let inputs = 0
  const messages = sampled(messageArbitrary, 150).map((message) => {
    return Buffer.concat([Buffer.of(0), packArray(packedMessages([message]))])
  })
  const type = loadProto().lookupType('quoratepb.PeerRequest')
  const calls = [...seedsOf(type), encodePeerRequest({})].map((bytes) =>
    Buffer.concat([Buffer.of(1), bytes]),
  )
  return {
    name: 'state/peer-input',
    seeds: [...messages, ...calls],
    inputs: INPUTS,
    run: async (bytes) => {
      if (inputs++ % LIFE === 0) {
        await server?.server.stop()
        server = await TestServer.start(newDisks())
      }
      const body = Buffer.from(bytes.subarray(1))
      const peers = server!.server.peers
      if ((bytes[0] ?? 0) % 2 === 1) {
        // One that has to wait is answered or refused when the server ends.
        return Promise.race([peers.onCall(PEER, body).then(() => true, refusedCall), aWhile()])
      }
      const read = decodeMessages(body, ROUTE)
      if (read === undefined) return false
      for (const message of read) peers.onMessage(readable(message))
      await nextTurn()
      return true
    },
  }
}

function readable(message: Message): Message {
  const normal = { type: 'EntryNormal', data: READABLE } as const
  if (message.type === 'MsgApp') {
    return { ...message, entries: message.entries.map((entry) => ({ ...entry, ...normal })) }
  }
  if (message.type === 'MsgProp') return { ...message, entries: message.entries.map(() => normal) }
  return message
}

function refusedCall(error: unknown): boolean {
  if (error instanceof AssertionError) throw error
  return false
}

async function aWhile(): Promise<boolean> {
  for (let turn = 0; turn < 10; turn++) await nextTurn()
  return false
}
