// Generated from proto/quorate.proto by scripts/generate-codec.mjs. Do not edit.

import {
  type AlarmRequest,
  type AlarmRequestInput,
  type CompactionRequest,
  type CompactionRequestInput,
  type DeleteRangeRequest,
  type DeleteRangeRequestInput,
  type LeaseGrantRequest,
  type LeaseGrantRequestInput,
  type Member,
  type MemberInput,
  type PutRequest,
  type PutRequestInput,
  type TxnRequest,
  type TxnRequestInput,
  readAlarmRequest,
  readCompactionRequest,
  readDeleteRangeRequest,
  readLeaseGrantRequest,
  readMember,
  readPutRequest,
  readTxnRequest,
  sizeOfAlarmRequest,
  sizeOfCompactionRequest,
  sizeOfDeleteRangeRequest,
  sizeOfLeaseGrantRequest,
  sizeOfMember,
  sizeOfPutRequest,
  sizeOfTxnRequest,
  writeAlarmRequest,
  writeCompactionRequest,
  writeDeleteRangeRequest,
  writeLeaseGrantRequest,
  writeMember,
  writePutRequest,
  writeTxnRequest,
} from './etcdserverpb.ts'
import { isNoId, sizeOfHexId, writeHexId } from './hex-id.ts'
import {
  LOG_NESTING_MAX,
  Reader,
  finish,
  sizeOfBigint,
  sizeOfDelimited,
  sizeOfInt,
  sizeOfString,
  writeBigint,
  writeInt,
  writeLength,
  writeString,
} from './wire.ts'

export interface InternalRequest {
  readonly requestId: number
  readonly proposer: string
  readonly username: string
  readonly authRevision: number
  readonly request:
    | { readonly case: 'put'; readonly value: PutRequest }
    | { readonly case: 'deleteRange'; readonly value: DeleteRangeRequest }
    | { readonly case: 'txn'; readonly value: TxnRequest }
    | { readonly case: 'leaseGrant'; readonly value: LeaseGrantRequest }
    | { readonly case: 'leaseRevoke'; readonly value: LeaseRevocation }
    | { readonly case: 'leaseCheckpoint'; readonly value: LeaseCheckpoints }
    | { readonly case: 'compaction'; readonly value: CompactionRequest }
    | { readonly case: 'alarm'; readonly value: AlarmRequest }
    | { readonly case: 'memberAttributes'; readonly value: MemberAttributes }
    | { readonly case: 'clusterVersion'; readonly value: ClusterVersionSet }
    | undefined
}

export interface InternalRequestInput {
  requestId?: number | undefined
  proposer?: string | undefined
  username?: string | undefined
  authRevision?: number | undefined
  request?:
    | { readonly case: 'put'; readonly value: PutRequestInput }
    | { readonly case: 'deleteRange'; readonly value: DeleteRangeRequestInput }
    | { readonly case: 'txn'; readonly value: TxnRequestInput }
    | { readonly case: 'leaseGrant'; readonly value: LeaseGrantRequestInput }
    | { readonly case: 'leaseRevoke'; readonly value: LeaseRevocationInput }
    | { readonly case: 'leaseCheckpoint'; readonly value: LeaseCheckpointsInput }
    | { readonly case: 'compaction'; readonly value: CompactionRequestInput }
    | { readonly case: 'alarm'; readonly value: AlarmRequestInput }
    | { readonly case: 'memberAttributes'; readonly value: MemberAttributesInput }
    | { readonly case: 'clusterVersion'; readonly value: ClusterVersionSetInput }
    | undefined
}

export function readInternalRequest(reader: Reader): InternalRequest {
  let requestId = 0
  let proposer = ''
  let username = ''
  let authRevision = 0
  let request: InternalRequest['request']
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        requestId = reader.uint64()
        break
      case 0x10:
        proposer = reader.hexId()
        break
      case 0x1a:
        username = reader.string()
        break
      case 0x20:
        authRevision = reader.uint64()
        break
      case 0x52: {
        const outer = reader.enter()
        request = { case: 'put', value: readPutRequest(reader) }
        reader.leave(outer)
        break
      }
      case 0x5a: {
        const outer = reader.enter()
        request = { case: 'deleteRange', value: readDeleteRangeRequest(reader) }
        reader.leave(outer)
        break
      }
      case 0x62: {
        const outer = reader.enter()
        request = { case: 'txn', value: readTxnRequest(reader) }
        reader.leave(outer)
        break
      }
      case 0x6a: {
        const outer = reader.enter()
        request = { case: 'leaseGrant', value: readLeaseGrantRequest(reader) }
        reader.leave(outer)
        break
      }
      case 0x72: {
        const outer = reader.enter()
        request = { case: 'leaseRevoke', value: readLeaseRevocation(reader) }
        reader.leave(outer)
        break
      }
      case 0x7a: {
        const outer = reader.enter()
        request = { case: 'leaseCheckpoint', value: readLeaseCheckpoints(reader) }
        reader.leave(outer)
        break
      }
      case 0x82: {
        const outer = reader.enter()
        request = { case: 'compaction', value: readCompactionRequest(reader) }
        reader.leave(outer)
        break
      }
      case 0x8a: {
        const outer = reader.enter()
        request = { case: 'alarm', value: readAlarmRequest(reader) }
        reader.leave(outer)
        break
      }
      case 0x92: {
        const outer = reader.enter()
        request = { case: 'memberAttributes', value: readMemberAttributes(reader) }
        reader.leave(outer)
        break
      }
      case 0x9a: {
        const outer = reader.enter()
        request = { case: 'clusterVersion', value: readClusterVersionSet(reader) }
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { requestId, proposer, username, authRevision, request }
}

export function sizeOfInternalRequest(message: InternalRequestInput): number {
  const { requestId, proposer, username, authRevision, request } = message
  let size = 0
  if (requestId !== undefined && requestId !== 0) {
    size += 1 + sizeOfInt(requestId)
  }
  if (proposer !== undefined && !isNoId(proposer)) {
    size += 1 + sizeOfHexId(proposer)
  }
  if (username !== undefined && username.length !== 0) {
    size += 1 + sizeOfString(username)
  }
  if (authRevision !== undefined && authRevision !== 0) {
    size += 1 + sizeOfInt(authRevision)
  }
  switch (request?.case) {
    case 'put':
      size += 1 + sizeOfDelimited(sizeOfPutRequest(request.value))
      break
    case 'deleteRange':
      size += 1 + sizeOfDelimited(sizeOfDeleteRangeRequest(request.value))
      break
    case 'txn':
      size += 1 + sizeOfDelimited(sizeOfTxnRequest(request.value))
      break
    case 'leaseGrant':
      size += 1 + sizeOfDelimited(sizeOfLeaseGrantRequest(request.value))
      break
    case 'leaseRevoke':
      size += 1 + sizeOfDelimited(sizeOfLeaseRevocation(request.value))
      break
    case 'leaseCheckpoint':
      size += 1 + sizeOfDelimited(sizeOfLeaseCheckpoints(request.value))
      break
    case 'compaction':
      size += 2 + sizeOfDelimited(sizeOfCompactionRequest(request.value))
      break
    case 'alarm':
      size += 2 + sizeOfDelimited(sizeOfAlarmRequest(request.value))
      break
    case 'memberAttributes':
      size += 2 + sizeOfDelimited(sizeOfMemberAttributes(request.value))
      break
    case 'clusterVersion':
      size += 2 + sizeOfDelimited(sizeOfClusterVersionSet(request.value))
      break
  }
  return size
}

export function writeInternalRequest(
  buffer: Buffer,
  end: number,
  message: InternalRequestInput,
): number {
  const { requestId, proposer, username, authRevision, request } = message
  let pos = end
  switch (request?.case) {
    case 'put':
      {
        const start = writePutRequest(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x52
      }
      break
    case 'deleteRange':
      {
        const start = writeDeleteRangeRequest(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x5a
      }
      break
    case 'txn':
      {
        const start = writeTxnRequest(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x62
      }
      break
    case 'leaseGrant':
      {
        const start = writeLeaseGrantRequest(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x6a
      }
      break
    case 'leaseRevoke':
      {
        const start = writeLeaseRevocation(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x72
      }
      break
    case 'leaseCheckpoint':
      {
        const start = writeLeaseCheckpoints(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x7a
      }
      break
    case 'compaction':
      {
        const start = writeCompactionRequest(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x01
        buffer[--pos] = 0x82
      }
      break
    case 'alarm':
      {
        const start = writeAlarmRequest(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x01
        buffer[--pos] = 0x8a
      }
      break
    case 'memberAttributes':
      {
        const start = writeMemberAttributes(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x01
        buffer[--pos] = 0x92
      }
      break
    case 'clusterVersion':
      {
        const start = writeClusterVersionSet(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x01
        buffer[--pos] = 0x9a
      }
      break
  }
  if (authRevision !== undefined && authRevision !== 0) {
    pos = writeInt(buffer, pos, authRevision)
    buffer[--pos] = 0x20
  }
  if (username !== undefined && username.length !== 0) {
    pos = writeString(buffer, pos, username)
    buffer[--pos] = 0x1a
  }
  if (proposer !== undefined && !isNoId(proposer)) {
    pos = writeHexId(buffer, pos, proposer)
    buffer[--pos] = 0x10
  }
  if (requestId !== undefined && requestId !== 0) {
    pos = writeInt(buffer, pos, requestId)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeInternalRequest(bytes: Uint8Array): InternalRequest {
  return readInternalRequest(new Reader(bytes, LOG_NESTING_MAX))
}

export function encodeInternalRequest(message: InternalRequestInput): Uint8Array {
  const size = sizeOfInternalRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeInternalRequest(buffer, size, message))
}

export interface LeaseRevocation {
  readonly lease: bigint
  readonly term: number
  readonly grantIndex: number
}

export interface LeaseRevocationInput {
  lease?: bigint | undefined
  term?: number | undefined
  grantIndex?: number | undefined
}

export function readLeaseRevocation(reader: Reader): LeaseRevocation {
  let lease = 0n
  let term = 0
  let grantIndex = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        lease = reader.bigint()
        break
      case 0x10:
        term = reader.uint64()
        break
      case 0x18:
        grantIndex = reader.uint64()
        break
      default:
        reader.skip(tag)
    }
  }
  return { lease, term, grantIndex }
}

export function sizeOfLeaseRevocation(message: LeaseRevocationInput): number {
  const { lease, term, grantIndex } = message
  let size = 0
  if (lease !== undefined && lease !== 0n) {
    size += 1 + sizeOfBigint(lease)
  }
  if (term !== undefined && term !== 0) {
    size += 1 + sizeOfInt(term)
  }
  if (grantIndex !== undefined && grantIndex !== 0) {
    size += 1 + sizeOfInt(grantIndex)
  }
  return size
}

export function writeLeaseRevocation(
  buffer: Buffer,
  end: number,
  message: LeaseRevocationInput,
): number {
  const { lease, term, grantIndex } = message
  let pos = end
  if (grantIndex !== undefined && grantIndex !== 0) {
    pos = writeInt(buffer, pos, grantIndex)
    buffer[--pos] = 0x18
  }
  if (term !== undefined && term !== 0) {
    pos = writeInt(buffer, pos, term)
    buffer[--pos] = 0x10
  }
  if (lease !== undefined && lease !== 0n) {
    pos = writeBigint(buffer, pos, lease)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeLeaseRevocation(bytes: Uint8Array): LeaseRevocation {
  return readLeaseRevocation(new Reader(bytes, LOG_NESTING_MAX))
}

export function encodeLeaseRevocation(message: LeaseRevocationInput): Uint8Array {
  const size = sizeOfLeaseRevocation(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseRevocation(buffer, size, message))
}

export interface LeaseCheckpoints {
  readonly term: number
  readonly leases: readonly LeaseRemaining[]
}

export interface LeaseCheckpointsInput {
  term?: number | undefined
  leases?: readonly LeaseRemainingInput[] | undefined
}

export function readLeaseCheckpoints(reader: Reader): LeaseCheckpoints {
  let term = 0
  const leases: LeaseRemaining[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        term = reader.uint64()
        break
      case 0x12: {
        const outer = reader.enter()
        leases.push(readLeaseRemaining(reader))
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { term, leases }
}

export function sizeOfLeaseCheckpoints(message: LeaseCheckpointsInput): number {
  const { term, leases } = message
  let size = 0
  if (term !== undefined && term !== 0) {
    size += 1 + sizeOfInt(term)
  }
  if (leases !== undefined) {
    for (const value of leases) size += 1 + sizeOfDelimited(sizeOfLeaseRemaining(value))
  }
  return size
}

export function writeLeaseCheckpoints(
  buffer: Buffer,
  end: number,
  message: LeaseCheckpointsInput,
): number {
  const { term, leases } = message
  let pos = end
  if (leases !== undefined) {
    for (let i = leases.length - 1; i >= 0; i--) {
      const value = leases[i]!
      {
        const start = writeLeaseRemaining(buffer, pos, value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x12
      }
    }
  }
  if (term !== undefined && term !== 0) {
    pos = writeInt(buffer, pos, term)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeLeaseCheckpoints(bytes: Uint8Array): LeaseCheckpoints {
  return readLeaseCheckpoints(new Reader(bytes, LOG_NESTING_MAX))
}

export function encodeLeaseCheckpoints(message: LeaseCheckpointsInput): Uint8Array {
  const size = sizeOfLeaseCheckpoints(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseCheckpoints(buffer, size, message))
}

export interface LeaseRemaining {
  readonly lease: bigint
  readonly grantIndex: number
  readonly remainingTtl: number
}

export interface LeaseRemainingInput {
  lease?: bigint | undefined
  grantIndex?: number | undefined
  remainingTtl?: number | undefined
}

export function readLeaseRemaining(reader: Reader): LeaseRemaining {
  let lease = 0n
  let grantIndex = 0
  let remainingTtl = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        lease = reader.bigint()
        break
      case 0x10:
        grantIndex = reader.uint64()
        break
      case 0x18:
        remainingTtl = reader.int64()
        break
      default:
        reader.skip(tag)
    }
  }
  return { lease, grantIndex, remainingTtl }
}

export function sizeOfLeaseRemaining(message: LeaseRemainingInput): number {
  const { lease, grantIndex, remainingTtl } = message
  let size = 0
  if (lease !== undefined && lease !== 0n) {
    size += 1 + sizeOfBigint(lease)
  }
  if (grantIndex !== undefined && grantIndex !== 0) {
    size += 1 + sizeOfInt(grantIndex)
  }
  if (remainingTtl !== undefined && remainingTtl !== 0) {
    size += 1 + sizeOfInt(remainingTtl)
  }
  return size
}

export function writeLeaseRemaining(
  buffer: Buffer,
  end: number,
  message: LeaseRemainingInput,
): number {
  const { lease, grantIndex, remainingTtl } = message
  let pos = end
  if (remainingTtl !== undefined && remainingTtl !== 0) {
    pos = writeInt(buffer, pos, remainingTtl)
    buffer[--pos] = 0x18
  }
  if (grantIndex !== undefined && grantIndex !== 0) {
    pos = writeInt(buffer, pos, grantIndex)
    buffer[--pos] = 0x10
  }
  if (lease !== undefined && lease !== 0n) {
    pos = writeBigint(buffer, pos, lease)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeLeaseRemaining(bytes: Uint8Array): LeaseRemaining {
  return readLeaseRemaining(new Reader(bytes, LOG_NESTING_MAX))
}

export function encodeLeaseRemaining(message: LeaseRemainingInput): Uint8Array {
  const size = sizeOfLeaseRemaining(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseRemaining(buffer, size, message))
}

export interface MemberAttributes {
  readonly memberId: string
  readonly name: string
  readonly clientUrls: readonly string[]
}

export interface MemberAttributesInput {
  memberId?: string | undefined
  name?: string | undefined
  clientUrls?: readonly string[] | undefined
}

export function readMemberAttributes(reader: Reader): MemberAttributes {
  let memberId = ''
  let name = ''
  const clientUrls: string[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        memberId = reader.hexId()
        break
      case 0x12:
        name = reader.string()
        break
      case 0x1a:
        clientUrls.push(reader.string())
        break
      default:
        reader.skip(tag)
    }
  }
  return { memberId, name, clientUrls }
}

export function sizeOfMemberAttributes(message: MemberAttributesInput): number {
  const { memberId, name, clientUrls } = message
  let size = 0
  if (memberId !== undefined && !isNoId(memberId)) {
    size += 1 + sizeOfHexId(memberId)
  }
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfString(name)
  }
  if (clientUrls !== undefined) {
    for (const value of clientUrls) size += 1 + sizeOfString(value)
  }
  return size
}

export function writeMemberAttributes(
  buffer: Buffer,
  end: number,
  message: MemberAttributesInput,
): number {
  const { memberId, name, clientUrls } = message
  let pos = end
  if (clientUrls !== undefined) {
    for (let i = clientUrls.length - 1; i >= 0; i--) {
      const value = clientUrls[i]!
      pos = writeString(buffer, pos, value)
      buffer[--pos] = 0x1a
    }
  }
  if (name !== undefined && name.length !== 0) {
    pos = writeString(buffer, pos, name)
    buffer[--pos] = 0x12
  }
  if (memberId !== undefined && !isNoId(memberId)) {
    pos = writeHexId(buffer, pos, memberId)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeMemberAttributes(bytes: Uint8Array): MemberAttributes {
  return readMemberAttributes(new Reader(bytes, LOG_NESTING_MAX))
}

export function encodeMemberAttributes(message: MemberAttributesInput): Uint8Array {
  const size = sizeOfMemberAttributes(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMemberAttributes(buffer, size, message))
}

export interface ClusterVersionSet {
  readonly version: string
}

export interface ClusterVersionSetInput {
  version?: string | undefined
}

export function readClusterVersionSet(reader: Reader): ClusterVersionSet {
  let version = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        version = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { version }
}

export function sizeOfClusterVersionSet(message: ClusterVersionSetInput): number {
  const { version } = message
  let size = 0
  if (version !== undefined && version.length !== 0) {
    size += 1 + sizeOfString(version)
  }
  return size
}

export function writeClusterVersionSet(
  buffer: Buffer,
  end: number,
  message: ClusterVersionSetInput,
): number {
  const { version } = message
  let pos = end
  if (version !== undefined && version.length !== 0) {
    pos = writeString(buffer, pos, version)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeClusterVersionSet(bytes: Uint8Array): ClusterVersionSet {
  return readClusterVersionSet(new Reader(bytes, LOG_NESTING_MAX))
}

export function encodeClusterVersionSet(message: ClusterVersionSetInput): Uint8Array {
  const size = sizeOfClusterVersionSet(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeClusterVersionSet(buffer, size, message))
}

export interface ConfChange {
  readonly type: ConfChange_Type
  readonly member: Member | undefined
  readonly requestId: number
  readonly proposer: string
  readonly maxLearners: number
}

export interface ConfChangeInput {
  type?: ConfChange_Type | undefined
  member?: MemberInput | undefined
  requestId?: number | undefined
  proposer?: string | undefined
  maxLearners?: number | undefined
}

export function readConfChange(reader: Reader): ConfChange {
  let type: ConfChange_Type = 0
  let member: Member | undefined
  let requestId = 0
  let proposer = ''
  let maxLearners = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        type = reader.int32()
        break
      case 0x12: {
        const outer = reader.enter()
        member = readMember(reader)
        reader.leave(outer)
        break
      }
      case 0x18:
        requestId = reader.uint64()
        break
      case 0x20:
        proposer = reader.hexId()
        break
      case 0x28:
        maxLearners = reader.uint32()
        break
      default:
        reader.skip(tag)
    }
  }
  return { type, member, requestId, proposer, maxLearners }
}

export function sizeOfConfChange(message: ConfChangeInput): number {
  const { type, member, requestId, proposer, maxLearners } = message
  let size = 0
  if (type !== undefined && type !== 0) {
    size += 1 + sizeOfInt(type)
  }
  if (member !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfMember(member))
  }
  if (requestId !== undefined && requestId !== 0) {
    size += 1 + sizeOfInt(requestId)
  }
  if (proposer !== undefined && !isNoId(proposer)) {
    size += 1 + sizeOfHexId(proposer)
  }
  if (maxLearners !== undefined && maxLearners !== 0) {
    size += 1 + sizeOfInt(maxLearners)
  }
  return size
}

export function writeConfChange(buffer: Buffer, end: number, message: ConfChangeInput): number {
  const { type, member, requestId, proposer, maxLearners } = message
  let pos = end
  if (maxLearners !== undefined && maxLearners !== 0) {
    pos = writeInt(buffer, pos, maxLearners)
    buffer[--pos] = 0x28
  }
  if (proposer !== undefined && !isNoId(proposer)) {
    pos = writeHexId(buffer, pos, proposer)
    buffer[--pos] = 0x20
  }
  if (requestId !== undefined && requestId !== 0) {
    pos = writeInt(buffer, pos, requestId)
    buffer[--pos] = 0x18
  }
  if (member !== undefined) {
    {
      const start = writeMember(buffer, pos, member)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x12
    }
  }
  if (type !== undefined && type !== 0) {
    pos = writeInt(buffer, pos, type)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeConfChange(bytes: Uint8Array): ConfChange {
  return readConfChange(new Reader(bytes, LOG_NESTING_MAX))
}

export function encodeConfChange(message: ConfChangeInput): Uint8Array {
  const size = sizeOfConfChange(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeConfChange(buffer, size, message))
}

export const ConfChange_Type = {
  ADD_VOTER: 0,
  REMOVE: 1,
  ADD_LEARNER: 2,
  PROMOTE: 3,
  UPDATE: 4,
} as const
/** One of the constants, or a number that this version does not know. */
export type ConfChange_Type = number

export interface PeerRequest {
  readonly request:
    | { readonly case: 'leaseRenewal'; readonly value: LeaseRenewal }
    | { readonly case: 'leaseRemainder'; readonly value: LeaseRemainder }
    | { readonly case: 'promotion'; readonly value: MemberPromotion }
    | { readonly case: 'stateHash'; readonly value: StateHash }
    | undefined
}

export interface PeerRequestInput {
  request?:
    | { readonly case: 'leaseRenewal'; readonly value: LeaseRenewalInput }
    | { readonly case: 'leaseRemainder'; readonly value: LeaseRemainderInput }
    | { readonly case: 'promotion'; readonly value: MemberPromotionInput }
    | { readonly case: 'stateHash'; readonly value: StateHashInput }
    | undefined
}

export function readPeerRequest(reader: Reader): PeerRequest {
  let request: PeerRequest['request']
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        request = { case: 'leaseRenewal', value: readLeaseRenewal(reader) }
        reader.leave(outer)
        break
      }
      case 0x12: {
        const outer = reader.enter()
        request = { case: 'leaseRemainder', value: readLeaseRemainder(reader) }
        reader.leave(outer)
        break
      }
      case 0x1a: {
        const outer = reader.enter()
        request = { case: 'promotion', value: readMemberPromotion(reader) }
        reader.leave(outer)
        break
      }
      case 0x22: {
        const outer = reader.enter()
        request = { case: 'stateHash', value: readStateHash(reader) }
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { request }
}

export function sizeOfPeerRequest(message: PeerRequestInput): number {
  const { request } = message
  let size = 0
  switch (request?.case) {
    case 'leaseRenewal':
      size += 1 + sizeOfDelimited(sizeOfLeaseRenewal(request.value))
      break
    case 'leaseRemainder':
      size += 1 + sizeOfDelimited(sizeOfLeaseRemainder(request.value))
      break
    case 'promotion':
      size += 1 + sizeOfDelimited(sizeOfMemberPromotion(request.value))
      break
    case 'stateHash':
      size += 1 + sizeOfDelimited(sizeOfStateHash(request.value))
      break
  }
  return size
}

export function writePeerRequest(buffer: Buffer, end: number, message: PeerRequestInput): number {
  const { request } = message
  let pos = end
  switch (request?.case) {
    case 'leaseRenewal':
      {
        const start = writeLeaseRenewal(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x0a
      }
      break
    case 'leaseRemainder':
      {
        const start = writeLeaseRemainder(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x12
      }
      break
    case 'promotion':
      {
        const start = writeMemberPromotion(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x1a
      }
      break
    case 'stateHash':
      {
        const start = writeStateHash(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x22
      }
      break
  }
  return pos
}

export function decodePeerRequest(bytes: Uint8Array): PeerRequest {
  return readPeerRequest(new Reader(bytes, LOG_NESTING_MAX))
}

export function encodePeerRequest(message: PeerRequestInput): Uint8Array {
  const size = sizeOfPeerRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writePeerRequest(buffer, size, message))
}

export interface PeerResponse {
  readonly error: string
  readonly response:
    | { readonly case: 'leaseRenewal'; readonly value: LeaseRenewal }
    | { readonly case: 'leaseRemainder'; readonly value: LeaseRemainder }
    | { readonly case: 'promotion'; readonly value: MemberPromotion }
    | { readonly case: 'stateHash'; readonly value: StateHash }
    | undefined
}

export interface PeerResponseInput {
  error?: string | undefined
  response?:
    | { readonly case: 'leaseRenewal'; readonly value: LeaseRenewalInput }
    | { readonly case: 'leaseRemainder'; readonly value: LeaseRemainderInput }
    | { readonly case: 'promotion'; readonly value: MemberPromotionInput }
    | { readonly case: 'stateHash'; readonly value: StateHashInput }
    | undefined
}

export function readPeerResponse(reader: Reader): PeerResponse {
  let error = ''
  let response: PeerResponse['response']
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        error = reader.string()
        break
      case 0x12: {
        const outer = reader.enter()
        response = { case: 'leaseRenewal', value: readLeaseRenewal(reader) }
        reader.leave(outer)
        break
      }
      case 0x1a: {
        const outer = reader.enter()
        response = { case: 'leaseRemainder', value: readLeaseRemainder(reader) }
        reader.leave(outer)
        break
      }
      case 0x22: {
        const outer = reader.enter()
        response = { case: 'promotion', value: readMemberPromotion(reader) }
        reader.leave(outer)
        break
      }
      case 0x2a: {
        const outer = reader.enter()
        response = { case: 'stateHash', value: readStateHash(reader) }
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { error, response }
}

export function sizeOfPeerResponse(message: PeerResponseInput): number {
  const { error, response } = message
  let size = 0
  if (error !== undefined && error.length !== 0) {
    size += 1 + sizeOfString(error)
  }
  switch (response?.case) {
    case 'leaseRenewal':
      size += 1 + sizeOfDelimited(sizeOfLeaseRenewal(response.value))
      break
    case 'leaseRemainder':
      size += 1 + sizeOfDelimited(sizeOfLeaseRemainder(response.value))
      break
    case 'promotion':
      size += 1 + sizeOfDelimited(sizeOfMemberPromotion(response.value))
      break
    case 'stateHash':
      size += 1 + sizeOfDelimited(sizeOfStateHash(response.value))
      break
  }
  return size
}

export function writePeerResponse(buffer: Buffer, end: number, message: PeerResponseInput): number {
  const { error, response } = message
  let pos = end
  switch (response?.case) {
    case 'leaseRenewal':
      {
        const start = writeLeaseRenewal(buffer, pos, response.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x12
      }
      break
    case 'leaseRemainder':
      {
        const start = writeLeaseRemainder(buffer, pos, response.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x1a
      }
      break
    case 'promotion':
      {
        const start = writeMemberPromotion(buffer, pos, response.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x22
      }
      break
    case 'stateHash':
      {
        const start = writeStateHash(buffer, pos, response.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x2a
      }
      break
  }
  if (error !== undefined && error.length !== 0) {
    pos = writeString(buffer, pos, error)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodePeerResponse(bytes: Uint8Array): PeerResponse {
  return readPeerResponse(new Reader(bytes, LOG_NESTING_MAX))
}

export function encodePeerResponse(message: PeerResponseInput): Uint8Array {
  const size = sizeOfPeerResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writePeerResponse(buffer, size, message))
}

export interface LeaseRenewal {
  readonly lease: bigint
  readonly ttl: number
}

export interface LeaseRenewalInput {
  lease?: bigint | undefined
  ttl?: number | undefined
}

export function readLeaseRenewal(reader: Reader): LeaseRenewal {
  let lease = 0n
  let ttl = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        lease = reader.bigint()
        break
      case 0x10:
        ttl = reader.int64()
        break
      default:
        reader.skip(tag)
    }
  }
  return { lease, ttl }
}

export function sizeOfLeaseRenewal(message: LeaseRenewalInput): number {
  const { lease, ttl } = message
  let size = 0
  if (lease !== undefined && lease !== 0n) {
    size += 1 + sizeOfBigint(lease)
  }
  if (ttl !== undefined && ttl !== 0) {
    size += 1 + sizeOfInt(ttl)
  }
  return size
}

export function writeLeaseRenewal(buffer: Buffer, end: number, message: LeaseRenewalInput): number {
  const { lease, ttl } = message
  let pos = end
  if (ttl !== undefined && ttl !== 0) {
    pos = writeInt(buffer, pos, ttl)
    buffer[--pos] = 0x10
  }
  if (lease !== undefined && lease !== 0n) {
    pos = writeBigint(buffer, pos, lease)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeLeaseRenewal(bytes: Uint8Array): LeaseRenewal {
  return readLeaseRenewal(new Reader(bytes, LOG_NESTING_MAX))
}

export function encodeLeaseRenewal(message: LeaseRenewalInput): Uint8Array {
  const size = sizeOfLeaseRenewal(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseRenewal(buffer, size, message))
}

export interface LeaseRemainder {
  readonly lease: bigint
  readonly remainingMs: number
}

export interface LeaseRemainderInput {
  lease?: bigint | undefined
  remainingMs?: number | undefined
}

export function readLeaseRemainder(reader: Reader): LeaseRemainder {
  let lease = 0n
  let remainingMs = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        lease = reader.bigint()
        break
      case 0x10:
        remainingMs = reader.int64()
        break
      default:
        reader.skip(tag)
    }
  }
  return { lease, remainingMs }
}

export function sizeOfLeaseRemainder(message: LeaseRemainderInput): number {
  const { lease, remainingMs } = message
  let size = 0
  if (lease !== undefined && lease !== 0n) {
    size += 1 + sizeOfBigint(lease)
  }
  if (remainingMs !== undefined && remainingMs !== 0) {
    size += 1 + sizeOfInt(remainingMs)
  }
  return size
}

export function writeLeaseRemainder(
  buffer: Buffer,
  end: number,
  message: LeaseRemainderInput,
): number {
  const { lease, remainingMs } = message
  let pos = end
  if (remainingMs !== undefined && remainingMs !== 0) {
    pos = writeInt(buffer, pos, remainingMs)
    buffer[--pos] = 0x10
  }
  if (lease !== undefined && lease !== 0n) {
    pos = writeBigint(buffer, pos, lease)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeLeaseRemainder(bytes: Uint8Array): LeaseRemainder {
  return readLeaseRemainder(new Reader(bytes, LOG_NESTING_MAX))
}

export function encodeLeaseRemainder(message: LeaseRemainderInput): Uint8Array {
  const size = sizeOfLeaseRemainder(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseRemainder(buffer, size, message))
}

export interface MemberPromotion {
  readonly memberId: string
  readonly members: readonly Member[]
}

export interface MemberPromotionInput {
  memberId?: string | undefined
  members?: readonly MemberInput[] | undefined
}

export function readMemberPromotion(reader: Reader): MemberPromotion {
  let memberId = ''
  const members: Member[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        memberId = reader.hexId()
        break
      case 0x12: {
        const outer = reader.enter()
        members.push(readMember(reader))
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { memberId, members }
}

export function sizeOfMemberPromotion(message: MemberPromotionInput): number {
  const { memberId, members } = message
  let size = 0
  if (memberId !== undefined && !isNoId(memberId)) {
    size += 1 + sizeOfHexId(memberId)
  }
  if (members !== undefined) {
    for (const value of members) size += 1 + sizeOfDelimited(sizeOfMember(value))
  }
  return size
}

export function writeMemberPromotion(
  buffer: Buffer,
  end: number,
  message: MemberPromotionInput,
): number {
  const { memberId, members } = message
  let pos = end
  if (members !== undefined) {
    for (let i = members.length - 1; i >= 0; i--) {
      const value = members[i]!
      {
        const start = writeMember(buffer, pos, value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x12
      }
    }
  }
  if (memberId !== undefined && !isNoId(memberId)) {
    pos = writeHexId(buffer, pos, memberId)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeMemberPromotion(bytes: Uint8Array): MemberPromotion {
  return readMemberPromotion(new Reader(bytes, LOG_NESTING_MAX))
}

export function encodeMemberPromotion(message: MemberPromotionInput): Uint8Array {
  const size = sizeOfMemberPromotion(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMemberPromotion(buffer, size, message))
}

export interface StateHash {
  readonly index: number
  readonly term: number
  readonly hash: number
}

export interface StateHashInput {
  index?: number | undefined
  term?: number | undefined
  hash?: number | undefined
}

export function readStateHash(reader: Reader): StateHash {
  let index = 0
  let term = 0
  let hash = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        index = reader.uint64()
        break
      case 0x10:
        term = reader.uint64()
        break
      case 0x18:
        hash = reader.uint32()
        break
      default:
        reader.skip(tag)
    }
  }
  return { index, term, hash }
}

export function sizeOfStateHash(message: StateHashInput): number {
  const { index, term, hash } = message
  let size = 0
  if (index !== undefined && index !== 0) {
    size += 1 + sizeOfInt(index)
  }
  if (term !== undefined && term !== 0) {
    size += 1 + sizeOfInt(term)
  }
  if (hash !== undefined && hash !== 0) {
    size += 1 + sizeOfInt(hash)
  }
  return size
}

export function writeStateHash(buffer: Buffer, end: number, message: StateHashInput): number {
  const { index, term, hash } = message
  let pos = end
  if (hash !== undefined && hash !== 0) {
    pos = writeInt(buffer, pos, hash)
    buffer[--pos] = 0x18
  }
  if (term !== undefined && term !== 0) {
    pos = writeInt(buffer, pos, term)
    buffer[--pos] = 0x10
  }
  if (index !== undefined && index !== 0) {
    pos = writeInt(buffer, pos, index)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeStateHash(bytes: Uint8Array): StateHash {
  return readStateHash(new Reader(bytes, LOG_NESTING_MAX))
}

export function encodeStateHash(message: StateHashInput): Uint8Array {
  const size = sizeOfStateHash(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeStateHash(buffer, size, message))
}
