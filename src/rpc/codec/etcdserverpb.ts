// Generated from proto/rpc.proto by scripts/generate-codec.mjs. Do not edit.

import type { Key } from '../../base/key.ts'
import {
  type Permission,
  type PermissionInput,
  type UserAddOptions,
  type UserAddOptionsInput,
  readPermission,
  readUserAddOptions,
  sizeOfPermission,
  sizeOfUserAddOptions,
  writePermission,
  writeUserAddOptions,
} from './authpb.ts'
import { isNoId, sizeOfHexId, writeHexId } from './hex-id.ts'
import { type Event, type EventInput, readEvent, sizeOfEvent, writeEvent } from './mvccpb.ts'
import {
  NO_BYTES,
  Reader,
  finish,
  sizeOfBigint,
  sizeOfDelimited,
  sizeOfInt,
  sizeOfString,
  writeBigint,
  writeBytes,
  writeInt,
  writeKey,
  writeLength,
  writeString,
} from './wire.ts'

/** Paths and codecs of etcdserverpb.KV. */
export const KVService = {
  range: {
    path: '/etcdserverpb.KV/Range',
    codec: { decode: decodeRangeRequest, encode: encodeRangeResponse },
  },
  rangeStream: {
    path: '/etcdserverpb.KV/RangeStream',
    codec: { decode: decodeRangeRequest, encode: encodeRangeStreamResponse },
  },
  put: {
    path: '/etcdserverpb.KV/Put',
    codec: { decode: decodePutRequest, encode: encodePutResponse },
  },
  deleteRange: {
    path: '/etcdserverpb.KV/DeleteRange',
    codec: { decode: decodeDeleteRangeRequest, encode: encodeDeleteRangeResponse },
  },
  txn: {
    path: '/etcdserverpb.KV/Txn',
    codec: { decode: decodeTxnRequest, encode: encodeTxnResponse },
  },
  compact: {
    path: '/etcdserverpb.KV/Compact',
    codec: { decode: decodeCompactionRequest, encode: encodeCompactionResponse },
  },
} as const

/** Paths and codecs of etcdserverpb.Watch. */
export const WatchService = {
  watch: {
    path: '/etcdserverpb.Watch/Watch',
    codec: { decode: decodeWatchRequest, encode: encodeWatchResponse },
  },
} as const

/** Paths and codecs of etcdserverpb.Lease. */
export const LeaseService = {
  leaseGrant: {
    path: '/etcdserverpb.Lease/LeaseGrant',
    codec: { decode: decodeLeaseGrantRequest, encode: encodeLeaseGrantResponse },
  },
  leaseRevoke: {
    path: '/etcdserverpb.Lease/LeaseRevoke',
    codec: { decode: decodeLeaseRevokeRequest, encode: encodeLeaseRevokeResponse },
  },
  leaseKeepAlive: {
    path: '/etcdserverpb.Lease/LeaseKeepAlive',
    codec: { decode: decodeLeaseKeepAliveRequest, encode: encodeLeaseKeepAliveResponse },
  },
  leaseTimeToLive: {
    path: '/etcdserverpb.Lease/LeaseTimeToLive',
    codec: { decode: decodeLeaseTimeToLiveRequest, encode: encodeLeaseTimeToLiveResponse },
  },
  leaseLeases: {
    path: '/etcdserverpb.Lease/LeaseLeases',
    codec: { decode: decodeLeaseLeasesRequest, encode: encodeLeaseLeasesResponse },
  },
} as const

/** Paths and codecs of etcdserverpb.Cluster. */
export const ClusterService = {
  memberAdd: {
    path: '/etcdserverpb.Cluster/MemberAdd',
    codec: { decode: decodeMemberAddRequest, encode: encodeMemberAddResponse },
  },
  memberRemove: {
    path: '/etcdserverpb.Cluster/MemberRemove',
    codec: { decode: decodeMemberRemoveRequest, encode: encodeMemberRemoveResponse },
  },
  memberUpdate: {
    path: '/etcdserverpb.Cluster/MemberUpdate',
    codec: { decode: decodeMemberUpdateRequest, encode: encodeMemberUpdateResponse },
  },
  memberList: {
    path: '/etcdserverpb.Cluster/MemberList',
    codec: { decode: decodeMemberListRequest, encode: encodeMemberListResponse },
  },
  memberPromote: {
    path: '/etcdserverpb.Cluster/MemberPromote',
    codec: { decode: decodeMemberPromoteRequest, encode: encodeMemberPromoteResponse },
  },
} as const

/** Paths and codecs of etcdserverpb.Maintenance. */
export const MaintenanceService = {
  alarm: {
    path: '/etcdserverpb.Maintenance/Alarm',
    codec: { decode: decodeAlarmRequest, encode: encodeAlarmResponse },
  },
  status: {
    path: '/etcdserverpb.Maintenance/Status',
    codec: { decode: decodeStatusRequest, encode: encodeStatusResponse },
  },
  defragment: {
    path: '/etcdserverpb.Maintenance/Defragment',
    codec: { decode: decodeDefragmentRequest, encode: encodeDefragmentResponse },
  },
  hash: {
    path: '/etcdserverpb.Maintenance/Hash',
    codec: { decode: decodeHashRequest, encode: encodeHashResponse },
  },
  hashKV: {
    path: '/etcdserverpb.Maintenance/HashKV',
    codec: { decode: decodeHashKVRequest, encode: encodeHashKVResponse },
  },
  snapshot: {
    path: '/etcdserverpb.Maintenance/Snapshot',
    codec: { decode: decodeSnapshotRequest, encode: encodeSnapshotResponse },
  },
  moveLeader: {
    path: '/etcdserverpb.Maintenance/MoveLeader',
    codec: { decode: decodeMoveLeaderRequest, encode: encodeMoveLeaderResponse },
  },
  downgrade: {
    path: '/etcdserverpb.Maintenance/Downgrade',
    codec: { decode: decodeDowngradeRequest, encode: encodeDowngradeResponse },
  },
} as const

/** Paths and codecs of etcdserverpb.Auth. */
export const AuthService = {
  authEnable: {
    path: '/etcdserverpb.Auth/AuthEnable',
    codec: { decode: decodeAuthEnableRequest, encode: encodeAuthEnableResponse },
  },
  authDisable: {
    path: '/etcdserverpb.Auth/AuthDisable',
    codec: { decode: decodeAuthDisableRequest, encode: encodeAuthDisableResponse },
  },
  authStatus: {
    path: '/etcdserverpb.Auth/AuthStatus',
    codec: { decode: decodeAuthStatusRequest, encode: encodeAuthStatusResponse },
  },
  authenticate: {
    path: '/etcdserverpb.Auth/Authenticate',
    codec: { decode: decodeAuthenticateRequest, encode: encodeAuthenticateResponse },
  },
  userAdd: {
    path: '/etcdserverpb.Auth/UserAdd',
    codec: { decode: decodeAuthUserAddRequest, encode: encodeAuthUserAddResponse },
  },
  userGet: {
    path: '/etcdserverpb.Auth/UserGet',
    codec: { decode: decodeAuthUserGetRequest, encode: encodeAuthUserGetResponse },
  },
  userList: {
    path: '/etcdserverpb.Auth/UserList',
    codec: { decode: decodeAuthUserListRequest, encode: encodeAuthUserListResponse },
  },
  userDelete: {
    path: '/etcdserverpb.Auth/UserDelete',
    codec: { decode: decodeAuthUserDeleteRequest, encode: encodeAuthUserDeleteResponse },
  },
  userChangePassword: {
    path: '/etcdserverpb.Auth/UserChangePassword',
    codec: {
      decode: decodeAuthUserChangePasswordRequest,
      encode: encodeAuthUserChangePasswordResponse,
    },
  },
  userGrantRole: {
    path: '/etcdserverpb.Auth/UserGrantRole',
    codec: { decode: decodeAuthUserGrantRoleRequest, encode: encodeAuthUserGrantRoleResponse },
  },
  userRevokeRole: {
    path: '/etcdserverpb.Auth/UserRevokeRole',
    codec: { decode: decodeAuthUserRevokeRoleRequest, encode: encodeAuthUserRevokeRoleResponse },
  },
  roleAdd: {
    path: '/etcdserverpb.Auth/RoleAdd',
    codec: { decode: decodeAuthRoleAddRequest, encode: encodeAuthRoleAddResponse },
  },
  roleGet: {
    path: '/etcdserverpb.Auth/RoleGet',
    codec: { decode: decodeAuthRoleGetRequest, encode: encodeAuthRoleGetResponse },
  },
  roleList: {
    path: '/etcdserverpb.Auth/RoleList',
    codec: { decode: decodeAuthRoleListRequest, encode: encodeAuthRoleListResponse },
  },
  roleDelete: {
    path: '/etcdserverpb.Auth/RoleDelete',
    codec: { decode: decodeAuthRoleDeleteRequest, encode: encodeAuthRoleDeleteResponse },
  },
  roleGrantPermission: {
    path: '/etcdserverpb.Auth/RoleGrantPermission',
    codec: {
      decode: decodeAuthRoleGrantPermissionRequest,
      encode: encodeAuthRoleGrantPermissionResponse,
    },
  },
  roleRevokePermission: {
    path: '/etcdserverpb.Auth/RoleRevokePermission',
    codec: {
      decode: decodeAuthRoleRevokePermissionRequest,
      encode: encodeAuthRoleRevokePermissionResponse,
    },
  },
} as const

export interface ResponseHeader {
  readonly clusterId: string
  readonly memberId: string
  readonly revision: number
  readonly raftTerm: number
}

export interface ResponseHeaderInput {
  clusterId?: string | undefined
  memberId?: string | undefined
  revision?: number | undefined
  raftTerm?: number | undefined
}

export function readResponseHeader(reader: Reader): ResponseHeader {
  let clusterId = ''
  let memberId = ''
  let revision = 0
  let raftTerm = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        clusterId = reader.hexId()
        break
      case 0x10:
        memberId = reader.hexId()
        break
      case 0x18:
        revision = reader.int64()
        break
      case 0x20:
        raftTerm = reader.uint64()
        break
      default:
        reader.skip(tag)
    }
  }
  return { clusterId, memberId, revision, raftTerm }
}

export function sizeOfResponseHeader(message: ResponseHeaderInput): number {
  const { clusterId, memberId, revision, raftTerm } = message
  let size = 0
  if (clusterId !== undefined && !isNoId(clusterId)) {
    size += 1 + sizeOfHexId(clusterId)
  }
  if (memberId !== undefined && !isNoId(memberId)) {
    size += 1 + sizeOfHexId(memberId)
  }
  if (revision !== undefined && revision !== 0) {
    size += 1 + sizeOfInt(revision)
  }
  if (raftTerm !== undefined && raftTerm !== 0) {
    size += 1 + sizeOfInt(raftTerm)
  }
  return size
}

export function writeResponseHeader(
  buffer: Buffer,
  end: number,
  message: ResponseHeaderInput,
): number {
  const { clusterId, memberId, revision, raftTerm } = message
  let pos = end
  if (raftTerm !== undefined && raftTerm !== 0) {
    pos = writeInt(buffer, pos, raftTerm)
    buffer[--pos] = 0x20
  }
  if (revision !== undefined && revision !== 0) {
    pos = writeInt(buffer, pos, revision)
    buffer[--pos] = 0x18
  }
  if (memberId !== undefined && !isNoId(memberId)) {
    pos = writeHexId(buffer, pos, memberId)
    buffer[--pos] = 0x10
  }
  if (clusterId !== undefined && !isNoId(clusterId)) {
    pos = writeHexId(buffer, pos, clusterId)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeResponseHeader(bytes: Uint8Array): ResponseHeader {
  return readResponseHeader(new Reader(bytes))
}

export function encodeResponseHeader(message: ResponseHeaderInput): Uint8Array {
  const size = sizeOfResponseHeader(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeResponseHeader(buffer, size, message))
}

export interface RangeRequest {
  readonly key: Key
  readonly rangeEnd: Key
  readonly limit: number
  readonly revision: number
  readonly sortOrder: RangeRequest_SortOrder
  readonly sortTarget: RangeRequest_SortTarget
  readonly serializable: boolean
  readonly keysOnly: boolean
  readonly countOnly: boolean
  readonly minModRevision: number
  readonly maxModRevision: number
  readonly minCreateRevision: number
  readonly maxCreateRevision: number
}

export interface RangeRequestInput {
  key?: Key | undefined
  rangeEnd?: Key | undefined
  limit?: number | undefined
  revision?: number | undefined
  sortOrder?: RangeRequest_SortOrder | undefined
  sortTarget?: RangeRequest_SortTarget | undefined
  serializable?: boolean | undefined
  keysOnly?: boolean | undefined
  countOnly?: boolean | undefined
  minModRevision?: number | undefined
  maxModRevision?: number | undefined
  minCreateRevision?: number | undefined
  maxCreateRevision?: number | undefined
}

export function readRangeRequest(reader: Reader): RangeRequest {
  let key = '' as Key
  let rangeEnd = '' as Key
  let limit = 0
  let revision = 0
  let sortOrder: RangeRequest_SortOrder = 0
  let sortTarget: RangeRequest_SortTarget = 0
  let serializable = false
  let keysOnly = false
  let countOnly = false
  let minModRevision = 0
  let maxModRevision = 0
  let minCreateRevision = 0
  let maxCreateRevision = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        key = reader.key()
        break
      case 0x12:
        rangeEnd = reader.key()
        break
      case 0x18:
        limit = reader.int64()
        break
      case 0x20:
        revision = reader.int64()
        break
      case 0x28:
        sortOrder = reader.int32()
        break
      case 0x30:
        sortTarget = reader.int32()
        break
      case 0x38:
        serializable = reader.bool()
        break
      case 0x40:
        keysOnly = reader.bool()
        break
      case 0x48:
        countOnly = reader.bool()
        break
      case 0x50:
        minModRevision = reader.int64()
        break
      case 0x58:
        maxModRevision = reader.int64()
        break
      case 0x60:
        minCreateRevision = reader.int64()
        break
      case 0x68:
        maxCreateRevision = reader.int64()
        break
      default:
        reader.skip(tag)
    }
  }
  return {
    key,
    rangeEnd,
    limit,
    revision,
    sortOrder,
    sortTarget,
    serializable,
    keysOnly,
    countOnly,
    minModRevision,
    maxModRevision,
    minCreateRevision,
    maxCreateRevision,
  }
}

export function sizeOfRangeRequest(message: RangeRequestInput): number {
  const {
    key,
    rangeEnd,
    limit,
    revision,
    sortOrder,
    sortTarget,
    serializable,
    keysOnly,
    countOnly,
    minModRevision,
    maxModRevision,
    minCreateRevision,
    maxCreateRevision,
  } = message
  let size = 0
  if (key !== undefined && key.length !== 0) {
    size += 1 + sizeOfDelimited(key.length)
  }
  if (rangeEnd !== undefined && rangeEnd.length !== 0) {
    size += 1 + sizeOfDelimited(rangeEnd.length)
  }
  if (limit !== undefined && limit !== 0) {
    size += 1 + sizeOfInt(limit)
  }
  if (revision !== undefined && revision !== 0) {
    size += 1 + sizeOfInt(revision)
  }
  if (sortOrder !== undefined && sortOrder !== 0) {
    size += 1 + sizeOfInt(sortOrder)
  }
  if (sortTarget !== undefined && sortTarget !== 0) {
    size += 1 + sizeOfInt(sortTarget)
  }
  if (serializable === true) {
    size += 1 + 1
  }
  if (keysOnly === true) {
    size += 1 + 1
  }
  if (countOnly === true) {
    size += 1 + 1
  }
  if (minModRevision !== undefined && minModRevision !== 0) {
    size += 1 + sizeOfInt(minModRevision)
  }
  if (maxModRevision !== undefined && maxModRevision !== 0) {
    size += 1 + sizeOfInt(maxModRevision)
  }
  if (minCreateRevision !== undefined && minCreateRevision !== 0) {
    size += 1 + sizeOfInt(minCreateRevision)
  }
  if (maxCreateRevision !== undefined && maxCreateRevision !== 0) {
    size += 1 + sizeOfInt(maxCreateRevision)
  }
  return size
}

export function writeRangeRequest(buffer: Buffer, end: number, message: RangeRequestInput): number {
  const {
    key,
    rangeEnd,
    limit,
    revision,
    sortOrder,
    sortTarget,
    serializable,
    keysOnly,
    countOnly,
    minModRevision,
    maxModRevision,
    minCreateRevision,
    maxCreateRevision,
  } = message
  let pos = end
  if (maxCreateRevision !== undefined && maxCreateRevision !== 0) {
    pos = writeInt(buffer, pos, maxCreateRevision)
    buffer[--pos] = 0x68
  }
  if (minCreateRevision !== undefined && minCreateRevision !== 0) {
    pos = writeInt(buffer, pos, minCreateRevision)
    buffer[--pos] = 0x60
  }
  if (maxModRevision !== undefined && maxModRevision !== 0) {
    pos = writeInt(buffer, pos, maxModRevision)
    buffer[--pos] = 0x58
  }
  if (minModRevision !== undefined && minModRevision !== 0) {
    pos = writeInt(buffer, pos, minModRevision)
    buffer[--pos] = 0x50
  }
  if (countOnly === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x48
  }
  if (keysOnly === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x40
  }
  if (serializable === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x38
  }
  if (sortTarget !== undefined && sortTarget !== 0) {
    pos = writeInt(buffer, pos, sortTarget)
    buffer[--pos] = 0x30
  }
  if (sortOrder !== undefined && sortOrder !== 0) {
    pos = writeInt(buffer, pos, sortOrder)
    buffer[--pos] = 0x28
  }
  if (revision !== undefined && revision !== 0) {
    pos = writeInt(buffer, pos, revision)
    buffer[--pos] = 0x20
  }
  if (limit !== undefined && limit !== 0) {
    pos = writeInt(buffer, pos, limit)
    buffer[--pos] = 0x18
  }
  if (rangeEnd !== undefined && rangeEnd.length !== 0) {
    pos = writeKey(buffer, pos, rangeEnd)
    buffer[--pos] = 0x12
  }
  if (key !== undefined && key.length !== 0) {
    pos = writeKey(buffer, pos, key)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeRangeRequest(bytes: Uint8Array): RangeRequest {
  return readRangeRequest(new Reader(bytes))
}

export function encodeRangeRequest(message: RangeRequestInput): Uint8Array {
  const size = sizeOfRangeRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeRangeRequest(buffer, size, message))
}

export const RangeRequest_SortOrder = {
  NONE: 0,
  ASCEND: 1,
  DESCEND: 2,
} as const
/** One of the constants, or a number that this version does not know. */
export type RangeRequest_SortOrder = number

export const RangeRequest_SortTarget = {
  KEY: 0,
  VERSION: 1,
  CREATE: 2,
  MOD: 3,
  VALUE: 4,
} as const
/** One of the constants, or a number that this version does not know. */
export type RangeRequest_SortTarget = number

export interface RangeResponse {
  readonly header: ResponseHeader | undefined
  readonly kvs: readonly Uint8Array[]
  readonly more: boolean
  readonly count: number
}

export interface RangeResponseInput {
  header?: ResponseHeaderInput | undefined
  kvs?: readonly Uint8Array[] | undefined
  more?: boolean | undefined
  count?: number | undefined
}

export function readRangeResponse(reader: Reader): RangeResponse {
  let header: ResponseHeader | undefined
  const kvs: Uint8Array[] = []
  let more = false
  let count = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12:
        kvs.push(reader.view())
        break
      case 0x18:
        more = reader.bool()
        break
      case 0x20:
        count = reader.int64()
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, kvs, more, count }
}

export function sizeOfRangeResponse(message: RangeResponseInput): number {
  const { header, kvs, more, count } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (kvs !== undefined) {
    for (const value of kvs) size += 1 + sizeOfDelimited(value.length)
  }
  if (more === true) {
    size += 1 + 1
  }
  if (count !== undefined && count !== 0) {
    size += 1 + sizeOfInt(count)
  }
  return size
}

export function writeRangeResponse(
  buffer: Buffer,
  end: number,
  message: RangeResponseInput,
): number {
  const { header, kvs, more, count } = message
  let pos = end
  if (count !== undefined && count !== 0) {
    pos = writeInt(buffer, pos, count)
    buffer[--pos] = 0x20
  }
  if (more === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x18
  }
  if (kvs !== undefined) {
    for (let i = kvs.length - 1; i >= 0; i--) {
      const value = kvs[i]!
      pos = writeBytes(buffer, pos, value)
      buffer[--pos] = 0x12
    }
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeRangeResponse(bytes: Uint8Array): RangeResponse {
  return readRangeResponse(new Reader(bytes))
}

export function encodeRangeResponse(message: RangeResponseInput): Uint8Array {
  const size = sizeOfRangeResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeRangeResponse(buffer, size, message))
}

export interface PutRequest {
  readonly key: Key
  readonly value: Uint8Array
  readonly lease: bigint
  readonly prevKv: boolean
  readonly ignoreValue: boolean
  readonly ignoreLease: boolean
}

export interface PutRequestInput {
  key?: Key | undefined
  value?: Uint8Array | undefined
  lease?: bigint | undefined
  prevKv?: boolean | undefined
  ignoreValue?: boolean | undefined
  ignoreLease?: boolean | undefined
}

export function readPutRequest(reader: Reader): PutRequest {
  let key = '' as Key
  let value: Uint8Array = NO_BYTES
  let lease = 0n
  let prevKv = false
  let ignoreValue = false
  let ignoreLease = false
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        key = reader.key()
        break
      case 0x12:
        value = reader.view()
        break
      case 0x18:
        lease = reader.bigint()
        break
      case 0x20:
        prevKv = reader.bool()
        break
      case 0x28:
        ignoreValue = reader.bool()
        break
      case 0x30:
        ignoreLease = reader.bool()
        break
      default:
        reader.skip(tag)
    }
  }
  return { key, value, lease, prevKv, ignoreValue, ignoreLease }
}

export function sizeOfPutRequest(message: PutRequestInput): number {
  const { key, value, lease, prevKv, ignoreValue, ignoreLease } = message
  let size = 0
  if (key !== undefined && key.length !== 0) {
    size += 1 + sizeOfDelimited(key.length)
  }
  if (value !== undefined && value.length !== 0) {
    size += 1 + sizeOfDelimited(value.length)
  }
  if (lease !== undefined && lease !== 0n) {
    size += 1 + sizeOfBigint(lease)
  }
  if (prevKv === true) {
    size += 1 + 1
  }
  if (ignoreValue === true) {
    size += 1 + 1
  }
  if (ignoreLease === true) {
    size += 1 + 1
  }
  return size
}

export function writePutRequest(buffer: Buffer, end: number, message: PutRequestInput): number {
  const { key, value, lease, prevKv, ignoreValue, ignoreLease } = message
  let pos = end
  if (ignoreLease === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x30
  }
  if (ignoreValue === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x28
  }
  if (prevKv === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x20
  }
  if (lease !== undefined && lease !== 0n) {
    pos = writeBigint(buffer, pos, lease)
    buffer[--pos] = 0x18
  }
  if (value !== undefined && value.length !== 0) {
    pos = writeBytes(buffer, pos, value)
    buffer[--pos] = 0x12
  }
  if (key !== undefined && key.length !== 0) {
    pos = writeKey(buffer, pos, key)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodePutRequest(bytes: Uint8Array): PutRequest {
  return readPutRequest(new Reader(bytes))
}

export function encodePutRequest(message: PutRequestInput): Uint8Array {
  const size = sizeOfPutRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writePutRequest(buffer, size, message))
}

export interface PutResponse {
  readonly header: ResponseHeader | undefined
  readonly prevKv: Uint8Array | undefined
}

export interface PutResponseInput {
  header?: ResponseHeaderInput | undefined
  prevKv?: Uint8Array | undefined
}

export function readPutResponse(reader: Reader): PutResponse {
  let header: ResponseHeader | undefined
  let prevKv: Uint8Array | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12:
        prevKv = reader.view()
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, prevKv }
}

export function sizeOfPutResponse(message: PutResponseInput): number {
  const { header, prevKv } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (prevKv !== undefined) {
    size += 1 + sizeOfDelimited(prevKv.length)
  }
  return size
}

export function writePutResponse(buffer: Buffer, end: number, message: PutResponseInput): number {
  const { header, prevKv } = message
  let pos = end
  if (prevKv !== undefined) {
    pos = writeBytes(buffer, pos, prevKv)
    buffer[--pos] = 0x12
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodePutResponse(bytes: Uint8Array): PutResponse {
  return readPutResponse(new Reader(bytes))
}

export function encodePutResponse(message: PutResponseInput): Uint8Array {
  const size = sizeOfPutResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writePutResponse(buffer, size, message))
}

export interface DeleteRangeRequest {
  readonly key: Key
  readonly rangeEnd: Key
  readonly prevKv: boolean
}

export interface DeleteRangeRequestInput {
  key?: Key | undefined
  rangeEnd?: Key | undefined
  prevKv?: boolean | undefined
}

export function readDeleteRangeRequest(reader: Reader): DeleteRangeRequest {
  let key = '' as Key
  let rangeEnd = '' as Key
  let prevKv = false
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        key = reader.key()
        break
      case 0x12:
        rangeEnd = reader.key()
        break
      case 0x18:
        prevKv = reader.bool()
        break
      default:
        reader.skip(tag)
    }
  }
  return { key, rangeEnd, prevKv }
}

export function sizeOfDeleteRangeRequest(message: DeleteRangeRequestInput): number {
  const { key, rangeEnd, prevKv } = message
  let size = 0
  if (key !== undefined && key.length !== 0) {
    size += 1 + sizeOfDelimited(key.length)
  }
  if (rangeEnd !== undefined && rangeEnd.length !== 0) {
    size += 1 + sizeOfDelimited(rangeEnd.length)
  }
  if (prevKv === true) {
    size += 1 + 1
  }
  return size
}

export function writeDeleteRangeRequest(
  buffer: Buffer,
  end: number,
  message: DeleteRangeRequestInput,
): number {
  const { key, rangeEnd, prevKv } = message
  let pos = end
  if (prevKv === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x18
  }
  if (rangeEnd !== undefined && rangeEnd.length !== 0) {
    pos = writeKey(buffer, pos, rangeEnd)
    buffer[--pos] = 0x12
  }
  if (key !== undefined && key.length !== 0) {
    pos = writeKey(buffer, pos, key)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeDeleteRangeRequest(bytes: Uint8Array): DeleteRangeRequest {
  return readDeleteRangeRequest(new Reader(bytes))
}

export function encodeDeleteRangeRequest(message: DeleteRangeRequestInput): Uint8Array {
  const size = sizeOfDeleteRangeRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeDeleteRangeRequest(buffer, size, message))
}

export interface DeleteRangeResponse {
  readonly header: ResponseHeader | undefined
  readonly deleted: number
  readonly prevKvs: readonly Uint8Array[]
}

export interface DeleteRangeResponseInput {
  header?: ResponseHeaderInput | undefined
  deleted?: number | undefined
  prevKvs?: readonly Uint8Array[] | undefined
}

export function readDeleteRangeResponse(reader: Reader): DeleteRangeResponse {
  let header: ResponseHeader | undefined
  let deleted = 0
  const prevKvs: Uint8Array[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x10:
        deleted = reader.int64()
        break
      case 0x1a:
        prevKvs.push(reader.view())
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, deleted, prevKvs }
}

export function sizeOfDeleteRangeResponse(message: DeleteRangeResponseInput): number {
  const { header, deleted, prevKvs } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (deleted !== undefined && deleted !== 0) {
    size += 1 + sizeOfInt(deleted)
  }
  if (prevKvs !== undefined) {
    for (const value of prevKvs) size += 1 + sizeOfDelimited(value.length)
  }
  return size
}

export function writeDeleteRangeResponse(
  buffer: Buffer,
  end: number,
  message: DeleteRangeResponseInput,
): number {
  const { header, deleted, prevKvs } = message
  let pos = end
  if (prevKvs !== undefined) {
    for (let i = prevKvs.length - 1; i >= 0; i--) {
      const value = prevKvs[i]!
      pos = writeBytes(buffer, pos, value)
      buffer[--pos] = 0x1a
    }
  }
  if (deleted !== undefined && deleted !== 0) {
    pos = writeInt(buffer, pos, deleted)
    buffer[--pos] = 0x10
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeDeleteRangeResponse(bytes: Uint8Array): DeleteRangeResponse {
  return readDeleteRangeResponse(new Reader(bytes))
}

export function encodeDeleteRangeResponse(message: DeleteRangeResponseInput): Uint8Array {
  const size = sizeOfDeleteRangeResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeDeleteRangeResponse(buffer, size, message))
}

export interface RequestOp {
  readonly request:
    | { readonly case: 'requestRange'; readonly value: RangeRequest }
    | { readonly case: 'requestPut'; readonly value: PutRequest }
    | { readonly case: 'requestDeleteRange'; readonly value: DeleteRangeRequest }
    | { readonly case: 'requestTxn'; readonly value: TxnRequest }
    | undefined
}

export interface RequestOpInput {
  request?:
    | { readonly case: 'requestRange'; readonly value: RangeRequestInput }
    | { readonly case: 'requestPut'; readonly value: PutRequestInput }
    | { readonly case: 'requestDeleteRange'; readonly value: DeleteRangeRequestInput }
    | { readonly case: 'requestTxn'; readonly value: TxnRequestInput }
    | undefined
}

export function readRequestOp(reader: Reader): RequestOp {
  let request: RequestOp['request']
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        request = { case: 'requestRange', value: readRangeRequest(reader) }
        reader.leave(outer)
        break
      }
      case 0x12: {
        const outer = reader.enter()
        request = { case: 'requestPut', value: readPutRequest(reader) }
        reader.leave(outer)
        break
      }
      case 0x1a: {
        const outer = reader.enter()
        request = { case: 'requestDeleteRange', value: readDeleteRangeRequest(reader) }
        reader.leave(outer)
        break
      }
      case 0x22: {
        const outer = reader.enter()
        request = { case: 'requestTxn', value: readTxnRequest(reader) }
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { request }
}

export function sizeOfRequestOp(message: RequestOpInput): number {
  const { request } = message
  let size = 0
  switch (request?.case) {
    case 'requestRange':
      size += 1 + sizeOfDelimited(sizeOfRangeRequest(request.value))
      break
    case 'requestPut':
      size += 1 + sizeOfDelimited(sizeOfPutRequest(request.value))
      break
    case 'requestDeleteRange':
      size += 1 + sizeOfDelimited(sizeOfDeleteRangeRequest(request.value))
      break
    case 'requestTxn':
      size += 1 + sizeOfDelimited(sizeOfTxnRequest(request.value))
      break
  }
  return size
}

export function writeRequestOp(buffer: Buffer, end: number, message: RequestOpInput): number {
  const { request } = message
  let pos = end
  switch (request?.case) {
    case 'requestRange':
      {
        const start = writeRangeRequest(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x0a
      }
      break
    case 'requestPut':
      {
        const start = writePutRequest(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x12
      }
      break
    case 'requestDeleteRange':
      {
        const start = writeDeleteRangeRequest(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x1a
      }
      break
    case 'requestTxn':
      {
        const start = writeTxnRequest(buffer, pos, request.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x22
      }
      break
  }
  return pos
}

export function decodeRequestOp(bytes: Uint8Array): RequestOp {
  return readRequestOp(new Reader(bytes))
}

export function encodeRequestOp(message: RequestOpInput): Uint8Array {
  const size = sizeOfRequestOp(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeRequestOp(buffer, size, message))
}

export interface ResponseOp {
  readonly response:
    | { readonly case: 'responseRange'; readonly value: RangeResponse }
    | { readonly case: 'responsePut'; readonly value: PutResponse }
    | { readonly case: 'responseDeleteRange'; readonly value: DeleteRangeResponse }
    | { readonly case: 'responseTxn'; readonly value: TxnResponse }
    | undefined
}

export interface ResponseOpInput {
  response?:
    | { readonly case: 'responseRange'; readonly value: RangeResponseInput }
    | { readonly case: 'responsePut'; readonly value: PutResponseInput }
    | { readonly case: 'responseDeleteRange'; readonly value: DeleteRangeResponseInput }
    | { readonly case: 'responseTxn'; readonly value: TxnResponseInput }
    | undefined
}

export function readResponseOp(reader: Reader): ResponseOp {
  let response: ResponseOp['response']
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        response = { case: 'responseRange', value: readRangeResponse(reader) }
        reader.leave(outer)
        break
      }
      case 0x12: {
        const outer = reader.enter()
        response = { case: 'responsePut', value: readPutResponse(reader) }
        reader.leave(outer)
        break
      }
      case 0x1a: {
        const outer = reader.enter()
        response = { case: 'responseDeleteRange', value: readDeleteRangeResponse(reader) }
        reader.leave(outer)
        break
      }
      case 0x22: {
        const outer = reader.enter()
        response = { case: 'responseTxn', value: readTxnResponse(reader) }
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { response }
}

export function sizeOfResponseOp(message: ResponseOpInput): number {
  const { response } = message
  let size = 0
  switch (response?.case) {
    case 'responseRange':
      size += 1 + sizeOfDelimited(sizeOfRangeResponse(response.value))
      break
    case 'responsePut':
      size += 1 + sizeOfDelimited(sizeOfPutResponse(response.value))
      break
    case 'responseDeleteRange':
      size += 1 + sizeOfDelimited(sizeOfDeleteRangeResponse(response.value))
      break
    case 'responseTxn':
      size += 1 + sizeOfDelimited(sizeOfTxnResponse(response.value))
      break
  }
  return size
}

export function writeResponseOp(buffer: Buffer, end: number, message: ResponseOpInput): number {
  const { response } = message
  let pos = end
  switch (response?.case) {
    case 'responseRange':
      {
        const start = writeRangeResponse(buffer, pos, response.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x0a
      }
      break
    case 'responsePut':
      {
        const start = writePutResponse(buffer, pos, response.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x12
      }
      break
    case 'responseDeleteRange':
      {
        const start = writeDeleteRangeResponse(buffer, pos, response.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x1a
      }
      break
    case 'responseTxn':
      {
        const start = writeTxnResponse(buffer, pos, response.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x22
      }
      break
  }
  return pos
}

export function decodeResponseOp(bytes: Uint8Array): ResponseOp {
  return readResponseOp(new Reader(bytes))
}

export function encodeResponseOp(message: ResponseOpInput): Uint8Array {
  const size = sizeOfResponseOp(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeResponseOp(buffer, size, message))
}

export interface Compare {
  readonly result: Compare_CompareResult
  readonly target: Compare_CompareTarget
  readonly key: Key
  readonly targetUnion:
    | { readonly case: 'version'; readonly value: number }
    | { readonly case: 'createRevision'; readonly value: number }
    | { readonly case: 'modRevision'; readonly value: number }
    | { readonly case: 'value'; readonly value: Uint8Array }
    | { readonly case: 'lease'; readonly value: bigint }
    | undefined
  readonly rangeEnd: Key
}

export interface CompareInput {
  result?: Compare_CompareResult | undefined
  target?: Compare_CompareTarget | undefined
  key?: Key | undefined
  targetUnion?:
    | { readonly case: 'version'; readonly value: number }
    | { readonly case: 'createRevision'; readonly value: number }
    | { readonly case: 'modRevision'; readonly value: number }
    | { readonly case: 'value'; readonly value: Uint8Array }
    | { readonly case: 'lease'; readonly value: bigint }
    | undefined
  rangeEnd?: Key | undefined
}

export function readCompare(reader: Reader): Compare {
  let result: Compare_CompareResult = 0
  let target: Compare_CompareTarget = 0
  let key = '' as Key
  let targetUnion: Compare['targetUnion']
  let rangeEnd = '' as Key
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        result = reader.int32()
        break
      case 0x10:
        target = reader.int32()
        break
      case 0x1a:
        key = reader.key()
        break
      case 0x20:
        targetUnion = { case: 'version', value: reader.int64() }
        break
      case 0x28:
        targetUnion = { case: 'createRevision', value: reader.int64() }
        break
      case 0x30:
        targetUnion = { case: 'modRevision', value: reader.int64() }
        break
      case 0x3a:
        targetUnion = { case: 'value', value: reader.view() }
        break
      case 0x40:
        targetUnion = { case: 'lease', value: reader.bigint() }
        break
      case 0x202:
        rangeEnd = reader.key()
        break
      default:
        reader.skip(tag)
    }
  }
  return { result, target, key, targetUnion, rangeEnd }
}

export function sizeOfCompare(message: CompareInput): number {
  const { result, target, key, targetUnion, rangeEnd } = message
  let size = 0
  if (result !== undefined && result !== 0) {
    size += 1 + sizeOfInt(result)
  }
  if (target !== undefined && target !== 0) {
    size += 1 + sizeOfInt(target)
  }
  if (key !== undefined && key.length !== 0) {
    size += 1 + sizeOfDelimited(key.length)
  }
  switch (targetUnion?.case) {
    case 'version':
      size += 1 + sizeOfInt(targetUnion.value)
      break
    case 'createRevision':
      size += 1 + sizeOfInt(targetUnion.value)
      break
    case 'modRevision':
      size += 1 + sizeOfInt(targetUnion.value)
      break
    case 'value':
      size += 1 + sizeOfDelimited(targetUnion.value.length)
      break
    case 'lease':
      size += 1 + sizeOfBigint(targetUnion.value)
      break
  }
  if (rangeEnd !== undefined && rangeEnd.length !== 0) {
    size += 2 + sizeOfDelimited(rangeEnd.length)
  }
  return size
}

export function writeCompare(buffer: Buffer, end: number, message: CompareInput): number {
  const { result, target, key, targetUnion, rangeEnd } = message
  let pos = end
  if (rangeEnd !== undefined && rangeEnd.length !== 0) {
    pos = writeKey(buffer, pos, rangeEnd)
    buffer[--pos] = 0x04
    buffer[--pos] = 0x82
  }
  switch (targetUnion?.case) {
    case 'version':
      pos = writeInt(buffer, pos, targetUnion.value)
      buffer[--pos] = 0x20
      break
    case 'createRevision':
      pos = writeInt(buffer, pos, targetUnion.value)
      buffer[--pos] = 0x28
      break
    case 'modRevision':
      pos = writeInt(buffer, pos, targetUnion.value)
      buffer[--pos] = 0x30
      break
    case 'value':
      pos = writeBytes(buffer, pos, targetUnion.value)
      buffer[--pos] = 0x3a
      break
    case 'lease':
      pos = writeBigint(buffer, pos, targetUnion.value)
      buffer[--pos] = 0x40
      break
  }
  if (key !== undefined && key.length !== 0) {
    pos = writeKey(buffer, pos, key)
    buffer[--pos] = 0x1a
  }
  if (target !== undefined && target !== 0) {
    pos = writeInt(buffer, pos, target)
    buffer[--pos] = 0x10
  }
  if (result !== undefined && result !== 0) {
    pos = writeInt(buffer, pos, result)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeCompare(bytes: Uint8Array): Compare {
  return readCompare(new Reader(bytes))
}

export function encodeCompare(message: CompareInput): Uint8Array {
  const size = sizeOfCompare(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeCompare(buffer, size, message))
}

export const Compare_CompareResult = {
  EQUAL: 0,
  GREATER: 1,
  LESS: 2,
  NOT_EQUAL: 3,
} as const
/** One of the constants, or a number that this version does not know. */
export type Compare_CompareResult = number

export const Compare_CompareTarget = {
  VERSION: 0,
  CREATE: 1,
  MOD: 2,
  VALUE: 3,
  LEASE: 4,
} as const
/** One of the constants, or a number that this version does not know. */
export type Compare_CompareTarget = number

export interface TxnRequest {
  readonly compare: readonly Compare[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}

export interface TxnRequestInput {
  compare?: readonly CompareInput[] | undefined
  success?: readonly RequestOpInput[] | undefined
  failure?: readonly RequestOpInput[] | undefined
}

export function readTxnRequest(reader: Reader): TxnRequest {
  const compare: Compare[] = []
  const success: RequestOp[] = []
  const failure: RequestOp[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        compare.push(readCompare(reader))
        reader.leave(outer)
        break
      }
      case 0x12: {
        const outer = reader.enter()
        success.push(readRequestOp(reader))
        reader.leave(outer)
        break
      }
      case 0x1a: {
        const outer = reader.enter()
        failure.push(readRequestOp(reader))
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { compare, success, failure }
}

export function sizeOfTxnRequest(message: TxnRequestInput): number {
  const { compare, success, failure } = message
  let size = 0
  if (compare !== undefined) {
    for (const value of compare) size += 1 + sizeOfDelimited(sizeOfCompare(value))
  }
  if (success !== undefined) {
    for (const value of success) size += 1 + sizeOfDelimited(sizeOfRequestOp(value))
  }
  if (failure !== undefined) {
    for (const value of failure) size += 1 + sizeOfDelimited(sizeOfRequestOp(value))
  }
  return size
}

export function writeTxnRequest(buffer: Buffer, end: number, message: TxnRequestInput): number {
  const { compare, success, failure } = message
  let pos = end
  if (failure !== undefined) {
    for (let i = failure.length - 1; i >= 0; i--) {
      const value = failure[i]!
      {
        const start = writeRequestOp(buffer, pos, value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x1a
      }
    }
  }
  if (success !== undefined) {
    for (let i = success.length - 1; i >= 0; i--) {
      const value = success[i]!
      {
        const start = writeRequestOp(buffer, pos, value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x12
      }
    }
  }
  if (compare !== undefined) {
    for (let i = compare.length - 1; i >= 0; i--) {
      const value = compare[i]!
      {
        const start = writeCompare(buffer, pos, value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x0a
      }
    }
  }
  return pos
}

export function decodeTxnRequest(bytes: Uint8Array): TxnRequest {
  return readTxnRequest(new Reader(bytes))
}

export function encodeTxnRequest(message: TxnRequestInput): Uint8Array {
  const size = sizeOfTxnRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeTxnRequest(buffer, size, message))
}

export interface TxnResponse {
  readonly header: ResponseHeader | undefined
  readonly succeeded: boolean
  readonly responses: readonly ResponseOp[]
}

export interface TxnResponseInput {
  header?: ResponseHeaderInput | undefined
  succeeded?: boolean | undefined
  responses?: readonly ResponseOpInput[] | undefined
}

export function readTxnResponse(reader: Reader): TxnResponse {
  let header: ResponseHeader | undefined
  let succeeded = false
  const responses: ResponseOp[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x10:
        succeeded = reader.bool()
        break
      case 0x1a: {
        const outer = reader.enter()
        responses.push(readResponseOp(reader))
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header, succeeded, responses }
}

export function sizeOfTxnResponse(message: TxnResponseInput): number {
  const { header, succeeded, responses } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (succeeded === true) {
    size += 1 + 1
  }
  if (responses !== undefined) {
    for (const value of responses) size += 1 + sizeOfDelimited(sizeOfResponseOp(value))
  }
  return size
}

export function writeTxnResponse(buffer: Buffer, end: number, message: TxnResponseInput): number {
  const { header, succeeded, responses } = message
  let pos = end
  if (responses !== undefined) {
    for (let i = responses.length - 1; i >= 0; i--) {
      const value = responses[i]!
      {
        const start = writeResponseOp(buffer, pos, value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x1a
      }
    }
  }
  if (succeeded === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x10
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeTxnResponse(bytes: Uint8Array): TxnResponse {
  return readTxnResponse(new Reader(bytes))
}

export function encodeTxnResponse(message: TxnResponseInput): Uint8Array {
  const size = sizeOfTxnResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeTxnResponse(buffer, size, message))
}

export interface CompactionRequest {
  readonly revision: number
  readonly physical: boolean
}

export interface CompactionRequestInput {
  revision?: number | undefined
  physical?: boolean | undefined
}

export function readCompactionRequest(reader: Reader): CompactionRequest {
  let revision = 0
  let physical = false
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        revision = reader.int64()
        break
      case 0x10:
        physical = reader.bool()
        break
      default:
        reader.skip(tag)
    }
  }
  return { revision, physical }
}

export function sizeOfCompactionRequest(message: CompactionRequestInput): number {
  const { revision, physical } = message
  let size = 0
  if (revision !== undefined && revision !== 0) {
    size += 1 + sizeOfInt(revision)
  }
  if (physical === true) {
    size += 1 + 1
  }
  return size
}

export function writeCompactionRequest(
  buffer: Buffer,
  end: number,
  message: CompactionRequestInput,
): number {
  const { revision, physical } = message
  let pos = end
  if (physical === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x10
  }
  if (revision !== undefined && revision !== 0) {
    pos = writeInt(buffer, pos, revision)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeCompactionRequest(bytes: Uint8Array): CompactionRequest {
  return readCompactionRequest(new Reader(bytes))
}

export function encodeCompactionRequest(message: CompactionRequestInput): Uint8Array {
  const size = sizeOfCompactionRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeCompactionRequest(buffer, size, message))
}

export interface CompactionResponse {
  readonly header: ResponseHeader | undefined
}

export interface CompactionResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readCompactionResponse(reader: Reader): CompactionResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfCompactionResponse(message: CompactionResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeCompactionResponse(
  buffer: Buffer,
  end: number,
  message: CompactionResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeCompactionResponse(bytes: Uint8Array): CompactionResponse {
  return readCompactionResponse(new Reader(bytes))
}

export function encodeCompactionResponse(message: CompactionResponseInput): Uint8Array {
  const size = sizeOfCompactionResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeCompactionResponse(buffer, size, message))
}

export type HashRequest = Readonly<Record<never, never>>

export type HashRequestInput = Readonly<Record<never, never>>

export function readHashRequest(reader: Reader): HashRequest {
  while (reader.pos < reader.end) reader.skip(reader.tag())
  return {}
}

export function sizeOfHashRequest(_message: HashRequestInput): number {
  return 0
}

export function writeHashRequest(_buffer: Buffer, end: number, _message: HashRequestInput): number {
  return end
}

export function decodeHashRequest(bytes: Uint8Array): HashRequest {
  return readHashRequest(new Reader(bytes))
}

export function encodeHashRequest(message: HashRequestInput): Uint8Array {
  const size = sizeOfHashRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeHashRequest(buffer, size, message))
}

export interface HashKVRequest {
  readonly revision: number
}

export interface HashKVRequestInput {
  revision?: number | undefined
}

export function readHashKVRequest(reader: Reader): HashKVRequest {
  let revision = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        revision = reader.int64()
        break
      default:
        reader.skip(tag)
    }
  }
  return { revision }
}

export function sizeOfHashKVRequest(message: HashKVRequestInput): number {
  const { revision } = message
  let size = 0
  if (revision !== undefined && revision !== 0) {
    size += 1 + sizeOfInt(revision)
  }
  return size
}

export function writeHashKVRequest(
  buffer: Buffer,
  end: number,
  message: HashKVRequestInput,
): number {
  const { revision } = message
  let pos = end
  if (revision !== undefined && revision !== 0) {
    pos = writeInt(buffer, pos, revision)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeHashKVRequest(bytes: Uint8Array): HashKVRequest {
  return readHashKVRequest(new Reader(bytes))
}

export function encodeHashKVRequest(message: HashKVRequestInput): Uint8Array {
  const size = sizeOfHashKVRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeHashKVRequest(buffer, size, message))
}

export interface HashKVResponse {
  readonly header: ResponseHeader | undefined
  readonly hash: number
  readonly compactRevision: number
  readonly hashRevision: number
}

export interface HashKVResponseInput {
  header?: ResponseHeaderInput | undefined
  hash?: number | undefined
  compactRevision?: number | undefined
  hashRevision?: number | undefined
}

export function readHashKVResponse(reader: Reader): HashKVResponse {
  let header: ResponseHeader | undefined
  let hash = 0
  let compactRevision = 0
  let hashRevision = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x10:
        hash = reader.uint32()
        break
      case 0x18:
        compactRevision = reader.int64()
        break
      case 0x20:
        hashRevision = reader.int64()
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, hash, compactRevision, hashRevision }
}

export function sizeOfHashKVResponse(message: HashKVResponseInput): number {
  const { header, hash, compactRevision, hashRevision } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (hash !== undefined && hash !== 0) {
    size += 1 + sizeOfInt(hash)
  }
  if (compactRevision !== undefined && compactRevision !== 0) {
    size += 1 + sizeOfInt(compactRevision)
  }
  if (hashRevision !== undefined && hashRevision !== 0) {
    size += 1 + sizeOfInt(hashRevision)
  }
  return size
}

export function writeHashKVResponse(
  buffer: Buffer,
  end: number,
  message: HashKVResponseInput,
): number {
  const { header, hash, compactRevision, hashRevision } = message
  let pos = end
  if (hashRevision !== undefined && hashRevision !== 0) {
    pos = writeInt(buffer, pos, hashRevision)
    buffer[--pos] = 0x20
  }
  if (compactRevision !== undefined && compactRevision !== 0) {
    pos = writeInt(buffer, pos, compactRevision)
    buffer[--pos] = 0x18
  }
  if (hash !== undefined && hash !== 0) {
    pos = writeInt(buffer, pos, hash)
    buffer[--pos] = 0x10
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeHashKVResponse(bytes: Uint8Array): HashKVResponse {
  return readHashKVResponse(new Reader(bytes))
}

export function encodeHashKVResponse(message: HashKVResponseInput): Uint8Array {
  const size = sizeOfHashKVResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeHashKVResponse(buffer, size, message))
}

export interface HashResponse {
  readonly header: ResponseHeader | undefined
  readonly hash: number
}

export interface HashResponseInput {
  header?: ResponseHeaderInput | undefined
  hash?: number | undefined
}

export function readHashResponse(reader: Reader): HashResponse {
  let header: ResponseHeader | undefined
  let hash = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x10:
        hash = reader.uint32()
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, hash }
}

export function sizeOfHashResponse(message: HashResponseInput): number {
  const { header, hash } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (hash !== undefined && hash !== 0) {
    size += 1 + sizeOfInt(hash)
  }
  return size
}

export function writeHashResponse(buffer: Buffer, end: number, message: HashResponseInput): number {
  const { header, hash } = message
  let pos = end
  if (hash !== undefined && hash !== 0) {
    pos = writeInt(buffer, pos, hash)
    buffer[--pos] = 0x10
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeHashResponse(bytes: Uint8Array): HashResponse {
  return readHashResponse(new Reader(bytes))
}

export function encodeHashResponse(message: HashResponseInput): Uint8Array {
  const size = sizeOfHashResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeHashResponse(buffer, size, message))
}

export type SnapshotRequest = Readonly<Record<never, never>>

export type SnapshotRequestInput = Readonly<Record<never, never>>

export function readSnapshotRequest(reader: Reader): SnapshotRequest {
  while (reader.pos < reader.end) reader.skip(reader.tag())
  return {}
}

export function sizeOfSnapshotRequest(_message: SnapshotRequestInput): number {
  return 0
}

export function writeSnapshotRequest(
  _buffer: Buffer,
  end: number,
  _message: SnapshotRequestInput,
): number {
  return end
}

export function decodeSnapshotRequest(bytes: Uint8Array): SnapshotRequest {
  return readSnapshotRequest(new Reader(bytes))
}

export function encodeSnapshotRequest(message: SnapshotRequestInput): Uint8Array {
  const size = sizeOfSnapshotRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeSnapshotRequest(buffer, size, message))
}

export interface SnapshotResponse {
  readonly header: ResponseHeader | undefined
  readonly remainingBytes: number
  readonly blob: Uint8Array
  readonly version: string
}

export interface SnapshotResponseInput {
  header?: ResponseHeaderInput | undefined
  remainingBytes?: number | undefined
  blob?: Uint8Array | undefined
  version?: string | undefined
}

export function readSnapshotResponse(reader: Reader): SnapshotResponse {
  let header: ResponseHeader | undefined
  let remainingBytes = 0
  let blob: Uint8Array = NO_BYTES
  let version = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x10:
        remainingBytes = reader.uint64()
        break
      case 0x1a:
        blob = reader.view()
        break
      case 0x22:
        version = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, remainingBytes, blob, version }
}

export function sizeOfSnapshotResponse(message: SnapshotResponseInput): number {
  const { header, remainingBytes, blob, version } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (remainingBytes !== undefined && remainingBytes !== 0) {
    size += 1 + sizeOfInt(remainingBytes)
  }
  if (blob !== undefined && blob.length !== 0) {
    size += 1 + sizeOfDelimited(blob.length)
  }
  if (version !== undefined && version.length !== 0) {
    size += 1 + sizeOfString(version)
  }
  return size
}

export function writeSnapshotResponse(
  buffer: Buffer,
  end: number,
  message: SnapshotResponseInput,
): number {
  const { header, remainingBytes, blob, version } = message
  let pos = end
  if (version !== undefined && version.length !== 0) {
    pos = writeString(buffer, pos, version)
    buffer[--pos] = 0x22
  }
  if (blob !== undefined && blob.length !== 0) {
    pos = writeBytes(buffer, pos, blob)
    buffer[--pos] = 0x1a
  }
  if (remainingBytes !== undefined && remainingBytes !== 0) {
    pos = writeInt(buffer, pos, remainingBytes)
    buffer[--pos] = 0x10
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeSnapshotResponse(bytes: Uint8Array): SnapshotResponse {
  return readSnapshotResponse(new Reader(bytes))
}

export function encodeSnapshotResponse(message: SnapshotResponseInput): Uint8Array {
  const size = sizeOfSnapshotResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeSnapshotResponse(buffer, size, message))
}

export interface WatchRequest {
  readonly requestUnion:
    | { readonly case: 'createRequest'; readonly value: WatchCreateRequest }
    | { readonly case: 'cancelRequest'; readonly value: WatchCancelRequest }
    | { readonly case: 'progressRequest'; readonly value: WatchProgressRequest }
    | undefined
}

export interface WatchRequestInput {
  requestUnion?:
    | { readonly case: 'createRequest'; readonly value: WatchCreateRequestInput }
    | { readonly case: 'cancelRequest'; readonly value: WatchCancelRequestInput }
    | { readonly case: 'progressRequest'; readonly value: WatchProgressRequestInput }
    | undefined
}

export function readWatchRequest(reader: Reader): WatchRequest {
  let requestUnion: WatchRequest['requestUnion']
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        requestUnion = { case: 'createRequest', value: readWatchCreateRequest(reader) }
        reader.leave(outer)
        break
      }
      case 0x12: {
        const outer = reader.enter()
        requestUnion = { case: 'cancelRequest', value: readWatchCancelRequest(reader) }
        reader.leave(outer)
        break
      }
      case 0x1a: {
        const outer = reader.enter()
        requestUnion = { case: 'progressRequest', value: readWatchProgressRequest(reader) }
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { requestUnion }
}

export function sizeOfWatchRequest(message: WatchRequestInput): number {
  const { requestUnion } = message
  let size = 0
  switch (requestUnion?.case) {
    case 'createRequest':
      size += 1 + sizeOfDelimited(sizeOfWatchCreateRequest(requestUnion.value))
      break
    case 'cancelRequest':
      size += 1 + sizeOfDelimited(sizeOfWatchCancelRequest(requestUnion.value))
      break
    case 'progressRequest':
      size += 1 + sizeOfDelimited(sizeOfWatchProgressRequest(requestUnion.value))
      break
  }
  return size
}

export function writeWatchRequest(buffer: Buffer, end: number, message: WatchRequestInput): number {
  const { requestUnion } = message
  let pos = end
  switch (requestUnion?.case) {
    case 'createRequest':
      {
        const start = writeWatchCreateRequest(buffer, pos, requestUnion.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x0a
      }
      break
    case 'cancelRequest':
      {
        const start = writeWatchCancelRequest(buffer, pos, requestUnion.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x12
      }
      break
    case 'progressRequest':
      {
        const start = writeWatchProgressRequest(buffer, pos, requestUnion.value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x1a
      }
      break
  }
  return pos
}

export function decodeWatchRequest(bytes: Uint8Array): WatchRequest {
  return readWatchRequest(new Reader(bytes))
}

export function encodeWatchRequest(message: WatchRequestInput): Uint8Array {
  const size = sizeOfWatchRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeWatchRequest(buffer, size, message))
}

export interface WatchCreateRequest {
  readonly key: Key
  readonly rangeEnd: Key
  readonly startRevision: number
  readonly progressNotify: boolean
  readonly filters: readonly WatchCreateRequest_FilterType[]
  readonly prevKv: boolean
  readonly watchId: bigint
  readonly fragment: boolean
}

export interface WatchCreateRequestInput {
  key?: Key | undefined
  rangeEnd?: Key | undefined
  startRevision?: number | undefined
  progressNotify?: boolean | undefined
  filters?: readonly WatchCreateRequest_FilterType[] | undefined
  prevKv?: boolean | undefined
  watchId?: bigint | undefined
  fragment?: boolean | undefined
}

export function readWatchCreateRequest(reader: Reader): WatchCreateRequest {
  let key = '' as Key
  let rangeEnd = '' as Key
  let startRevision = 0
  let progressNotify = false
  const filters: WatchCreateRequest_FilterType[] = []
  let prevKv = false
  let watchId = 0n
  let fragment = false
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        key = reader.key()
        break
      case 0x12:
        rangeEnd = reader.key()
        break
      case 0x18:
        startRevision = reader.int64()
        break
      case 0x20:
        progressNotify = reader.bool()
        break
      case 0x2a: {
        const outer = reader.enter()
        while (reader.pos < reader.end) filters.push(reader.int32())
        reader.leave(outer)
        break
      }
      case 0x28:
        filters.push(reader.int32())
        break
      case 0x30:
        prevKv = reader.bool()
        break
      case 0x38:
        watchId = reader.bigint()
        break
      case 0x40:
        fragment = reader.bool()
        break
      default:
        reader.skip(tag)
    }
  }
  return { key, rangeEnd, startRevision, progressNotify, filters, prevKv, watchId, fragment }
}

export function sizeOfWatchCreateRequest(message: WatchCreateRequestInput): number {
  const { key, rangeEnd, startRevision, progressNotify, filters, prevKv, watchId, fragment } =
    message
  let size = 0
  if (key !== undefined && key.length !== 0) {
    size += 1 + sizeOfDelimited(key.length)
  }
  if (rangeEnd !== undefined && rangeEnd.length !== 0) {
    size += 1 + sizeOfDelimited(rangeEnd.length)
  }
  if (startRevision !== undefined && startRevision !== 0) {
    size += 1 + sizeOfInt(startRevision)
  }
  if (progressNotify === true) {
    size += 1 + 1
  }
  if (filters !== undefined && filters.length !== 0) {
    let packed = 0
    for (const value of filters) packed += sizeOfInt(value)
    size += 1 + sizeOfDelimited(packed)
  }
  if (prevKv === true) {
    size += 1 + 1
  }
  if (watchId !== undefined && watchId !== 0n) {
    size += 1 + sizeOfBigint(watchId)
  }
  if (fragment === true) {
    size += 1 + 1
  }
  return size
}

export function writeWatchCreateRequest(
  buffer: Buffer,
  end: number,
  message: WatchCreateRequestInput,
): number {
  const { key, rangeEnd, startRevision, progressNotify, filters, prevKv, watchId, fragment } =
    message
  let pos = end
  if (fragment === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x40
  }
  if (watchId !== undefined && watchId !== 0n) {
    pos = writeBigint(buffer, pos, watchId)
    buffer[--pos] = 0x38
  }
  if (prevKv === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x30
  }
  if (filters !== undefined && filters.length !== 0) {
    const packedEnd = pos
    for (let i = filters.length - 1; i >= 0; i--) pos = writeInt(buffer, pos, filters[i]!)
    pos = writeLength(buffer, pos, packedEnd - pos)
    buffer[--pos] = 0x2a
  }
  if (progressNotify === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x20
  }
  if (startRevision !== undefined && startRevision !== 0) {
    pos = writeInt(buffer, pos, startRevision)
    buffer[--pos] = 0x18
  }
  if (rangeEnd !== undefined && rangeEnd.length !== 0) {
    pos = writeKey(buffer, pos, rangeEnd)
    buffer[--pos] = 0x12
  }
  if (key !== undefined && key.length !== 0) {
    pos = writeKey(buffer, pos, key)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeWatchCreateRequest(bytes: Uint8Array): WatchCreateRequest {
  return readWatchCreateRequest(new Reader(bytes))
}

export function encodeWatchCreateRequest(message: WatchCreateRequestInput): Uint8Array {
  const size = sizeOfWatchCreateRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeWatchCreateRequest(buffer, size, message))
}

export const WatchCreateRequest_FilterType = {
  NOPUT: 0,
  NODELETE: 1,
} as const
/** One of the constants, or a number that this version does not know. */
export type WatchCreateRequest_FilterType = number

export interface WatchCancelRequest {
  readonly watchId: bigint
}

export interface WatchCancelRequestInput {
  watchId?: bigint | undefined
}

export function readWatchCancelRequest(reader: Reader): WatchCancelRequest {
  let watchId = 0n
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        watchId = reader.bigint()
        break
      default:
        reader.skip(tag)
    }
  }
  return { watchId }
}

export function sizeOfWatchCancelRequest(message: WatchCancelRequestInput): number {
  const { watchId } = message
  let size = 0
  if (watchId !== undefined && watchId !== 0n) {
    size += 1 + sizeOfBigint(watchId)
  }
  return size
}

export function writeWatchCancelRequest(
  buffer: Buffer,
  end: number,
  message: WatchCancelRequestInput,
): number {
  const { watchId } = message
  let pos = end
  if (watchId !== undefined && watchId !== 0n) {
    pos = writeBigint(buffer, pos, watchId)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeWatchCancelRequest(bytes: Uint8Array): WatchCancelRequest {
  return readWatchCancelRequest(new Reader(bytes))
}

export function encodeWatchCancelRequest(message: WatchCancelRequestInput): Uint8Array {
  const size = sizeOfWatchCancelRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeWatchCancelRequest(buffer, size, message))
}

export type WatchProgressRequest = Readonly<Record<never, never>>

export type WatchProgressRequestInput = Readonly<Record<never, never>>

export function readWatchProgressRequest(reader: Reader): WatchProgressRequest {
  while (reader.pos < reader.end) reader.skip(reader.tag())
  return {}
}

export function sizeOfWatchProgressRequest(_message: WatchProgressRequestInput): number {
  return 0
}

export function writeWatchProgressRequest(
  _buffer: Buffer,
  end: number,
  _message: WatchProgressRequestInput,
): number {
  return end
}

export function decodeWatchProgressRequest(bytes: Uint8Array): WatchProgressRequest {
  return readWatchProgressRequest(new Reader(bytes))
}

export function encodeWatchProgressRequest(message: WatchProgressRequestInput): Uint8Array {
  const size = sizeOfWatchProgressRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeWatchProgressRequest(buffer, size, message))
}

export interface WatchResponse {
  readonly header: ResponseHeader | undefined
  readonly watchId: bigint
  readonly created: boolean
  readonly canceled: boolean
  readonly compactRevision: number
  readonly cancelReason: string
  readonly fragment: boolean
  readonly events: readonly Event[]
}

export interface WatchResponseInput {
  header?: ResponseHeaderInput | undefined
  watchId?: bigint | undefined
  created?: boolean | undefined
  canceled?: boolean | undefined
  compactRevision?: number | undefined
  cancelReason?: string | undefined
  fragment?: boolean | undefined
  events?: readonly EventInput[] | undefined
}

export function readWatchResponse(reader: Reader): WatchResponse {
  let header: ResponseHeader | undefined
  let watchId = 0n
  let created = false
  let canceled = false
  let compactRevision = 0
  let cancelReason = ''
  let fragment = false
  const events: Event[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x10:
        watchId = reader.bigint()
        break
      case 0x18:
        created = reader.bool()
        break
      case 0x20:
        canceled = reader.bool()
        break
      case 0x28:
        compactRevision = reader.int64()
        break
      case 0x32:
        cancelReason = reader.string()
        break
      case 0x38:
        fragment = reader.bool()
        break
      case 0x5a: {
        const outer = reader.enter()
        events.push(readEvent(reader))
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header, watchId, created, canceled, compactRevision, cancelReason, fragment, events }
}

export function sizeOfWatchResponse(message: WatchResponseInput): number {
  const { header, watchId, created, canceled, compactRevision, cancelReason, fragment, events } =
    message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (watchId !== undefined && watchId !== 0n) {
    size += 1 + sizeOfBigint(watchId)
  }
  if (created === true) {
    size += 1 + 1
  }
  if (canceled === true) {
    size += 1 + 1
  }
  if (compactRevision !== undefined && compactRevision !== 0) {
    size += 1 + sizeOfInt(compactRevision)
  }
  if (cancelReason !== undefined && cancelReason.length !== 0) {
    size += 1 + sizeOfString(cancelReason)
  }
  if (fragment === true) {
    size += 1 + 1
  }
  if (events !== undefined) {
    for (const value of events) size += 1 + sizeOfDelimited(sizeOfEvent(value))
  }
  return size
}

export function writeWatchResponse(
  buffer: Buffer,
  end: number,
  message: WatchResponseInput,
): number {
  const { header, watchId, created, canceled, compactRevision, cancelReason, fragment, events } =
    message
  let pos = end
  if (events !== undefined) {
    for (let i = events.length - 1; i >= 0; i--) {
      const value = events[i]!
      {
        const start = writeEvent(buffer, pos, value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x5a
      }
    }
  }
  if (fragment === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x38
  }
  if (cancelReason !== undefined && cancelReason.length !== 0) {
    pos = writeString(buffer, pos, cancelReason)
    buffer[--pos] = 0x32
  }
  if (compactRevision !== undefined && compactRevision !== 0) {
    pos = writeInt(buffer, pos, compactRevision)
    buffer[--pos] = 0x28
  }
  if (canceled === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x20
  }
  if (created === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x18
  }
  if (watchId !== undefined && watchId !== 0n) {
    pos = writeBigint(buffer, pos, watchId)
    buffer[--pos] = 0x10
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeWatchResponse(bytes: Uint8Array): WatchResponse {
  return readWatchResponse(new Reader(bytes))
}

export function encodeWatchResponse(message: WatchResponseInput): Uint8Array {
  const size = sizeOfWatchResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeWatchResponse(buffer, size, message))
}

export interface LeaseGrantRequest {
  readonly ttl: number
  readonly id: bigint
}

export interface LeaseGrantRequestInput {
  ttl?: number | undefined
  id?: bigint | undefined
}

export function readLeaseGrantRequest(reader: Reader): LeaseGrantRequest {
  let ttl = 0
  let id = 0n
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        ttl = reader.int64()
        break
      case 0x10:
        id = reader.bigint()
        break
      default:
        reader.skip(tag)
    }
  }
  return { ttl, id }
}

export function sizeOfLeaseGrantRequest(message: LeaseGrantRequestInput): number {
  const { ttl, id } = message
  let size = 0
  if (ttl !== undefined && ttl !== 0) {
    size += 1 + sizeOfInt(ttl)
  }
  if (id !== undefined && id !== 0n) {
    size += 1 + sizeOfBigint(id)
  }
  return size
}

export function writeLeaseGrantRequest(
  buffer: Buffer,
  end: number,
  message: LeaseGrantRequestInput,
): number {
  const { ttl, id } = message
  let pos = end
  if (id !== undefined && id !== 0n) {
    pos = writeBigint(buffer, pos, id)
    buffer[--pos] = 0x10
  }
  if (ttl !== undefined && ttl !== 0) {
    pos = writeInt(buffer, pos, ttl)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeLeaseGrantRequest(bytes: Uint8Array): LeaseGrantRequest {
  return readLeaseGrantRequest(new Reader(bytes))
}

export function encodeLeaseGrantRequest(message: LeaseGrantRequestInput): Uint8Array {
  const size = sizeOfLeaseGrantRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseGrantRequest(buffer, size, message))
}

export interface LeaseGrantResponse {
  readonly header: ResponseHeader | undefined
  readonly id: bigint
  readonly ttl: number
  readonly error: string
}

export interface LeaseGrantResponseInput {
  header?: ResponseHeaderInput | undefined
  id?: bigint | undefined
  ttl?: number | undefined
  error?: string | undefined
}

export function readLeaseGrantResponse(reader: Reader): LeaseGrantResponse {
  let header: ResponseHeader | undefined
  let id = 0n
  let ttl = 0
  let error = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x10:
        id = reader.bigint()
        break
      case 0x18:
        ttl = reader.int64()
        break
      case 0x22:
        error = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, id, ttl, error }
}

export function sizeOfLeaseGrantResponse(message: LeaseGrantResponseInput): number {
  const { header, id, ttl, error } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (id !== undefined && id !== 0n) {
    size += 1 + sizeOfBigint(id)
  }
  if (ttl !== undefined && ttl !== 0) {
    size += 1 + sizeOfInt(ttl)
  }
  if (error !== undefined && error.length !== 0) {
    size += 1 + sizeOfString(error)
  }
  return size
}

export function writeLeaseGrantResponse(
  buffer: Buffer,
  end: number,
  message: LeaseGrantResponseInput,
): number {
  const { header, id, ttl, error } = message
  let pos = end
  if (error !== undefined && error.length !== 0) {
    pos = writeString(buffer, pos, error)
    buffer[--pos] = 0x22
  }
  if (ttl !== undefined && ttl !== 0) {
    pos = writeInt(buffer, pos, ttl)
    buffer[--pos] = 0x18
  }
  if (id !== undefined && id !== 0n) {
    pos = writeBigint(buffer, pos, id)
    buffer[--pos] = 0x10
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeLeaseGrantResponse(bytes: Uint8Array): LeaseGrantResponse {
  return readLeaseGrantResponse(new Reader(bytes))
}

export function encodeLeaseGrantResponse(message: LeaseGrantResponseInput): Uint8Array {
  const size = sizeOfLeaseGrantResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseGrantResponse(buffer, size, message))
}

export interface LeaseRevokeRequest {
  readonly id: bigint
}

export interface LeaseRevokeRequestInput {
  id?: bigint | undefined
}

export function readLeaseRevokeRequest(reader: Reader): LeaseRevokeRequest {
  let id = 0n
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        id = reader.bigint()
        break
      default:
        reader.skip(tag)
    }
  }
  return { id }
}

export function sizeOfLeaseRevokeRequest(message: LeaseRevokeRequestInput): number {
  const { id } = message
  let size = 0
  if (id !== undefined && id !== 0n) {
    size += 1 + sizeOfBigint(id)
  }
  return size
}

export function writeLeaseRevokeRequest(
  buffer: Buffer,
  end: number,
  message: LeaseRevokeRequestInput,
): number {
  const { id } = message
  let pos = end
  if (id !== undefined && id !== 0n) {
    pos = writeBigint(buffer, pos, id)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeLeaseRevokeRequest(bytes: Uint8Array): LeaseRevokeRequest {
  return readLeaseRevokeRequest(new Reader(bytes))
}

export function encodeLeaseRevokeRequest(message: LeaseRevokeRequestInput): Uint8Array {
  const size = sizeOfLeaseRevokeRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseRevokeRequest(buffer, size, message))
}

export interface LeaseRevokeResponse {
  readonly header: ResponseHeader | undefined
}

export interface LeaseRevokeResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readLeaseRevokeResponse(reader: Reader): LeaseRevokeResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfLeaseRevokeResponse(message: LeaseRevokeResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeLeaseRevokeResponse(
  buffer: Buffer,
  end: number,
  message: LeaseRevokeResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeLeaseRevokeResponse(bytes: Uint8Array): LeaseRevokeResponse {
  return readLeaseRevokeResponse(new Reader(bytes))
}

export function encodeLeaseRevokeResponse(message: LeaseRevokeResponseInput): Uint8Array {
  const size = sizeOfLeaseRevokeResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseRevokeResponse(buffer, size, message))
}

export interface LeaseCheckpoint {
  readonly id: bigint
  readonly remainingTtl: number
}

export interface LeaseCheckpointInput {
  id?: bigint | undefined
  remainingTtl?: number | undefined
}

export function readLeaseCheckpoint(reader: Reader): LeaseCheckpoint {
  let id = 0n
  let remainingTtl = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        id = reader.bigint()
        break
      case 0x10:
        remainingTtl = reader.int64()
        break
      default:
        reader.skip(tag)
    }
  }
  return { id, remainingTtl }
}

export function sizeOfLeaseCheckpoint(message: LeaseCheckpointInput): number {
  const { id, remainingTtl } = message
  let size = 0
  if (id !== undefined && id !== 0n) {
    size += 1 + sizeOfBigint(id)
  }
  if (remainingTtl !== undefined && remainingTtl !== 0) {
    size += 1 + sizeOfInt(remainingTtl)
  }
  return size
}

export function writeLeaseCheckpoint(
  buffer: Buffer,
  end: number,
  message: LeaseCheckpointInput,
): number {
  const { id, remainingTtl } = message
  let pos = end
  if (remainingTtl !== undefined && remainingTtl !== 0) {
    pos = writeInt(buffer, pos, remainingTtl)
    buffer[--pos] = 0x10
  }
  if (id !== undefined && id !== 0n) {
    pos = writeBigint(buffer, pos, id)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeLeaseCheckpoint(bytes: Uint8Array): LeaseCheckpoint {
  return readLeaseCheckpoint(new Reader(bytes))
}

export function encodeLeaseCheckpoint(message: LeaseCheckpointInput): Uint8Array {
  const size = sizeOfLeaseCheckpoint(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseCheckpoint(buffer, size, message))
}

export interface LeaseCheckpointRequest {
  readonly checkpoints: readonly LeaseCheckpoint[]
}

export interface LeaseCheckpointRequestInput {
  checkpoints?: readonly LeaseCheckpointInput[] | undefined
}

export function readLeaseCheckpointRequest(reader: Reader): LeaseCheckpointRequest {
  const checkpoints: LeaseCheckpoint[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        checkpoints.push(readLeaseCheckpoint(reader))
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { checkpoints }
}

export function sizeOfLeaseCheckpointRequest(message: LeaseCheckpointRequestInput): number {
  const { checkpoints } = message
  let size = 0
  if (checkpoints !== undefined) {
    for (const value of checkpoints) size += 1 + sizeOfDelimited(sizeOfLeaseCheckpoint(value))
  }
  return size
}

export function writeLeaseCheckpointRequest(
  buffer: Buffer,
  end: number,
  message: LeaseCheckpointRequestInput,
): number {
  const { checkpoints } = message
  let pos = end
  if (checkpoints !== undefined) {
    for (let i = checkpoints.length - 1; i >= 0; i--) {
      const value = checkpoints[i]!
      {
        const start = writeLeaseCheckpoint(buffer, pos, value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x0a
      }
    }
  }
  return pos
}

export function decodeLeaseCheckpointRequest(bytes: Uint8Array): LeaseCheckpointRequest {
  return readLeaseCheckpointRequest(new Reader(bytes))
}

export function encodeLeaseCheckpointRequest(message: LeaseCheckpointRequestInput): Uint8Array {
  const size = sizeOfLeaseCheckpointRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseCheckpointRequest(buffer, size, message))
}

export interface LeaseCheckpointResponse {
  readonly header: ResponseHeader | undefined
}

export interface LeaseCheckpointResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readLeaseCheckpointResponse(reader: Reader): LeaseCheckpointResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfLeaseCheckpointResponse(message: LeaseCheckpointResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeLeaseCheckpointResponse(
  buffer: Buffer,
  end: number,
  message: LeaseCheckpointResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeLeaseCheckpointResponse(bytes: Uint8Array): LeaseCheckpointResponse {
  return readLeaseCheckpointResponse(new Reader(bytes))
}

export function encodeLeaseCheckpointResponse(message: LeaseCheckpointResponseInput): Uint8Array {
  const size = sizeOfLeaseCheckpointResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseCheckpointResponse(buffer, size, message))
}

export interface LeaseKeepAliveRequest {
  readonly id: bigint
}

export interface LeaseKeepAliveRequestInput {
  id?: bigint | undefined
}

export function readLeaseKeepAliveRequest(reader: Reader): LeaseKeepAliveRequest {
  let id = 0n
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        id = reader.bigint()
        break
      default:
        reader.skip(tag)
    }
  }
  return { id }
}

export function sizeOfLeaseKeepAliveRequest(message: LeaseKeepAliveRequestInput): number {
  const { id } = message
  let size = 0
  if (id !== undefined && id !== 0n) {
    size += 1 + sizeOfBigint(id)
  }
  return size
}

export function writeLeaseKeepAliveRequest(
  buffer: Buffer,
  end: number,
  message: LeaseKeepAliveRequestInput,
): number {
  const { id } = message
  let pos = end
  if (id !== undefined && id !== 0n) {
    pos = writeBigint(buffer, pos, id)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeLeaseKeepAliveRequest(bytes: Uint8Array): LeaseKeepAliveRequest {
  return readLeaseKeepAliveRequest(new Reader(bytes))
}

export function encodeLeaseKeepAliveRequest(message: LeaseKeepAliveRequestInput): Uint8Array {
  const size = sizeOfLeaseKeepAliveRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseKeepAliveRequest(buffer, size, message))
}

export interface LeaseKeepAliveResponse {
  readonly header: ResponseHeader | undefined
  readonly id: bigint
  readonly ttl: number
}

export interface LeaseKeepAliveResponseInput {
  header?: ResponseHeaderInput | undefined
  id?: bigint | undefined
  ttl?: number | undefined
}

export function readLeaseKeepAliveResponse(reader: Reader): LeaseKeepAliveResponse {
  let header: ResponseHeader | undefined
  let id = 0n
  let ttl = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x10:
        id = reader.bigint()
        break
      case 0x18:
        ttl = reader.int64()
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, id, ttl }
}

export function sizeOfLeaseKeepAliveResponse(message: LeaseKeepAliveResponseInput): number {
  const { header, id, ttl } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (id !== undefined && id !== 0n) {
    size += 1 + sizeOfBigint(id)
  }
  if (ttl !== undefined && ttl !== 0) {
    size += 1 + sizeOfInt(ttl)
  }
  return size
}

export function writeLeaseKeepAliveResponse(
  buffer: Buffer,
  end: number,
  message: LeaseKeepAliveResponseInput,
): number {
  const { header, id, ttl } = message
  let pos = end
  if (ttl !== undefined && ttl !== 0) {
    pos = writeInt(buffer, pos, ttl)
    buffer[--pos] = 0x18
  }
  if (id !== undefined && id !== 0n) {
    pos = writeBigint(buffer, pos, id)
    buffer[--pos] = 0x10
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeLeaseKeepAliveResponse(bytes: Uint8Array): LeaseKeepAliveResponse {
  return readLeaseKeepAliveResponse(new Reader(bytes))
}

export function encodeLeaseKeepAliveResponse(message: LeaseKeepAliveResponseInput): Uint8Array {
  const size = sizeOfLeaseKeepAliveResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseKeepAliveResponse(buffer, size, message))
}

export interface LeaseTimeToLiveRequest {
  readonly id: bigint
  readonly keys: boolean
}

export interface LeaseTimeToLiveRequestInput {
  id?: bigint | undefined
  keys?: boolean | undefined
}

export function readLeaseTimeToLiveRequest(reader: Reader): LeaseTimeToLiveRequest {
  let id = 0n
  let keys = false
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        id = reader.bigint()
        break
      case 0x10:
        keys = reader.bool()
        break
      default:
        reader.skip(tag)
    }
  }
  return { id, keys }
}

export function sizeOfLeaseTimeToLiveRequest(message: LeaseTimeToLiveRequestInput): number {
  const { id, keys } = message
  let size = 0
  if (id !== undefined && id !== 0n) {
    size += 1 + sizeOfBigint(id)
  }
  if (keys === true) {
    size += 1 + 1
  }
  return size
}

export function writeLeaseTimeToLiveRequest(
  buffer: Buffer,
  end: number,
  message: LeaseTimeToLiveRequestInput,
): number {
  const { id, keys } = message
  let pos = end
  if (keys === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x10
  }
  if (id !== undefined && id !== 0n) {
    pos = writeBigint(buffer, pos, id)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeLeaseTimeToLiveRequest(bytes: Uint8Array): LeaseTimeToLiveRequest {
  return readLeaseTimeToLiveRequest(new Reader(bytes))
}

export function encodeLeaseTimeToLiveRequest(message: LeaseTimeToLiveRequestInput): Uint8Array {
  const size = sizeOfLeaseTimeToLiveRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseTimeToLiveRequest(buffer, size, message))
}

export interface LeaseTimeToLiveResponse {
  readonly header: ResponseHeader | undefined
  readonly id: bigint
  readonly ttl: number
  readonly grantedTtl: number
  readonly keys: readonly Key[]
}

export interface LeaseTimeToLiveResponseInput {
  header?: ResponseHeaderInput | undefined
  id?: bigint | undefined
  ttl?: number | undefined
  grantedTtl?: number | undefined
  keys?: readonly Key[] | undefined
}

export function readLeaseTimeToLiveResponse(reader: Reader): LeaseTimeToLiveResponse {
  let header: ResponseHeader | undefined
  let id = 0n
  let ttl = 0
  let grantedTtl = 0
  const keys: Key[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x10:
        id = reader.bigint()
        break
      case 0x18:
        ttl = reader.int64()
        break
      case 0x20:
        grantedTtl = reader.int64()
        break
      case 0x2a:
        keys.push(reader.key())
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, id, ttl, grantedTtl, keys }
}

export function sizeOfLeaseTimeToLiveResponse(message: LeaseTimeToLiveResponseInput): number {
  const { header, id, ttl, grantedTtl, keys } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (id !== undefined && id !== 0n) {
    size += 1 + sizeOfBigint(id)
  }
  if (ttl !== undefined && ttl !== 0) {
    size += 1 + sizeOfInt(ttl)
  }
  if (grantedTtl !== undefined && grantedTtl !== 0) {
    size += 1 + sizeOfInt(grantedTtl)
  }
  if (keys !== undefined) {
    for (const value of keys) size += 1 + sizeOfDelimited(value.length)
  }
  return size
}

export function writeLeaseTimeToLiveResponse(
  buffer: Buffer,
  end: number,
  message: LeaseTimeToLiveResponseInput,
): number {
  const { header, id, ttl, grantedTtl, keys } = message
  let pos = end
  if (keys !== undefined) {
    for (let i = keys.length - 1; i >= 0; i--) {
      const value = keys[i]!
      pos = writeKey(buffer, pos, value)
      buffer[--pos] = 0x2a
    }
  }
  if (grantedTtl !== undefined && grantedTtl !== 0) {
    pos = writeInt(buffer, pos, grantedTtl)
    buffer[--pos] = 0x20
  }
  if (ttl !== undefined && ttl !== 0) {
    pos = writeInt(buffer, pos, ttl)
    buffer[--pos] = 0x18
  }
  if (id !== undefined && id !== 0n) {
    pos = writeBigint(buffer, pos, id)
    buffer[--pos] = 0x10
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeLeaseTimeToLiveResponse(bytes: Uint8Array): LeaseTimeToLiveResponse {
  return readLeaseTimeToLiveResponse(new Reader(bytes))
}

export function encodeLeaseTimeToLiveResponse(message: LeaseTimeToLiveResponseInput): Uint8Array {
  const size = sizeOfLeaseTimeToLiveResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseTimeToLiveResponse(buffer, size, message))
}

export type LeaseLeasesRequest = Readonly<Record<never, never>>

export type LeaseLeasesRequestInput = Readonly<Record<never, never>>

export function readLeaseLeasesRequest(reader: Reader): LeaseLeasesRequest {
  while (reader.pos < reader.end) reader.skip(reader.tag())
  return {}
}

export function sizeOfLeaseLeasesRequest(_message: LeaseLeasesRequestInput): number {
  return 0
}

export function writeLeaseLeasesRequest(
  _buffer: Buffer,
  end: number,
  _message: LeaseLeasesRequestInput,
): number {
  return end
}

export function decodeLeaseLeasesRequest(bytes: Uint8Array): LeaseLeasesRequest {
  return readLeaseLeasesRequest(new Reader(bytes))
}

export function encodeLeaseLeasesRequest(message: LeaseLeasesRequestInput): Uint8Array {
  const size = sizeOfLeaseLeasesRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseLeasesRequest(buffer, size, message))
}

export interface LeaseStatus {
  readonly id: bigint
}

export interface LeaseStatusInput {
  id?: bigint | undefined
}

export function readLeaseStatus(reader: Reader): LeaseStatus {
  let id = 0n
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        id = reader.bigint()
        break
      default:
        reader.skip(tag)
    }
  }
  return { id }
}

export function sizeOfLeaseStatus(message: LeaseStatusInput): number {
  const { id } = message
  let size = 0
  if (id !== undefined && id !== 0n) {
    size += 1 + sizeOfBigint(id)
  }
  return size
}

export function writeLeaseStatus(buffer: Buffer, end: number, message: LeaseStatusInput): number {
  const { id } = message
  let pos = end
  if (id !== undefined && id !== 0n) {
    pos = writeBigint(buffer, pos, id)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeLeaseStatus(bytes: Uint8Array): LeaseStatus {
  return readLeaseStatus(new Reader(bytes))
}

export function encodeLeaseStatus(message: LeaseStatusInput): Uint8Array {
  const size = sizeOfLeaseStatus(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseStatus(buffer, size, message))
}

export interface LeaseLeasesResponse {
  readonly header: ResponseHeader | undefined
  readonly leases: readonly LeaseStatus[]
}

export interface LeaseLeasesResponseInput {
  header?: ResponseHeaderInput | undefined
  leases?: readonly LeaseStatusInput[] | undefined
}

export function readLeaseLeasesResponse(reader: Reader): LeaseLeasesResponse {
  let header: ResponseHeader | undefined
  const leases: LeaseStatus[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12: {
        const outer = reader.enter()
        leases.push(readLeaseStatus(reader))
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header, leases }
}

export function sizeOfLeaseLeasesResponse(message: LeaseLeasesResponseInput): number {
  const { header, leases } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (leases !== undefined) {
    for (const value of leases) size += 1 + sizeOfDelimited(sizeOfLeaseStatus(value))
  }
  return size
}

export function writeLeaseLeasesResponse(
  buffer: Buffer,
  end: number,
  message: LeaseLeasesResponseInput,
): number {
  const { header, leases } = message
  let pos = end
  if (leases !== undefined) {
    for (let i = leases.length - 1; i >= 0; i--) {
      const value = leases[i]!
      {
        const start = writeLeaseStatus(buffer, pos, value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x12
      }
    }
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeLeaseLeasesResponse(bytes: Uint8Array): LeaseLeasesResponse {
  return readLeaseLeasesResponse(new Reader(bytes))
}

export function encodeLeaseLeasesResponse(message: LeaseLeasesResponseInput): Uint8Array {
  const size = sizeOfLeaseLeasesResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaseLeasesResponse(buffer, size, message))
}

export interface Member {
  readonly id: string
  readonly name: string
  readonly peerUrls: readonly string[]
  readonly clientUrls: readonly string[]
  readonly isLearner: boolean
}

export interface MemberInput {
  id?: string | undefined
  name?: string | undefined
  peerUrls?: readonly string[] | undefined
  clientUrls?: readonly string[] | undefined
  isLearner?: boolean | undefined
}

export function readMember(reader: Reader): Member {
  let id = ''
  let name = ''
  const peerUrls: string[] = []
  const clientUrls: string[] = []
  let isLearner = false
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        id = reader.hexId()
        break
      case 0x12:
        name = reader.string()
        break
      case 0x1a:
        peerUrls.push(reader.string())
        break
      case 0x22:
        clientUrls.push(reader.string())
        break
      case 0x28:
        isLearner = reader.bool()
        break
      default:
        reader.skip(tag)
    }
  }
  return { id, name, peerUrls, clientUrls, isLearner }
}

export function sizeOfMember(message: MemberInput): number {
  const { id, name, peerUrls, clientUrls, isLearner } = message
  let size = 0
  if (id !== undefined && !isNoId(id)) {
    size += 1 + sizeOfHexId(id)
  }
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfString(name)
  }
  if (peerUrls !== undefined) {
    for (const value of peerUrls) size += 1 + sizeOfString(value)
  }
  if (clientUrls !== undefined) {
    for (const value of clientUrls) size += 1 + sizeOfString(value)
  }
  if (isLearner === true) {
    size += 1 + 1
  }
  return size
}

export function writeMember(buffer: Buffer, end: number, message: MemberInput): number {
  const { id, name, peerUrls, clientUrls, isLearner } = message
  let pos = end
  if (isLearner === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x28
  }
  if (clientUrls !== undefined) {
    for (let i = clientUrls.length - 1; i >= 0; i--) {
      const value = clientUrls[i]!
      pos = writeString(buffer, pos, value)
      buffer[--pos] = 0x22
    }
  }
  if (peerUrls !== undefined) {
    for (let i = peerUrls.length - 1; i >= 0; i--) {
      const value = peerUrls[i]!
      pos = writeString(buffer, pos, value)
      buffer[--pos] = 0x1a
    }
  }
  if (name !== undefined && name.length !== 0) {
    pos = writeString(buffer, pos, name)
    buffer[--pos] = 0x12
  }
  if (id !== undefined && !isNoId(id)) {
    pos = writeHexId(buffer, pos, id)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeMember(bytes: Uint8Array): Member {
  return readMember(new Reader(bytes))
}

export function encodeMember(message: MemberInput): Uint8Array {
  const size = sizeOfMember(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMember(buffer, size, message))
}

export interface MemberAddRequest {
  readonly peerUrls: readonly string[]
  readonly isLearner: boolean
}

export interface MemberAddRequestInput {
  peerUrls?: readonly string[] | undefined
  isLearner?: boolean | undefined
}

export function readMemberAddRequest(reader: Reader): MemberAddRequest {
  const peerUrls: string[] = []
  let isLearner = false
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        peerUrls.push(reader.string())
        break
      case 0x10:
        isLearner = reader.bool()
        break
      default:
        reader.skip(tag)
    }
  }
  return { peerUrls, isLearner }
}

export function sizeOfMemberAddRequest(message: MemberAddRequestInput): number {
  const { peerUrls, isLearner } = message
  let size = 0
  if (peerUrls !== undefined) {
    for (const value of peerUrls) size += 1 + sizeOfString(value)
  }
  if (isLearner === true) {
    size += 1 + 1
  }
  return size
}

export function writeMemberAddRequest(
  buffer: Buffer,
  end: number,
  message: MemberAddRequestInput,
): number {
  const { peerUrls, isLearner } = message
  let pos = end
  if (isLearner === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x10
  }
  if (peerUrls !== undefined) {
    for (let i = peerUrls.length - 1; i >= 0; i--) {
      const value = peerUrls[i]!
      pos = writeString(buffer, pos, value)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeMemberAddRequest(bytes: Uint8Array): MemberAddRequest {
  return readMemberAddRequest(new Reader(bytes))
}

export function encodeMemberAddRequest(message: MemberAddRequestInput): Uint8Array {
  const size = sizeOfMemberAddRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMemberAddRequest(buffer, size, message))
}

export interface MemberAddResponse {
  readonly header: ResponseHeader | undefined
  readonly member: Member | undefined
  readonly members: readonly Member[]
}

export interface MemberAddResponseInput {
  header?: ResponseHeaderInput | undefined
  member?: MemberInput | undefined
  members?: readonly MemberInput[] | undefined
}

export function readMemberAddResponse(reader: Reader): MemberAddResponse {
  let header: ResponseHeader | undefined
  let member: Member | undefined
  const members: Member[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12: {
        const outer = reader.enter()
        member = readMember(reader)
        reader.leave(outer)
        break
      }
      case 0x1a: {
        const outer = reader.enter()
        members.push(readMember(reader))
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header, member, members }
}

export function sizeOfMemberAddResponse(message: MemberAddResponseInput): number {
  const { header, member, members } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (member !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfMember(member))
  }
  if (members !== undefined) {
    for (const value of members) size += 1 + sizeOfDelimited(sizeOfMember(value))
  }
  return size
}

export function writeMemberAddResponse(
  buffer: Buffer,
  end: number,
  message: MemberAddResponseInput,
): number {
  const { header, member, members } = message
  let pos = end
  if (members !== undefined) {
    for (let i = members.length - 1; i >= 0; i--) {
      const value = members[i]!
      {
        const start = writeMember(buffer, pos, value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x1a
      }
    }
  }
  if (member !== undefined) {
    {
      const start = writeMember(buffer, pos, member)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x12
    }
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeMemberAddResponse(bytes: Uint8Array): MemberAddResponse {
  return readMemberAddResponse(new Reader(bytes))
}

export function encodeMemberAddResponse(message: MemberAddResponseInput): Uint8Array {
  const size = sizeOfMemberAddResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMemberAddResponse(buffer, size, message))
}

export interface MemberRemoveRequest {
  readonly id: string
}

export interface MemberRemoveRequestInput {
  id?: string | undefined
}

export function readMemberRemoveRequest(reader: Reader): MemberRemoveRequest {
  let id = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        id = reader.hexId()
        break
      default:
        reader.skip(tag)
    }
  }
  return { id }
}

export function sizeOfMemberRemoveRequest(message: MemberRemoveRequestInput): number {
  const { id } = message
  let size = 0
  if (id !== undefined && !isNoId(id)) {
    size += 1 + sizeOfHexId(id)
  }
  return size
}

export function writeMemberRemoveRequest(
  buffer: Buffer,
  end: number,
  message: MemberRemoveRequestInput,
): number {
  const { id } = message
  let pos = end
  if (id !== undefined && !isNoId(id)) {
    pos = writeHexId(buffer, pos, id)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeMemberRemoveRequest(bytes: Uint8Array): MemberRemoveRequest {
  return readMemberRemoveRequest(new Reader(bytes))
}

export function encodeMemberRemoveRequest(message: MemberRemoveRequestInput): Uint8Array {
  const size = sizeOfMemberRemoveRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMemberRemoveRequest(buffer, size, message))
}

export interface MemberRemoveResponse {
  readonly header: ResponseHeader | undefined
  readonly members: readonly Member[]
}

export interface MemberRemoveResponseInput {
  header?: ResponseHeaderInput | undefined
  members?: readonly MemberInput[] | undefined
}

export function readMemberRemoveResponse(reader: Reader): MemberRemoveResponse {
  let header: ResponseHeader | undefined
  const members: Member[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
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
  return { header, members }
}

export function sizeOfMemberRemoveResponse(message: MemberRemoveResponseInput): number {
  const { header, members } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (members !== undefined) {
    for (const value of members) size += 1 + sizeOfDelimited(sizeOfMember(value))
  }
  return size
}

export function writeMemberRemoveResponse(
  buffer: Buffer,
  end: number,
  message: MemberRemoveResponseInput,
): number {
  const { header, members } = message
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
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeMemberRemoveResponse(bytes: Uint8Array): MemberRemoveResponse {
  return readMemberRemoveResponse(new Reader(bytes))
}

export function encodeMemberRemoveResponse(message: MemberRemoveResponseInput): Uint8Array {
  const size = sizeOfMemberRemoveResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMemberRemoveResponse(buffer, size, message))
}

export interface MemberUpdateRequest {
  readonly id: string
  readonly peerUrls: readonly string[]
}

export interface MemberUpdateRequestInput {
  id?: string | undefined
  peerUrls?: readonly string[] | undefined
}

export function readMemberUpdateRequest(reader: Reader): MemberUpdateRequest {
  let id = ''
  const peerUrls: string[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        id = reader.hexId()
        break
      case 0x12:
        peerUrls.push(reader.string())
        break
      default:
        reader.skip(tag)
    }
  }
  return { id, peerUrls }
}

export function sizeOfMemberUpdateRequest(message: MemberUpdateRequestInput): number {
  const { id, peerUrls } = message
  let size = 0
  if (id !== undefined && !isNoId(id)) {
    size += 1 + sizeOfHexId(id)
  }
  if (peerUrls !== undefined) {
    for (const value of peerUrls) size += 1 + sizeOfString(value)
  }
  return size
}

export function writeMemberUpdateRequest(
  buffer: Buffer,
  end: number,
  message: MemberUpdateRequestInput,
): number {
  const { id, peerUrls } = message
  let pos = end
  if (peerUrls !== undefined) {
    for (let i = peerUrls.length - 1; i >= 0; i--) {
      const value = peerUrls[i]!
      pos = writeString(buffer, pos, value)
      buffer[--pos] = 0x12
    }
  }
  if (id !== undefined && !isNoId(id)) {
    pos = writeHexId(buffer, pos, id)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeMemberUpdateRequest(bytes: Uint8Array): MemberUpdateRequest {
  return readMemberUpdateRequest(new Reader(bytes))
}

export function encodeMemberUpdateRequest(message: MemberUpdateRequestInput): Uint8Array {
  const size = sizeOfMemberUpdateRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMemberUpdateRequest(buffer, size, message))
}

export interface MemberUpdateResponse {
  readonly header: ResponseHeader | undefined
  readonly members: readonly Member[]
}

export interface MemberUpdateResponseInput {
  header?: ResponseHeaderInput | undefined
  members?: readonly MemberInput[] | undefined
}

export function readMemberUpdateResponse(reader: Reader): MemberUpdateResponse {
  let header: ResponseHeader | undefined
  const members: Member[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
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
  return { header, members }
}

export function sizeOfMemberUpdateResponse(message: MemberUpdateResponseInput): number {
  const { header, members } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (members !== undefined) {
    for (const value of members) size += 1 + sizeOfDelimited(sizeOfMember(value))
  }
  return size
}

export function writeMemberUpdateResponse(
  buffer: Buffer,
  end: number,
  message: MemberUpdateResponseInput,
): number {
  const { header, members } = message
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
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeMemberUpdateResponse(bytes: Uint8Array): MemberUpdateResponse {
  return readMemberUpdateResponse(new Reader(bytes))
}

export function encodeMemberUpdateResponse(message: MemberUpdateResponseInput): Uint8Array {
  const size = sizeOfMemberUpdateResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMemberUpdateResponse(buffer, size, message))
}

export interface MemberListRequest {
  readonly linearizable: boolean
}

export interface MemberListRequestInput {
  linearizable?: boolean | undefined
}

export function readMemberListRequest(reader: Reader): MemberListRequest {
  let linearizable = false
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        linearizable = reader.bool()
        break
      default:
        reader.skip(tag)
    }
  }
  return { linearizable }
}

export function sizeOfMemberListRequest(message: MemberListRequestInput): number {
  const { linearizable } = message
  let size = 0
  if (linearizable === true) {
    size += 1 + 1
  }
  return size
}

export function writeMemberListRequest(
  buffer: Buffer,
  end: number,
  message: MemberListRequestInput,
): number {
  const { linearizable } = message
  let pos = end
  if (linearizable === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeMemberListRequest(bytes: Uint8Array): MemberListRequest {
  return readMemberListRequest(new Reader(bytes))
}

export function encodeMemberListRequest(message: MemberListRequestInput): Uint8Array {
  const size = sizeOfMemberListRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMemberListRequest(buffer, size, message))
}

export interface MemberListResponse {
  readonly header: ResponseHeader | undefined
  readonly members: readonly Member[]
}

export interface MemberListResponseInput {
  header?: ResponseHeaderInput | undefined
  members?: readonly MemberInput[] | undefined
}

export function readMemberListResponse(reader: Reader): MemberListResponse {
  let header: ResponseHeader | undefined
  const members: Member[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
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
  return { header, members }
}

export function sizeOfMemberListResponse(message: MemberListResponseInput): number {
  const { header, members } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (members !== undefined) {
    for (const value of members) size += 1 + sizeOfDelimited(sizeOfMember(value))
  }
  return size
}

export function writeMemberListResponse(
  buffer: Buffer,
  end: number,
  message: MemberListResponseInput,
): number {
  const { header, members } = message
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
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeMemberListResponse(bytes: Uint8Array): MemberListResponse {
  return readMemberListResponse(new Reader(bytes))
}

export function encodeMemberListResponse(message: MemberListResponseInput): Uint8Array {
  const size = sizeOfMemberListResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMemberListResponse(buffer, size, message))
}

export interface MemberPromoteRequest {
  readonly id: string
}

export interface MemberPromoteRequestInput {
  id?: string | undefined
}

export function readMemberPromoteRequest(reader: Reader): MemberPromoteRequest {
  let id = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        id = reader.hexId()
        break
      default:
        reader.skip(tag)
    }
  }
  return { id }
}

export function sizeOfMemberPromoteRequest(message: MemberPromoteRequestInput): number {
  const { id } = message
  let size = 0
  if (id !== undefined && !isNoId(id)) {
    size += 1 + sizeOfHexId(id)
  }
  return size
}

export function writeMemberPromoteRequest(
  buffer: Buffer,
  end: number,
  message: MemberPromoteRequestInput,
): number {
  const { id } = message
  let pos = end
  if (id !== undefined && !isNoId(id)) {
    pos = writeHexId(buffer, pos, id)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeMemberPromoteRequest(bytes: Uint8Array): MemberPromoteRequest {
  return readMemberPromoteRequest(new Reader(bytes))
}

export function encodeMemberPromoteRequest(message: MemberPromoteRequestInput): Uint8Array {
  const size = sizeOfMemberPromoteRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMemberPromoteRequest(buffer, size, message))
}

export interface MemberPromoteResponse {
  readonly header: ResponseHeader | undefined
  readonly members: readonly Member[]
}

export interface MemberPromoteResponseInput {
  header?: ResponseHeaderInput | undefined
  members?: readonly MemberInput[] | undefined
}

export function readMemberPromoteResponse(reader: Reader): MemberPromoteResponse {
  let header: ResponseHeader | undefined
  const members: Member[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
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
  return { header, members }
}

export function sizeOfMemberPromoteResponse(message: MemberPromoteResponseInput): number {
  const { header, members } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (members !== undefined) {
    for (const value of members) size += 1 + sizeOfDelimited(sizeOfMember(value))
  }
  return size
}

export function writeMemberPromoteResponse(
  buffer: Buffer,
  end: number,
  message: MemberPromoteResponseInput,
): number {
  const { header, members } = message
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
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeMemberPromoteResponse(bytes: Uint8Array): MemberPromoteResponse {
  return readMemberPromoteResponse(new Reader(bytes))
}

export function encodeMemberPromoteResponse(message: MemberPromoteResponseInput): Uint8Array {
  const size = sizeOfMemberPromoteResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMemberPromoteResponse(buffer, size, message))
}

export type DefragmentRequest = Readonly<Record<never, never>>

export type DefragmentRequestInput = Readonly<Record<never, never>>

export function readDefragmentRequest(reader: Reader): DefragmentRequest {
  while (reader.pos < reader.end) reader.skip(reader.tag())
  return {}
}

export function sizeOfDefragmentRequest(_message: DefragmentRequestInput): number {
  return 0
}

export function writeDefragmentRequest(
  _buffer: Buffer,
  end: number,
  _message: DefragmentRequestInput,
): number {
  return end
}

export function decodeDefragmentRequest(bytes: Uint8Array): DefragmentRequest {
  return readDefragmentRequest(new Reader(bytes))
}

export function encodeDefragmentRequest(message: DefragmentRequestInput): Uint8Array {
  const size = sizeOfDefragmentRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeDefragmentRequest(buffer, size, message))
}

export interface DefragmentResponse {
  readonly header: ResponseHeader | undefined
}

export interface DefragmentResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readDefragmentResponse(reader: Reader): DefragmentResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfDefragmentResponse(message: DefragmentResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeDefragmentResponse(
  buffer: Buffer,
  end: number,
  message: DefragmentResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeDefragmentResponse(bytes: Uint8Array): DefragmentResponse {
  return readDefragmentResponse(new Reader(bytes))
}

export function encodeDefragmentResponse(message: DefragmentResponseInput): Uint8Array {
  const size = sizeOfDefragmentResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeDefragmentResponse(buffer, size, message))
}

export interface MoveLeaderRequest {
  readonly targetId: string
}

export interface MoveLeaderRequestInput {
  targetId?: string | undefined
}

export function readMoveLeaderRequest(reader: Reader): MoveLeaderRequest {
  let targetId = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        targetId = reader.hexId()
        break
      default:
        reader.skip(tag)
    }
  }
  return { targetId }
}

export function sizeOfMoveLeaderRequest(message: MoveLeaderRequestInput): number {
  const { targetId } = message
  let size = 0
  if (targetId !== undefined && !isNoId(targetId)) {
    size += 1 + sizeOfHexId(targetId)
  }
  return size
}

export function writeMoveLeaderRequest(
  buffer: Buffer,
  end: number,
  message: MoveLeaderRequestInput,
): number {
  const { targetId } = message
  let pos = end
  if (targetId !== undefined && !isNoId(targetId)) {
    pos = writeHexId(buffer, pos, targetId)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeMoveLeaderRequest(bytes: Uint8Array): MoveLeaderRequest {
  return readMoveLeaderRequest(new Reader(bytes))
}

export function encodeMoveLeaderRequest(message: MoveLeaderRequestInput): Uint8Array {
  const size = sizeOfMoveLeaderRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMoveLeaderRequest(buffer, size, message))
}

export interface MoveLeaderResponse {
  readonly header: ResponseHeader | undefined
}

export interface MoveLeaderResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readMoveLeaderResponse(reader: Reader): MoveLeaderResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfMoveLeaderResponse(message: MoveLeaderResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeMoveLeaderResponse(
  buffer: Buffer,
  end: number,
  message: MoveLeaderResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeMoveLeaderResponse(bytes: Uint8Array): MoveLeaderResponse {
  return readMoveLeaderResponse(new Reader(bytes))
}

export function encodeMoveLeaderResponse(message: MoveLeaderResponseInput): Uint8Array {
  const size = sizeOfMoveLeaderResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeMoveLeaderResponse(buffer, size, message))
}

export const AlarmType = {
  NONE: 0,
  NOSPACE: 1,
  CORRUPT: 2,
} as const
/** One of the constants, or a number that this version does not know. */
export type AlarmType = number

export interface AlarmRequest {
  readonly action: AlarmRequest_AlarmAction
  readonly memberId: string
  readonly alarm: AlarmType
}

export interface AlarmRequestInput {
  action?: AlarmRequest_AlarmAction | undefined
  memberId?: string | undefined
  alarm?: AlarmType | undefined
}

export function readAlarmRequest(reader: Reader): AlarmRequest {
  let action: AlarmRequest_AlarmAction = 0
  let memberId = ''
  let alarm: AlarmType = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        action = reader.int32()
        break
      case 0x10:
        memberId = reader.hexId()
        break
      case 0x18:
        alarm = reader.int32()
        break
      default:
        reader.skip(tag)
    }
  }
  return { action, memberId, alarm }
}

export function sizeOfAlarmRequest(message: AlarmRequestInput): number {
  const { action, memberId, alarm } = message
  let size = 0
  if (action !== undefined && action !== 0) {
    size += 1 + sizeOfInt(action)
  }
  if (memberId !== undefined && !isNoId(memberId)) {
    size += 1 + sizeOfHexId(memberId)
  }
  if (alarm !== undefined && alarm !== 0) {
    size += 1 + sizeOfInt(alarm)
  }
  return size
}

export function writeAlarmRequest(buffer: Buffer, end: number, message: AlarmRequestInput): number {
  const { action, memberId, alarm } = message
  let pos = end
  if (alarm !== undefined && alarm !== 0) {
    pos = writeInt(buffer, pos, alarm)
    buffer[--pos] = 0x18
  }
  if (memberId !== undefined && !isNoId(memberId)) {
    pos = writeHexId(buffer, pos, memberId)
    buffer[--pos] = 0x10
  }
  if (action !== undefined && action !== 0) {
    pos = writeInt(buffer, pos, action)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeAlarmRequest(bytes: Uint8Array): AlarmRequest {
  return readAlarmRequest(new Reader(bytes))
}

export function encodeAlarmRequest(message: AlarmRequestInput): Uint8Array {
  const size = sizeOfAlarmRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAlarmRequest(buffer, size, message))
}

export const AlarmRequest_AlarmAction = {
  GET: 0,
  ACTIVATE: 1,
  DEACTIVATE: 2,
} as const
/** One of the constants, or a number that this version does not know. */
export type AlarmRequest_AlarmAction = number

export interface AlarmMember {
  readonly memberId: string
  readonly alarm: AlarmType
}

export interface AlarmMemberInput {
  memberId?: string | undefined
  alarm?: AlarmType | undefined
}

export function readAlarmMember(reader: Reader): AlarmMember {
  let memberId = ''
  let alarm: AlarmType = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        memberId = reader.hexId()
        break
      case 0x10:
        alarm = reader.int32()
        break
      default:
        reader.skip(tag)
    }
  }
  return { memberId, alarm }
}

export function sizeOfAlarmMember(message: AlarmMemberInput): number {
  const { memberId, alarm } = message
  let size = 0
  if (memberId !== undefined && !isNoId(memberId)) {
    size += 1 + sizeOfHexId(memberId)
  }
  if (alarm !== undefined && alarm !== 0) {
    size += 1 + sizeOfInt(alarm)
  }
  return size
}

export function writeAlarmMember(buffer: Buffer, end: number, message: AlarmMemberInput): number {
  const { memberId, alarm } = message
  let pos = end
  if (alarm !== undefined && alarm !== 0) {
    pos = writeInt(buffer, pos, alarm)
    buffer[--pos] = 0x10
  }
  if (memberId !== undefined && !isNoId(memberId)) {
    pos = writeHexId(buffer, pos, memberId)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeAlarmMember(bytes: Uint8Array): AlarmMember {
  return readAlarmMember(new Reader(bytes))
}

export function encodeAlarmMember(message: AlarmMemberInput): Uint8Array {
  const size = sizeOfAlarmMember(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAlarmMember(buffer, size, message))
}

export interface AlarmResponse {
  readonly header: ResponseHeader | undefined
  readonly alarms: readonly AlarmMember[]
}

export interface AlarmResponseInput {
  header?: ResponseHeaderInput | undefined
  alarms?: readonly AlarmMemberInput[] | undefined
}

export function readAlarmResponse(reader: Reader): AlarmResponse {
  let header: ResponseHeader | undefined
  const alarms: AlarmMember[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12: {
        const outer = reader.enter()
        alarms.push(readAlarmMember(reader))
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header, alarms }
}

export function sizeOfAlarmResponse(message: AlarmResponseInput): number {
  const { header, alarms } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (alarms !== undefined) {
    for (const value of alarms) size += 1 + sizeOfDelimited(sizeOfAlarmMember(value))
  }
  return size
}

export function writeAlarmResponse(
  buffer: Buffer,
  end: number,
  message: AlarmResponseInput,
): number {
  const { header, alarms } = message
  let pos = end
  if (alarms !== undefined) {
    for (let i = alarms.length - 1; i >= 0; i--) {
      const value = alarms[i]!
      {
        const start = writeAlarmMember(buffer, pos, value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x12
      }
    }
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAlarmResponse(bytes: Uint8Array): AlarmResponse {
  return readAlarmResponse(new Reader(bytes))
}

export function encodeAlarmResponse(message: AlarmResponseInput): Uint8Array {
  const size = sizeOfAlarmResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAlarmResponse(buffer, size, message))
}

export interface DowngradeRequest {
  readonly action: DowngradeRequest_DowngradeAction
  readonly version: string
}

export interface DowngradeRequestInput {
  action?: DowngradeRequest_DowngradeAction | undefined
  version?: string | undefined
}

export function readDowngradeRequest(reader: Reader): DowngradeRequest {
  let action: DowngradeRequest_DowngradeAction = 0
  let version = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        action = reader.int32()
        break
      case 0x12:
        version = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { action, version }
}

export function sizeOfDowngradeRequest(message: DowngradeRequestInput): number {
  const { action, version } = message
  let size = 0
  if (action !== undefined && action !== 0) {
    size += 1 + sizeOfInt(action)
  }
  if (version !== undefined && version.length !== 0) {
    size += 1 + sizeOfString(version)
  }
  return size
}

export function writeDowngradeRequest(
  buffer: Buffer,
  end: number,
  message: DowngradeRequestInput,
): number {
  const { action, version } = message
  let pos = end
  if (version !== undefined && version.length !== 0) {
    pos = writeString(buffer, pos, version)
    buffer[--pos] = 0x12
  }
  if (action !== undefined && action !== 0) {
    pos = writeInt(buffer, pos, action)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeDowngradeRequest(bytes: Uint8Array): DowngradeRequest {
  return readDowngradeRequest(new Reader(bytes))
}

export function encodeDowngradeRequest(message: DowngradeRequestInput): Uint8Array {
  const size = sizeOfDowngradeRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeDowngradeRequest(buffer, size, message))
}

export const DowngradeRequest_DowngradeAction = {
  VALIDATE: 0,
  ENABLE: 1,
  CANCEL: 2,
} as const
/** One of the constants, or a number that this version does not know. */
export type DowngradeRequest_DowngradeAction = number

export interface DowngradeResponse {
  readonly header: ResponseHeader | undefined
  readonly version: string
}

export interface DowngradeResponseInput {
  header?: ResponseHeaderInput | undefined
  version?: string | undefined
}

export function readDowngradeResponse(reader: Reader): DowngradeResponse {
  let header: ResponseHeader | undefined
  let version = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12:
        version = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, version }
}

export function sizeOfDowngradeResponse(message: DowngradeResponseInput): number {
  const { header, version } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (version !== undefined && version.length !== 0) {
    size += 1 + sizeOfString(version)
  }
  return size
}

export function writeDowngradeResponse(
  buffer: Buffer,
  end: number,
  message: DowngradeResponseInput,
): number {
  const { header, version } = message
  let pos = end
  if (version !== undefined && version.length !== 0) {
    pos = writeString(buffer, pos, version)
    buffer[--pos] = 0x12
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeDowngradeResponse(bytes: Uint8Array): DowngradeResponse {
  return readDowngradeResponse(new Reader(bytes))
}

export function encodeDowngradeResponse(message: DowngradeResponseInput): Uint8Array {
  const size = sizeOfDowngradeResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeDowngradeResponse(buffer, size, message))
}

export interface DowngradeVersionTestRequest {
  readonly ver: string
}

export interface DowngradeVersionTestRequestInput {
  ver?: string | undefined
}

export function readDowngradeVersionTestRequest(reader: Reader): DowngradeVersionTestRequest {
  let ver = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        ver = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { ver }
}

export function sizeOfDowngradeVersionTestRequest(
  message: DowngradeVersionTestRequestInput,
): number {
  const { ver } = message
  let size = 0
  if (ver !== undefined && ver.length !== 0) {
    size += 1 + sizeOfString(ver)
  }
  return size
}

export function writeDowngradeVersionTestRequest(
  buffer: Buffer,
  end: number,
  message: DowngradeVersionTestRequestInput,
): number {
  const { ver } = message
  let pos = end
  if (ver !== undefined && ver.length !== 0) {
    pos = writeString(buffer, pos, ver)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeDowngradeVersionTestRequest(bytes: Uint8Array): DowngradeVersionTestRequest {
  return readDowngradeVersionTestRequest(new Reader(bytes))
}

export function encodeDowngradeVersionTestRequest(
  message: DowngradeVersionTestRequestInput,
): Uint8Array {
  const size = sizeOfDowngradeVersionTestRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeDowngradeVersionTestRequest(buffer, size, message))
}

export type StatusRequest = Readonly<Record<never, never>>

export type StatusRequestInput = Readonly<Record<never, never>>

export function readStatusRequest(reader: Reader): StatusRequest {
  while (reader.pos < reader.end) reader.skip(reader.tag())
  return {}
}

export function sizeOfStatusRequest(_message: StatusRequestInput): number {
  return 0
}

export function writeStatusRequest(
  _buffer: Buffer,
  end: number,
  _message: StatusRequestInput,
): number {
  return end
}

export function decodeStatusRequest(bytes: Uint8Array): StatusRequest {
  return readStatusRequest(new Reader(bytes))
}

export function encodeStatusRequest(message: StatusRequestInput): Uint8Array {
  const size = sizeOfStatusRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeStatusRequest(buffer, size, message))
}

export interface StatusResponse {
  readonly header: ResponseHeader | undefined
  readonly version: string
  readonly dbSize: number
  readonly leader: string
  readonly raftIndex: number
  readonly raftTerm: number
  readonly raftAppliedIndex: number
  readonly errors: readonly string[]
  readonly dbSizeInUse: number
  readonly isLearner: boolean
  readonly storageVersion: string
  readonly dbSizeQuota: number
  readonly downgradeInfo: DowngradeInfo | undefined
}

export interface StatusResponseInput {
  header?: ResponseHeaderInput | undefined
  version?: string | undefined
  dbSize?: number | undefined
  leader?: string | undefined
  raftIndex?: number | undefined
  raftTerm?: number | undefined
  raftAppliedIndex?: number | undefined
  errors?: readonly string[] | undefined
  dbSizeInUse?: number | undefined
  isLearner?: boolean | undefined
  storageVersion?: string | undefined
  dbSizeQuota?: number | undefined
  downgradeInfo?: DowngradeInfoInput | undefined
}

export function readStatusResponse(reader: Reader): StatusResponse {
  let header: ResponseHeader | undefined
  let version = ''
  let dbSize = 0
  let leader = ''
  let raftIndex = 0
  let raftTerm = 0
  let raftAppliedIndex = 0
  const errors: string[] = []
  let dbSizeInUse = 0
  let isLearner = false
  let storageVersion = ''
  let dbSizeQuota = 0
  let downgradeInfo: DowngradeInfo | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12:
        version = reader.string()
        break
      case 0x18:
        dbSize = reader.int64()
        break
      case 0x20:
        leader = reader.hexId()
        break
      case 0x28:
        raftIndex = reader.uint64()
        break
      case 0x30:
        raftTerm = reader.uint64()
        break
      case 0x38:
        raftAppliedIndex = reader.uint64()
        break
      case 0x42:
        errors.push(reader.string())
        break
      case 0x48:
        dbSizeInUse = reader.int64()
        break
      case 0x50:
        isLearner = reader.bool()
        break
      case 0x5a:
        storageVersion = reader.string()
        break
      case 0x60:
        dbSizeQuota = reader.int64()
        break
      case 0x6a: {
        const outer = reader.enter()
        downgradeInfo = readDowngradeInfo(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return {
    header,
    version,
    dbSize,
    leader,
    raftIndex,
    raftTerm,
    raftAppliedIndex,
    errors,
    dbSizeInUse,
    isLearner,
    storageVersion,
    dbSizeQuota,
    downgradeInfo,
  }
}

export function sizeOfStatusResponse(message: StatusResponseInput): number {
  const {
    header,
    version,
    dbSize,
    leader,
    raftIndex,
    raftTerm,
    raftAppliedIndex,
    errors,
    dbSizeInUse,
    isLearner,
    storageVersion,
    dbSizeQuota,
    downgradeInfo,
  } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (version !== undefined && version.length !== 0) {
    size += 1 + sizeOfString(version)
  }
  if (dbSize !== undefined && dbSize !== 0) {
    size += 1 + sizeOfInt(dbSize)
  }
  if (leader !== undefined && !isNoId(leader)) {
    size += 1 + sizeOfHexId(leader)
  }
  if (raftIndex !== undefined && raftIndex !== 0) {
    size += 1 + sizeOfInt(raftIndex)
  }
  if (raftTerm !== undefined && raftTerm !== 0) {
    size += 1 + sizeOfInt(raftTerm)
  }
  if (raftAppliedIndex !== undefined && raftAppliedIndex !== 0) {
    size += 1 + sizeOfInt(raftAppliedIndex)
  }
  if (errors !== undefined) {
    for (const value of errors) size += 1 + sizeOfString(value)
  }
  if (dbSizeInUse !== undefined && dbSizeInUse !== 0) {
    size += 1 + sizeOfInt(dbSizeInUse)
  }
  if (isLearner === true) {
    size += 1 + 1
  }
  if (storageVersion !== undefined && storageVersion.length !== 0) {
    size += 1 + sizeOfString(storageVersion)
  }
  if (dbSizeQuota !== undefined && dbSizeQuota !== 0) {
    size += 1 + sizeOfInt(dbSizeQuota)
  }
  if (downgradeInfo !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfDowngradeInfo(downgradeInfo))
  }
  return size
}

export function writeStatusResponse(
  buffer: Buffer,
  end: number,
  message: StatusResponseInput,
): number {
  const {
    header,
    version,
    dbSize,
    leader,
    raftIndex,
    raftTerm,
    raftAppliedIndex,
    errors,
    dbSizeInUse,
    isLearner,
    storageVersion,
    dbSizeQuota,
    downgradeInfo,
  } = message
  let pos = end
  if (downgradeInfo !== undefined) {
    {
      const start = writeDowngradeInfo(buffer, pos, downgradeInfo)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x6a
    }
  }
  if (dbSizeQuota !== undefined && dbSizeQuota !== 0) {
    pos = writeInt(buffer, pos, dbSizeQuota)
    buffer[--pos] = 0x60
  }
  if (storageVersion !== undefined && storageVersion.length !== 0) {
    pos = writeString(buffer, pos, storageVersion)
    buffer[--pos] = 0x5a
  }
  if (isLearner === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x50
  }
  if (dbSizeInUse !== undefined && dbSizeInUse !== 0) {
    pos = writeInt(buffer, pos, dbSizeInUse)
    buffer[--pos] = 0x48
  }
  if (errors !== undefined) {
    for (let i = errors.length - 1; i >= 0; i--) {
      const value = errors[i]!
      pos = writeString(buffer, pos, value)
      buffer[--pos] = 0x42
    }
  }
  if (raftAppliedIndex !== undefined && raftAppliedIndex !== 0) {
    pos = writeInt(buffer, pos, raftAppliedIndex)
    buffer[--pos] = 0x38
  }
  if (raftTerm !== undefined && raftTerm !== 0) {
    pos = writeInt(buffer, pos, raftTerm)
    buffer[--pos] = 0x30
  }
  if (raftIndex !== undefined && raftIndex !== 0) {
    pos = writeInt(buffer, pos, raftIndex)
    buffer[--pos] = 0x28
  }
  if (leader !== undefined && !isNoId(leader)) {
    pos = writeHexId(buffer, pos, leader)
    buffer[--pos] = 0x20
  }
  if (dbSize !== undefined && dbSize !== 0) {
    pos = writeInt(buffer, pos, dbSize)
    buffer[--pos] = 0x18
  }
  if (version !== undefined && version.length !== 0) {
    pos = writeString(buffer, pos, version)
    buffer[--pos] = 0x12
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeStatusResponse(bytes: Uint8Array): StatusResponse {
  return readStatusResponse(new Reader(bytes))
}

export function encodeStatusResponse(message: StatusResponseInput): Uint8Array {
  const size = sizeOfStatusResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeStatusResponse(buffer, size, message))
}

export interface DowngradeInfo {
  readonly enabled: boolean
  readonly targetVersion: string
}

export interface DowngradeInfoInput {
  enabled?: boolean | undefined
  targetVersion?: string | undefined
}

export function readDowngradeInfo(reader: Reader): DowngradeInfo {
  let enabled = false
  let targetVersion = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        enabled = reader.bool()
        break
      case 0x12:
        targetVersion = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { enabled, targetVersion }
}

export function sizeOfDowngradeInfo(message: DowngradeInfoInput): number {
  const { enabled, targetVersion } = message
  let size = 0
  if (enabled === true) {
    size += 1 + 1
  }
  if (targetVersion !== undefined && targetVersion.length !== 0) {
    size += 1 + sizeOfString(targetVersion)
  }
  return size
}

export function writeDowngradeInfo(
  buffer: Buffer,
  end: number,
  message: DowngradeInfoInput,
): number {
  const { enabled, targetVersion } = message
  let pos = end
  if (targetVersion !== undefined && targetVersion.length !== 0) {
    pos = writeString(buffer, pos, targetVersion)
    buffer[--pos] = 0x12
  }
  if (enabled === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeDowngradeInfo(bytes: Uint8Array): DowngradeInfo {
  return readDowngradeInfo(new Reader(bytes))
}

export function encodeDowngradeInfo(message: DowngradeInfoInput): Uint8Array {
  const size = sizeOfDowngradeInfo(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeDowngradeInfo(buffer, size, message))
}

export type AuthEnableRequest = Readonly<Record<never, never>>

export type AuthEnableRequestInput = Readonly<Record<never, never>>

export function readAuthEnableRequest(reader: Reader): AuthEnableRequest {
  while (reader.pos < reader.end) reader.skip(reader.tag())
  return {}
}

export function sizeOfAuthEnableRequest(_message: AuthEnableRequestInput): number {
  return 0
}

export function writeAuthEnableRequest(
  _buffer: Buffer,
  end: number,
  _message: AuthEnableRequestInput,
): number {
  return end
}

export function decodeAuthEnableRequest(bytes: Uint8Array): AuthEnableRequest {
  return readAuthEnableRequest(new Reader(bytes))
}

export function encodeAuthEnableRequest(message: AuthEnableRequestInput): Uint8Array {
  const size = sizeOfAuthEnableRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthEnableRequest(buffer, size, message))
}

export type AuthDisableRequest = Readonly<Record<never, never>>

export type AuthDisableRequestInput = Readonly<Record<never, never>>

export function readAuthDisableRequest(reader: Reader): AuthDisableRequest {
  while (reader.pos < reader.end) reader.skip(reader.tag())
  return {}
}

export function sizeOfAuthDisableRequest(_message: AuthDisableRequestInput): number {
  return 0
}

export function writeAuthDisableRequest(
  _buffer: Buffer,
  end: number,
  _message: AuthDisableRequestInput,
): number {
  return end
}

export function decodeAuthDisableRequest(bytes: Uint8Array): AuthDisableRequest {
  return readAuthDisableRequest(new Reader(bytes))
}

export function encodeAuthDisableRequest(message: AuthDisableRequestInput): Uint8Array {
  const size = sizeOfAuthDisableRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthDisableRequest(buffer, size, message))
}

export type AuthStatusRequest = Readonly<Record<never, never>>

export type AuthStatusRequestInput = Readonly<Record<never, never>>

export function readAuthStatusRequest(reader: Reader): AuthStatusRequest {
  while (reader.pos < reader.end) reader.skip(reader.tag())
  return {}
}

export function sizeOfAuthStatusRequest(_message: AuthStatusRequestInput): number {
  return 0
}

export function writeAuthStatusRequest(
  _buffer: Buffer,
  end: number,
  _message: AuthStatusRequestInput,
): number {
  return end
}

export function decodeAuthStatusRequest(bytes: Uint8Array): AuthStatusRequest {
  return readAuthStatusRequest(new Reader(bytes))
}

export function encodeAuthStatusRequest(message: AuthStatusRequestInput): Uint8Array {
  const size = sizeOfAuthStatusRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthStatusRequest(buffer, size, message))
}

export interface AuthenticateRequest {
  readonly name: string
  readonly password: string
}

export interface AuthenticateRequestInput {
  name?: string | undefined
  password?: string | undefined
}

export function readAuthenticateRequest(reader: Reader): AuthenticateRequest {
  let name = ''
  let password = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.string()
        break
      case 0x12:
        password = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { name, password }
}

export function sizeOfAuthenticateRequest(message: AuthenticateRequestInput): number {
  const { name, password } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfString(name)
  }
  if (password !== undefined && password.length !== 0) {
    size += 1 + sizeOfString(password)
  }
  return size
}

export function writeAuthenticateRequest(
  buffer: Buffer,
  end: number,
  message: AuthenticateRequestInput,
): number {
  const { name, password } = message
  let pos = end
  if (password !== undefined && password.length !== 0) {
    pos = writeString(buffer, pos, password)
    buffer[--pos] = 0x12
  }
  if (name !== undefined && name.length !== 0) {
    pos = writeString(buffer, pos, name)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeAuthenticateRequest(bytes: Uint8Array): AuthenticateRequest {
  return readAuthenticateRequest(new Reader(bytes))
}

export function encodeAuthenticateRequest(message: AuthenticateRequestInput): Uint8Array {
  const size = sizeOfAuthenticateRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthenticateRequest(buffer, size, message))
}

export interface AuthUserAddRequest {
  readonly name: string
  readonly password: string
  readonly options: UserAddOptions | undefined
  readonly hashedPassword: string
}

export interface AuthUserAddRequestInput {
  name?: string | undefined
  password?: string | undefined
  options?: UserAddOptionsInput | undefined
  hashedPassword?: string | undefined
}

export function readAuthUserAddRequest(reader: Reader): AuthUserAddRequest {
  let name = ''
  let password = ''
  let options: UserAddOptions | undefined
  let hashedPassword = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.string()
        break
      case 0x12:
        password = reader.string()
        break
      case 0x1a: {
        const outer = reader.enter()
        options = readUserAddOptions(reader)
        reader.leave(outer)
        break
      }
      case 0x22:
        hashedPassword = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { name, password, options, hashedPassword }
}

export function sizeOfAuthUserAddRequest(message: AuthUserAddRequestInput): number {
  const { name, password, options, hashedPassword } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfString(name)
  }
  if (password !== undefined && password.length !== 0) {
    size += 1 + sizeOfString(password)
  }
  if (options !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfUserAddOptions(options))
  }
  if (hashedPassword !== undefined && hashedPassword.length !== 0) {
    size += 1 + sizeOfString(hashedPassword)
  }
  return size
}

export function writeAuthUserAddRequest(
  buffer: Buffer,
  end: number,
  message: AuthUserAddRequestInput,
): number {
  const { name, password, options, hashedPassword } = message
  let pos = end
  if (hashedPassword !== undefined && hashedPassword.length !== 0) {
    pos = writeString(buffer, pos, hashedPassword)
    buffer[--pos] = 0x22
  }
  if (options !== undefined) {
    {
      const start = writeUserAddOptions(buffer, pos, options)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x1a
    }
  }
  if (password !== undefined && password.length !== 0) {
    pos = writeString(buffer, pos, password)
    buffer[--pos] = 0x12
  }
  if (name !== undefined && name.length !== 0) {
    pos = writeString(buffer, pos, name)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeAuthUserAddRequest(bytes: Uint8Array): AuthUserAddRequest {
  return readAuthUserAddRequest(new Reader(bytes))
}

export function encodeAuthUserAddRequest(message: AuthUserAddRequestInput): Uint8Array {
  const size = sizeOfAuthUserAddRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserAddRequest(buffer, size, message))
}

export interface AuthUserGetRequest {
  readonly name: string
}

export interface AuthUserGetRequestInput {
  name?: string | undefined
}

export function readAuthUserGetRequest(reader: Reader): AuthUserGetRequest {
  let name = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { name }
}

export function sizeOfAuthUserGetRequest(message: AuthUserGetRequestInput): number {
  const { name } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfString(name)
  }
  return size
}

export function writeAuthUserGetRequest(
  buffer: Buffer,
  end: number,
  message: AuthUserGetRequestInput,
): number {
  const { name } = message
  let pos = end
  if (name !== undefined && name.length !== 0) {
    pos = writeString(buffer, pos, name)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeAuthUserGetRequest(bytes: Uint8Array): AuthUserGetRequest {
  return readAuthUserGetRequest(new Reader(bytes))
}

export function encodeAuthUserGetRequest(message: AuthUserGetRequestInput): Uint8Array {
  const size = sizeOfAuthUserGetRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserGetRequest(buffer, size, message))
}

export interface AuthUserDeleteRequest {
  readonly name: string
}

export interface AuthUserDeleteRequestInput {
  name?: string | undefined
}

export function readAuthUserDeleteRequest(reader: Reader): AuthUserDeleteRequest {
  let name = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { name }
}

export function sizeOfAuthUserDeleteRequest(message: AuthUserDeleteRequestInput): number {
  const { name } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfString(name)
  }
  return size
}

export function writeAuthUserDeleteRequest(
  buffer: Buffer,
  end: number,
  message: AuthUserDeleteRequestInput,
): number {
  const { name } = message
  let pos = end
  if (name !== undefined && name.length !== 0) {
    pos = writeString(buffer, pos, name)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeAuthUserDeleteRequest(bytes: Uint8Array): AuthUserDeleteRequest {
  return readAuthUserDeleteRequest(new Reader(bytes))
}

export function encodeAuthUserDeleteRequest(message: AuthUserDeleteRequestInput): Uint8Array {
  const size = sizeOfAuthUserDeleteRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserDeleteRequest(buffer, size, message))
}

export interface AuthUserChangePasswordRequest {
  readonly name: string
  readonly password: string
  readonly hashedPassword: string
}

export interface AuthUserChangePasswordRequestInput {
  name?: string | undefined
  password?: string | undefined
  hashedPassword?: string | undefined
}

export function readAuthUserChangePasswordRequest(reader: Reader): AuthUserChangePasswordRequest {
  let name = ''
  let password = ''
  let hashedPassword = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.string()
        break
      case 0x12:
        password = reader.string()
        break
      case 0x1a:
        hashedPassword = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { name, password, hashedPassword }
}

export function sizeOfAuthUserChangePasswordRequest(
  message: AuthUserChangePasswordRequestInput,
): number {
  const { name, password, hashedPassword } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfString(name)
  }
  if (password !== undefined && password.length !== 0) {
    size += 1 + sizeOfString(password)
  }
  if (hashedPassword !== undefined && hashedPassword.length !== 0) {
    size += 1 + sizeOfString(hashedPassword)
  }
  return size
}

export function writeAuthUserChangePasswordRequest(
  buffer: Buffer,
  end: number,
  message: AuthUserChangePasswordRequestInput,
): number {
  const { name, password, hashedPassword } = message
  let pos = end
  if (hashedPassword !== undefined && hashedPassword.length !== 0) {
    pos = writeString(buffer, pos, hashedPassword)
    buffer[--pos] = 0x1a
  }
  if (password !== undefined && password.length !== 0) {
    pos = writeString(buffer, pos, password)
    buffer[--pos] = 0x12
  }
  if (name !== undefined && name.length !== 0) {
    pos = writeString(buffer, pos, name)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeAuthUserChangePasswordRequest(
  bytes: Uint8Array,
): AuthUserChangePasswordRequest {
  return readAuthUserChangePasswordRequest(new Reader(bytes))
}

export function encodeAuthUserChangePasswordRequest(
  message: AuthUserChangePasswordRequestInput,
): Uint8Array {
  const size = sizeOfAuthUserChangePasswordRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserChangePasswordRequest(buffer, size, message))
}

export interface AuthUserGrantRoleRequest {
  readonly user: string
  readonly role: string
}

export interface AuthUserGrantRoleRequestInput {
  user?: string | undefined
  role?: string | undefined
}

export function readAuthUserGrantRoleRequest(reader: Reader): AuthUserGrantRoleRequest {
  let user = ''
  let role = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        user = reader.string()
        break
      case 0x12:
        role = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { user, role }
}

export function sizeOfAuthUserGrantRoleRequest(message: AuthUserGrantRoleRequestInput): number {
  const { user, role } = message
  let size = 0
  if (user !== undefined && user.length !== 0) {
    size += 1 + sizeOfString(user)
  }
  if (role !== undefined && role.length !== 0) {
    size += 1 + sizeOfString(role)
  }
  return size
}

export function writeAuthUserGrantRoleRequest(
  buffer: Buffer,
  end: number,
  message: AuthUserGrantRoleRequestInput,
): number {
  const { user, role } = message
  let pos = end
  if (role !== undefined && role.length !== 0) {
    pos = writeString(buffer, pos, role)
    buffer[--pos] = 0x12
  }
  if (user !== undefined && user.length !== 0) {
    pos = writeString(buffer, pos, user)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeAuthUserGrantRoleRequest(bytes: Uint8Array): AuthUserGrantRoleRequest {
  return readAuthUserGrantRoleRequest(new Reader(bytes))
}

export function encodeAuthUserGrantRoleRequest(message: AuthUserGrantRoleRequestInput): Uint8Array {
  const size = sizeOfAuthUserGrantRoleRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserGrantRoleRequest(buffer, size, message))
}

export interface AuthUserRevokeRoleRequest {
  readonly name: string
  readonly role: string
}

export interface AuthUserRevokeRoleRequestInput {
  name?: string | undefined
  role?: string | undefined
}

export function readAuthUserRevokeRoleRequest(reader: Reader): AuthUserRevokeRoleRequest {
  let name = ''
  let role = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.string()
        break
      case 0x12:
        role = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { name, role }
}

export function sizeOfAuthUserRevokeRoleRequest(message: AuthUserRevokeRoleRequestInput): number {
  const { name, role } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfString(name)
  }
  if (role !== undefined && role.length !== 0) {
    size += 1 + sizeOfString(role)
  }
  return size
}

export function writeAuthUserRevokeRoleRequest(
  buffer: Buffer,
  end: number,
  message: AuthUserRevokeRoleRequestInput,
): number {
  const { name, role } = message
  let pos = end
  if (role !== undefined && role.length !== 0) {
    pos = writeString(buffer, pos, role)
    buffer[--pos] = 0x12
  }
  if (name !== undefined && name.length !== 0) {
    pos = writeString(buffer, pos, name)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeAuthUserRevokeRoleRequest(bytes: Uint8Array): AuthUserRevokeRoleRequest {
  return readAuthUserRevokeRoleRequest(new Reader(bytes))
}

export function encodeAuthUserRevokeRoleRequest(
  message: AuthUserRevokeRoleRequestInput,
): Uint8Array {
  const size = sizeOfAuthUserRevokeRoleRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserRevokeRoleRequest(buffer, size, message))
}

export interface AuthRoleAddRequest {
  readonly name: string
}

export interface AuthRoleAddRequestInput {
  name?: string | undefined
}

export function readAuthRoleAddRequest(reader: Reader): AuthRoleAddRequest {
  let name = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { name }
}

export function sizeOfAuthRoleAddRequest(message: AuthRoleAddRequestInput): number {
  const { name } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfString(name)
  }
  return size
}

export function writeAuthRoleAddRequest(
  buffer: Buffer,
  end: number,
  message: AuthRoleAddRequestInput,
): number {
  const { name } = message
  let pos = end
  if (name !== undefined && name.length !== 0) {
    pos = writeString(buffer, pos, name)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeAuthRoleAddRequest(bytes: Uint8Array): AuthRoleAddRequest {
  return readAuthRoleAddRequest(new Reader(bytes))
}

export function encodeAuthRoleAddRequest(message: AuthRoleAddRequestInput): Uint8Array {
  const size = sizeOfAuthRoleAddRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthRoleAddRequest(buffer, size, message))
}

export interface AuthRoleGetRequest {
  readonly role: string
}

export interface AuthRoleGetRequestInput {
  role?: string | undefined
}

export function readAuthRoleGetRequest(reader: Reader): AuthRoleGetRequest {
  let role = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        role = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { role }
}

export function sizeOfAuthRoleGetRequest(message: AuthRoleGetRequestInput): number {
  const { role } = message
  let size = 0
  if (role !== undefined && role.length !== 0) {
    size += 1 + sizeOfString(role)
  }
  return size
}

export function writeAuthRoleGetRequest(
  buffer: Buffer,
  end: number,
  message: AuthRoleGetRequestInput,
): number {
  const { role } = message
  let pos = end
  if (role !== undefined && role.length !== 0) {
    pos = writeString(buffer, pos, role)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeAuthRoleGetRequest(bytes: Uint8Array): AuthRoleGetRequest {
  return readAuthRoleGetRequest(new Reader(bytes))
}

export function encodeAuthRoleGetRequest(message: AuthRoleGetRequestInput): Uint8Array {
  const size = sizeOfAuthRoleGetRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthRoleGetRequest(buffer, size, message))
}

export type AuthUserListRequest = Readonly<Record<never, never>>

export type AuthUserListRequestInput = Readonly<Record<never, never>>

export function readAuthUserListRequest(reader: Reader): AuthUserListRequest {
  while (reader.pos < reader.end) reader.skip(reader.tag())
  return {}
}

export function sizeOfAuthUserListRequest(_message: AuthUserListRequestInput): number {
  return 0
}

export function writeAuthUserListRequest(
  _buffer: Buffer,
  end: number,
  _message: AuthUserListRequestInput,
): number {
  return end
}

export function decodeAuthUserListRequest(bytes: Uint8Array): AuthUserListRequest {
  return readAuthUserListRequest(new Reader(bytes))
}

export function encodeAuthUserListRequest(message: AuthUserListRequestInput): Uint8Array {
  const size = sizeOfAuthUserListRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserListRequest(buffer, size, message))
}

export type AuthRoleListRequest = Readonly<Record<never, never>>

export type AuthRoleListRequestInput = Readonly<Record<never, never>>

export function readAuthRoleListRequest(reader: Reader): AuthRoleListRequest {
  while (reader.pos < reader.end) reader.skip(reader.tag())
  return {}
}

export function sizeOfAuthRoleListRequest(_message: AuthRoleListRequestInput): number {
  return 0
}

export function writeAuthRoleListRequest(
  _buffer: Buffer,
  end: number,
  _message: AuthRoleListRequestInput,
): number {
  return end
}

export function decodeAuthRoleListRequest(bytes: Uint8Array): AuthRoleListRequest {
  return readAuthRoleListRequest(new Reader(bytes))
}

export function encodeAuthRoleListRequest(message: AuthRoleListRequestInput): Uint8Array {
  const size = sizeOfAuthRoleListRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthRoleListRequest(buffer, size, message))
}

export interface AuthRoleDeleteRequest {
  readonly role: string
}

export interface AuthRoleDeleteRequestInput {
  role?: string | undefined
}

export function readAuthRoleDeleteRequest(reader: Reader): AuthRoleDeleteRequest {
  let role = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        role = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { role }
}

export function sizeOfAuthRoleDeleteRequest(message: AuthRoleDeleteRequestInput): number {
  const { role } = message
  let size = 0
  if (role !== undefined && role.length !== 0) {
    size += 1 + sizeOfString(role)
  }
  return size
}

export function writeAuthRoleDeleteRequest(
  buffer: Buffer,
  end: number,
  message: AuthRoleDeleteRequestInput,
): number {
  const { role } = message
  let pos = end
  if (role !== undefined && role.length !== 0) {
    pos = writeString(buffer, pos, role)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeAuthRoleDeleteRequest(bytes: Uint8Array): AuthRoleDeleteRequest {
  return readAuthRoleDeleteRequest(new Reader(bytes))
}

export function encodeAuthRoleDeleteRequest(message: AuthRoleDeleteRequestInput): Uint8Array {
  const size = sizeOfAuthRoleDeleteRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthRoleDeleteRequest(buffer, size, message))
}

export interface AuthRoleGrantPermissionRequest {
  readonly name: string
  readonly perm: Permission | undefined
}

export interface AuthRoleGrantPermissionRequestInput {
  name?: string | undefined
  perm?: PermissionInput | undefined
}

export function readAuthRoleGrantPermissionRequest(reader: Reader): AuthRoleGrantPermissionRequest {
  let name = ''
  let perm: Permission | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.string()
        break
      case 0x12: {
        const outer = reader.enter()
        perm = readPermission(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { name, perm }
}

export function sizeOfAuthRoleGrantPermissionRequest(
  message: AuthRoleGrantPermissionRequestInput,
): number {
  const { name, perm } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfString(name)
  }
  if (perm !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfPermission(perm))
  }
  return size
}

export function writeAuthRoleGrantPermissionRequest(
  buffer: Buffer,
  end: number,
  message: AuthRoleGrantPermissionRequestInput,
): number {
  const { name, perm } = message
  let pos = end
  if (perm !== undefined) {
    {
      const start = writePermission(buffer, pos, perm)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x12
    }
  }
  if (name !== undefined && name.length !== 0) {
    pos = writeString(buffer, pos, name)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeAuthRoleGrantPermissionRequest(
  bytes: Uint8Array,
): AuthRoleGrantPermissionRequest {
  return readAuthRoleGrantPermissionRequest(new Reader(bytes))
}

export function encodeAuthRoleGrantPermissionRequest(
  message: AuthRoleGrantPermissionRequestInput,
): Uint8Array {
  const size = sizeOfAuthRoleGrantPermissionRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthRoleGrantPermissionRequest(buffer, size, message))
}

export interface AuthRoleRevokePermissionRequest {
  readonly role: string
  readonly key: Key
  readonly rangeEnd: Key
}

export interface AuthRoleRevokePermissionRequestInput {
  role?: string | undefined
  key?: Key | undefined
  rangeEnd?: Key | undefined
}

export function readAuthRoleRevokePermissionRequest(
  reader: Reader,
): AuthRoleRevokePermissionRequest {
  let role = ''
  let key = '' as Key
  let rangeEnd = '' as Key
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        role = reader.string()
        break
      case 0x12:
        key = reader.key()
        break
      case 0x1a:
        rangeEnd = reader.key()
        break
      default:
        reader.skip(tag)
    }
  }
  return { role, key, rangeEnd }
}

export function sizeOfAuthRoleRevokePermissionRequest(
  message: AuthRoleRevokePermissionRequestInput,
): number {
  const { role, key, rangeEnd } = message
  let size = 0
  if (role !== undefined && role.length !== 0) {
    size += 1 + sizeOfString(role)
  }
  if (key !== undefined && key.length !== 0) {
    size += 1 + sizeOfDelimited(key.length)
  }
  if (rangeEnd !== undefined && rangeEnd.length !== 0) {
    size += 1 + sizeOfDelimited(rangeEnd.length)
  }
  return size
}

export function writeAuthRoleRevokePermissionRequest(
  buffer: Buffer,
  end: number,
  message: AuthRoleRevokePermissionRequestInput,
): number {
  const { role, key, rangeEnd } = message
  let pos = end
  if (rangeEnd !== undefined && rangeEnd.length !== 0) {
    pos = writeKey(buffer, pos, rangeEnd)
    buffer[--pos] = 0x1a
  }
  if (key !== undefined && key.length !== 0) {
    pos = writeKey(buffer, pos, key)
    buffer[--pos] = 0x12
  }
  if (role !== undefined && role.length !== 0) {
    pos = writeString(buffer, pos, role)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeAuthRoleRevokePermissionRequest(
  bytes: Uint8Array,
): AuthRoleRevokePermissionRequest {
  return readAuthRoleRevokePermissionRequest(new Reader(bytes))
}

export function encodeAuthRoleRevokePermissionRequest(
  message: AuthRoleRevokePermissionRequestInput,
): Uint8Array {
  const size = sizeOfAuthRoleRevokePermissionRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthRoleRevokePermissionRequest(buffer, size, message))
}

export interface AuthEnableResponse {
  readonly header: ResponseHeader | undefined
}

export interface AuthEnableResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readAuthEnableResponse(reader: Reader): AuthEnableResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfAuthEnableResponse(message: AuthEnableResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeAuthEnableResponse(
  buffer: Buffer,
  end: number,
  message: AuthEnableResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthEnableResponse(bytes: Uint8Array): AuthEnableResponse {
  return readAuthEnableResponse(new Reader(bytes))
}

export function encodeAuthEnableResponse(message: AuthEnableResponseInput): Uint8Array {
  const size = sizeOfAuthEnableResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthEnableResponse(buffer, size, message))
}

export interface AuthDisableResponse {
  readonly header: ResponseHeader | undefined
}

export interface AuthDisableResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readAuthDisableResponse(reader: Reader): AuthDisableResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfAuthDisableResponse(message: AuthDisableResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeAuthDisableResponse(
  buffer: Buffer,
  end: number,
  message: AuthDisableResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthDisableResponse(bytes: Uint8Array): AuthDisableResponse {
  return readAuthDisableResponse(new Reader(bytes))
}

export function encodeAuthDisableResponse(message: AuthDisableResponseInput): Uint8Array {
  const size = sizeOfAuthDisableResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthDisableResponse(buffer, size, message))
}

export interface AuthStatusResponse {
  readonly header: ResponseHeader | undefined
  readonly enabled: boolean
  readonly authRevision: number
}

export interface AuthStatusResponseInput {
  header?: ResponseHeaderInput | undefined
  enabled?: boolean | undefined
  authRevision?: number | undefined
}

export function readAuthStatusResponse(reader: Reader): AuthStatusResponse {
  let header: ResponseHeader | undefined
  let enabled = false
  let authRevision = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x10:
        enabled = reader.bool()
        break
      case 0x18:
        authRevision = reader.uint64()
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, enabled, authRevision }
}

export function sizeOfAuthStatusResponse(message: AuthStatusResponseInput): number {
  const { header, enabled, authRevision } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (enabled === true) {
    size += 1 + 1
  }
  if (authRevision !== undefined && authRevision !== 0) {
    size += 1 + sizeOfInt(authRevision)
  }
  return size
}

export function writeAuthStatusResponse(
  buffer: Buffer,
  end: number,
  message: AuthStatusResponseInput,
): number {
  const { header, enabled, authRevision } = message
  let pos = end
  if (authRevision !== undefined && authRevision !== 0) {
    pos = writeInt(buffer, pos, authRevision)
    buffer[--pos] = 0x18
  }
  if (enabled === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x10
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthStatusResponse(bytes: Uint8Array): AuthStatusResponse {
  return readAuthStatusResponse(new Reader(bytes))
}

export function encodeAuthStatusResponse(message: AuthStatusResponseInput): Uint8Array {
  const size = sizeOfAuthStatusResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthStatusResponse(buffer, size, message))
}

export interface AuthenticateResponse {
  readonly header: ResponseHeader | undefined
  readonly token: string
}

export interface AuthenticateResponseInput {
  header?: ResponseHeaderInput | undefined
  token?: string | undefined
}

export function readAuthenticateResponse(reader: Reader): AuthenticateResponse {
  let header: ResponseHeader | undefined
  let token = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12:
        token = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, token }
}

export function sizeOfAuthenticateResponse(message: AuthenticateResponseInput): number {
  const { header, token } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (token !== undefined && token.length !== 0) {
    size += 1 + sizeOfString(token)
  }
  return size
}

export function writeAuthenticateResponse(
  buffer: Buffer,
  end: number,
  message: AuthenticateResponseInput,
): number {
  const { header, token } = message
  let pos = end
  if (token !== undefined && token.length !== 0) {
    pos = writeString(buffer, pos, token)
    buffer[--pos] = 0x12
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthenticateResponse(bytes: Uint8Array): AuthenticateResponse {
  return readAuthenticateResponse(new Reader(bytes))
}

export function encodeAuthenticateResponse(message: AuthenticateResponseInput): Uint8Array {
  const size = sizeOfAuthenticateResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthenticateResponse(buffer, size, message))
}

export interface AuthUserAddResponse {
  readonly header: ResponseHeader | undefined
}

export interface AuthUserAddResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readAuthUserAddResponse(reader: Reader): AuthUserAddResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfAuthUserAddResponse(message: AuthUserAddResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeAuthUserAddResponse(
  buffer: Buffer,
  end: number,
  message: AuthUserAddResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthUserAddResponse(bytes: Uint8Array): AuthUserAddResponse {
  return readAuthUserAddResponse(new Reader(bytes))
}

export function encodeAuthUserAddResponse(message: AuthUserAddResponseInput): Uint8Array {
  const size = sizeOfAuthUserAddResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserAddResponse(buffer, size, message))
}

export interface AuthUserGetResponse {
  readonly header: ResponseHeader | undefined
  readonly roles: readonly string[]
}

export interface AuthUserGetResponseInput {
  header?: ResponseHeaderInput | undefined
  roles?: readonly string[] | undefined
}

export function readAuthUserGetResponse(reader: Reader): AuthUserGetResponse {
  let header: ResponseHeader | undefined
  const roles: string[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12:
        roles.push(reader.string())
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, roles }
}

export function sizeOfAuthUserGetResponse(message: AuthUserGetResponseInput): number {
  const { header, roles } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (roles !== undefined) {
    for (const value of roles) size += 1 + sizeOfString(value)
  }
  return size
}

export function writeAuthUserGetResponse(
  buffer: Buffer,
  end: number,
  message: AuthUserGetResponseInput,
): number {
  const { header, roles } = message
  let pos = end
  if (roles !== undefined) {
    for (let i = roles.length - 1; i >= 0; i--) {
      const value = roles[i]!
      pos = writeString(buffer, pos, value)
      buffer[--pos] = 0x12
    }
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthUserGetResponse(bytes: Uint8Array): AuthUserGetResponse {
  return readAuthUserGetResponse(new Reader(bytes))
}

export function encodeAuthUserGetResponse(message: AuthUserGetResponseInput): Uint8Array {
  const size = sizeOfAuthUserGetResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserGetResponse(buffer, size, message))
}

export interface AuthUserDeleteResponse {
  readonly header: ResponseHeader | undefined
}

export interface AuthUserDeleteResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readAuthUserDeleteResponse(reader: Reader): AuthUserDeleteResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfAuthUserDeleteResponse(message: AuthUserDeleteResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeAuthUserDeleteResponse(
  buffer: Buffer,
  end: number,
  message: AuthUserDeleteResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthUserDeleteResponse(bytes: Uint8Array): AuthUserDeleteResponse {
  return readAuthUserDeleteResponse(new Reader(bytes))
}

export function encodeAuthUserDeleteResponse(message: AuthUserDeleteResponseInput): Uint8Array {
  const size = sizeOfAuthUserDeleteResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserDeleteResponse(buffer, size, message))
}

export interface AuthUserChangePasswordResponse {
  readonly header: ResponseHeader | undefined
}

export interface AuthUserChangePasswordResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readAuthUserChangePasswordResponse(reader: Reader): AuthUserChangePasswordResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfAuthUserChangePasswordResponse(
  message: AuthUserChangePasswordResponseInput,
): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeAuthUserChangePasswordResponse(
  buffer: Buffer,
  end: number,
  message: AuthUserChangePasswordResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthUserChangePasswordResponse(
  bytes: Uint8Array,
): AuthUserChangePasswordResponse {
  return readAuthUserChangePasswordResponse(new Reader(bytes))
}

export function encodeAuthUserChangePasswordResponse(
  message: AuthUserChangePasswordResponseInput,
): Uint8Array {
  const size = sizeOfAuthUserChangePasswordResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserChangePasswordResponse(buffer, size, message))
}

export interface AuthUserGrantRoleResponse {
  readonly header: ResponseHeader | undefined
}

export interface AuthUserGrantRoleResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readAuthUserGrantRoleResponse(reader: Reader): AuthUserGrantRoleResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfAuthUserGrantRoleResponse(message: AuthUserGrantRoleResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeAuthUserGrantRoleResponse(
  buffer: Buffer,
  end: number,
  message: AuthUserGrantRoleResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthUserGrantRoleResponse(bytes: Uint8Array): AuthUserGrantRoleResponse {
  return readAuthUserGrantRoleResponse(new Reader(bytes))
}

export function encodeAuthUserGrantRoleResponse(
  message: AuthUserGrantRoleResponseInput,
): Uint8Array {
  const size = sizeOfAuthUserGrantRoleResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserGrantRoleResponse(buffer, size, message))
}

export interface AuthUserRevokeRoleResponse {
  readonly header: ResponseHeader | undefined
}

export interface AuthUserRevokeRoleResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readAuthUserRevokeRoleResponse(reader: Reader): AuthUserRevokeRoleResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfAuthUserRevokeRoleResponse(message: AuthUserRevokeRoleResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeAuthUserRevokeRoleResponse(
  buffer: Buffer,
  end: number,
  message: AuthUserRevokeRoleResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthUserRevokeRoleResponse(bytes: Uint8Array): AuthUserRevokeRoleResponse {
  return readAuthUserRevokeRoleResponse(new Reader(bytes))
}

export function encodeAuthUserRevokeRoleResponse(
  message: AuthUserRevokeRoleResponseInput,
): Uint8Array {
  const size = sizeOfAuthUserRevokeRoleResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserRevokeRoleResponse(buffer, size, message))
}

export interface AuthRoleAddResponse {
  readonly header: ResponseHeader | undefined
}

export interface AuthRoleAddResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readAuthRoleAddResponse(reader: Reader): AuthRoleAddResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfAuthRoleAddResponse(message: AuthRoleAddResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeAuthRoleAddResponse(
  buffer: Buffer,
  end: number,
  message: AuthRoleAddResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthRoleAddResponse(bytes: Uint8Array): AuthRoleAddResponse {
  return readAuthRoleAddResponse(new Reader(bytes))
}

export function encodeAuthRoleAddResponse(message: AuthRoleAddResponseInput): Uint8Array {
  const size = sizeOfAuthRoleAddResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthRoleAddResponse(buffer, size, message))
}

export interface AuthRoleGetResponse {
  readonly header: ResponseHeader | undefined
  readonly perm: readonly Permission[]
}

export interface AuthRoleGetResponseInput {
  header?: ResponseHeaderInput | undefined
  perm?: readonly PermissionInput[] | undefined
}

export function readAuthRoleGetResponse(reader: Reader): AuthRoleGetResponse {
  let header: ResponseHeader | undefined
  const perm: Permission[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12: {
        const outer = reader.enter()
        perm.push(readPermission(reader))
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header, perm }
}

export function sizeOfAuthRoleGetResponse(message: AuthRoleGetResponseInput): number {
  const { header, perm } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (perm !== undefined) {
    for (const value of perm) size += 1 + sizeOfDelimited(sizeOfPermission(value))
  }
  return size
}

export function writeAuthRoleGetResponse(
  buffer: Buffer,
  end: number,
  message: AuthRoleGetResponseInput,
): number {
  const { header, perm } = message
  let pos = end
  if (perm !== undefined) {
    for (let i = perm.length - 1; i >= 0; i--) {
      const value = perm[i]!
      {
        const start = writePermission(buffer, pos, value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x12
      }
    }
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthRoleGetResponse(bytes: Uint8Array): AuthRoleGetResponse {
  return readAuthRoleGetResponse(new Reader(bytes))
}

export function encodeAuthRoleGetResponse(message: AuthRoleGetResponseInput): Uint8Array {
  const size = sizeOfAuthRoleGetResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthRoleGetResponse(buffer, size, message))
}

export interface AuthRoleListResponse {
  readonly header: ResponseHeader | undefined
  readonly roles: readonly string[]
}

export interface AuthRoleListResponseInput {
  header?: ResponseHeaderInput | undefined
  roles?: readonly string[] | undefined
}

export function readAuthRoleListResponse(reader: Reader): AuthRoleListResponse {
  let header: ResponseHeader | undefined
  const roles: string[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12:
        roles.push(reader.string())
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, roles }
}

export function sizeOfAuthRoleListResponse(message: AuthRoleListResponseInput): number {
  const { header, roles } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (roles !== undefined) {
    for (const value of roles) size += 1 + sizeOfString(value)
  }
  return size
}

export function writeAuthRoleListResponse(
  buffer: Buffer,
  end: number,
  message: AuthRoleListResponseInput,
): number {
  const { header, roles } = message
  let pos = end
  if (roles !== undefined) {
    for (let i = roles.length - 1; i >= 0; i--) {
      const value = roles[i]!
      pos = writeString(buffer, pos, value)
      buffer[--pos] = 0x12
    }
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthRoleListResponse(bytes: Uint8Array): AuthRoleListResponse {
  return readAuthRoleListResponse(new Reader(bytes))
}

export function encodeAuthRoleListResponse(message: AuthRoleListResponseInput): Uint8Array {
  const size = sizeOfAuthRoleListResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthRoleListResponse(buffer, size, message))
}

export interface AuthUserListResponse {
  readonly header: ResponseHeader | undefined
  readonly users: readonly string[]
}

export interface AuthUserListResponseInput {
  header?: ResponseHeaderInput | undefined
  users?: readonly string[] | undefined
}

export function readAuthUserListResponse(reader: Reader): AuthUserListResponse {
  let header: ResponseHeader | undefined
  const users: string[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12:
        users.push(reader.string())
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, users }
}

export function sizeOfAuthUserListResponse(message: AuthUserListResponseInput): number {
  const { header, users } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (users !== undefined) {
    for (const value of users) size += 1 + sizeOfString(value)
  }
  return size
}

export function writeAuthUserListResponse(
  buffer: Buffer,
  end: number,
  message: AuthUserListResponseInput,
): number {
  const { header, users } = message
  let pos = end
  if (users !== undefined) {
    for (let i = users.length - 1; i >= 0; i--) {
      const value = users[i]!
      pos = writeString(buffer, pos, value)
      buffer[--pos] = 0x12
    }
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthUserListResponse(bytes: Uint8Array): AuthUserListResponse {
  return readAuthUserListResponse(new Reader(bytes))
}

export function encodeAuthUserListResponse(message: AuthUserListResponseInput): Uint8Array {
  const size = sizeOfAuthUserListResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthUserListResponse(buffer, size, message))
}

export interface AuthRoleDeleteResponse {
  readonly header: ResponseHeader | undefined
}

export interface AuthRoleDeleteResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readAuthRoleDeleteResponse(reader: Reader): AuthRoleDeleteResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfAuthRoleDeleteResponse(message: AuthRoleDeleteResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeAuthRoleDeleteResponse(
  buffer: Buffer,
  end: number,
  message: AuthRoleDeleteResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthRoleDeleteResponse(bytes: Uint8Array): AuthRoleDeleteResponse {
  return readAuthRoleDeleteResponse(new Reader(bytes))
}

export function encodeAuthRoleDeleteResponse(message: AuthRoleDeleteResponseInput): Uint8Array {
  const size = sizeOfAuthRoleDeleteResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthRoleDeleteResponse(buffer, size, message))
}

export interface AuthRoleGrantPermissionResponse {
  readonly header: ResponseHeader | undefined
}

export interface AuthRoleGrantPermissionResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readAuthRoleGrantPermissionResponse(
  reader: Reader,
): AuthRoleGrantPermissionResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfAuthRoleGrantPermissionResponse(
  message: AuthRoleGrantPermissionResponseInput,
): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeAuthRoleGrantPermissionResponse(
  buffer: Buffer,
  end: number,
  message: AuthRoleGrantPermissionResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthRoleGrantPermissionResponse(
  bytes: Uint8Array,
): AuthRoleGrantPermissionResponse {
  return readAuthRoleGrantPermissionResponse(new Reader(bytes))
}

export function encodeAuthRoleGrantPermissionResponse(
  message: AuthRoleGrantPermissionResponseInput,
): Uint8Array {
  const size = sizeOfAuthRoleGrantPermissionResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthRoleGrantPermissionResponse(buffer, size, message))
}

export interface AuthRoleRevokePermissionResponse {
  readonly header: ResponseHeader | undefined
}

export interface AuthRoleRevokePermissionResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readAuthRoleRevokePermissionResponse(
  reader: Reader,
): AuthRoleRevokePermissionResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfAuthRoleRevokePermissionResponse(
  message: AuthRoleRevokePermissionResponseInput,
): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeAuthRoleRevokePermissionResponse(
  buffer: Buffer,
  end: number,
  message: AuthRoleRevokePermissionResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeAuthRoleRevokePermissionResponse(
  bytes: Uint8Array,
): AuthRoleRevokePermissionResponse {
  return readAuthRoleRevokePermissionResponse(new Reader(bytes))
}

export function encodeAuthRoleRevokePermissionResponse(
  message: AuthRoleRevokePermissionResponseInput,
): Uint8Array {
  const size = sizeOfAuthRoleRevokePermissionResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeAuthRoleRevokePermissionResponse(buffer, size, message))
}

export interface RangeStreamResponse {
  readonly rangeResponse: RangeResponse | undefined
}

export interface RangeStreamResponseInput {
  rangeResponse?: RangeResponseInput | undefined
}

export function readRangeStreamResponse(reader: Reader): RangeStreamResponse {
  let rangeResponse: RangeResponse | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        rangeResponse = readRangeResponse(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { rangeResponse }
}

export function sizeOfRangeStreamResponse(message: RangeStreamResponseInput): number {
  const { rangeResponse } = message
  let size = 0
  if (rangeResponse !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfRangeResponse(rangeResponse))
  }
  return size
}

export function writeRangeStreamResponse(
  buffer: Buffer,
  end: number,
  message: RangeStreamResponseInput,
): number {
  const { rangeResponse } = message
  let pos = end
  if (rangeResponse !== undefined) {
    {
      const start = writeRangeResponse(buffer, pos, rangeResponse)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeRangeStreamResponse(bytes: Uint8Array): RangeStreamResponse {
  return readRangeStreamResponse(new Reader(bytes))
}

export function encodeRangeStreamResponse(message: RangeStreamResponseInput): Uint8Array {
  const size = sizeOfRangeStreamResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeRangeStreamResponse(buffer, size, message))
}

/** The names of the package's services. */
export const SERVICES = [
  'etcdserverpb.KV',
  'etcdserverpb.Watch',
  'etcdserverpb.Lease',
  'etcdserverpb.Cluster',
  'etcdserverpb.Maintenance',
  'etcdserverpb.Auth',
] as const
