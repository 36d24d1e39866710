// Generated from proto/auth.proto by scripts/generate-codec.mjs. Do not edit.

import type { Key } from '../../base/key.ts'
import {
  NO_BYTES,
  Reader,
  finish,
  sizeOfDelimited,
  sizeOfInt,
  sizeOfString,
  writeBytes,
  writeInt,
  writeKey,
  writeLength,
  writeString,
} from './wire.ts'

export interface UserAddOptions {
  readonly noPassword: boolean
}

export interface UserAddOptionsInput {
  noPassword?: boolean | undefined
}

export function readUserAddOptions(reader: Reader): UserAddOptions {
  let noPassword = false
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        noPassword = reader.bool()
        break
      default:
        reader.skip(tag)
    }
  }
  return { noPassword }
}

export function sizeOfUserAddOptions(message: UserAddOptionsInput): number {
  const { noPassword } = message
  let size = 0
  if (noPassword === true) {
    size += 1 + 1
  }
  return size
}

export function writeUserAddOptions(
  buffer: Buffer,
  end: number,
  message: UserAddOptionsInput,
): number {
  const { noPassword } = message
  let pos = end
  if (noPassword === true) {
    buffer[--pos] = 1
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeUserAddOptions(bytes: Uint8Array): UserAddOptions {
  return readUserAddOptions(new Reader(bytes))
}

export function encodeUserAddOptions(message: UserAddOptionsInput): Uint8Array {
  const size = sizeOfUserAddOptions(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeUserAddOptions(buffer, size, message))
}

export interface User {
  readonly name: Uint8Array
  readonly password: Uint8Array
  readonly roles: readonly string[]
  readonly options: UserAddOptions | undefined
}

export interface UserInput {
  name?: Uint8Array | undefined
  password?: Uint8Array | undefined
  roles?: readonly string[] | undefined
  options?: UserAddOptionsInput | undefined
}

export function readUser(reader: Reader): User {
  let name: Uint8Array = NO_BYTES
  let password: Uint8Array = NO_BYTES
  const roles: string[] = []
  let options: UserAddOptions | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.view()
        break
      case 0x12:
        password = reader.view()
        break
      case 0x1a:
        roles.push(reader.string())
        break
      case 0x22: {
        const outer = reader.enter()
        options = readUserAddOptions(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { name, password, roles, options }
}

export function sizeOfUser(message: UserInput): number {
  const { name, password, roles, options } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfDelimited(name.length)
  }
  if (password !== undefined && password.length !== 0) {
    size += 1 + sizeOfDelimited(password.length)
  }
  if (roles !== undefined) {
    for (const value of roles) size += 1 + sizeOfString(value)
  }
  if (options !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfUserAddOptions(options))
  }
  return size
}

export function writeUser(buffer: Buffer, end: number, message: UserInput): number {
  const { name, password, roles, options } = message
  let pos = end
  if (options !== undefined) {
    {
      const start = writeUserAddOptions(buffer, pos, options)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x22
    }
  }
  if (roles !== undefined) {
    for (let i = roles.length - 1; i >= 0; i--) {
      const value = roles[i]!
      pos = writeString(buffer, pos, value)
      buffer[--pos] = 0x1a
    }
  }
  if (password !== undefined && password.length !== 0) {
    pos = writeBytes(buffer, pos, password)
    buffer[--pos] = 0x12
  }
  if (name !== undefined && name.length !== 0) {
    pos = writeBytes(buffer, pos, name)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeUser(bytes: Uint8Array): User {
  return readUser(new Reader(bytes))
}

export function encodeUser(message: UserInput): Uint8Array {
  const size = sizeOfUser(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeUser(buffer, size, message))
}

export interface Permission {
  readonly permType: Permission_Type
  readonly key: Key
  readonly rangeEnd: Key
}

export interface PermissionInput {
  permType?: Permission_Type | undefined
  key?: Key | undefined
  rangeEnd?: Key | undefined
}

export function readPermission(reader: Reader): Permission {
  let permType: Permission_Type = 0
  let key = '' as Key
  let rangeEnd = '' as Key
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        permType = reader.int32()
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
  return { permType, key, rangeEnd }
}

export function sizeOfPermission(message: PermissionInput): number {
  const { permType, key, rangeEnd } = message
  let size = 0
  if (permType !== undefined && permType !== 0) {
    size += 1 + sizeOfInt(permType)
  }
  if (key !== undefined && key.length !== 0) {
    size += 1 + sizeOfDelimited(key.length)
  }
  if (rangeEnd !== undefined && rangeEnd.length !== 0) {
    size += 1 + sizeOfDelimited(rangeEnd.length)
  }
  return size
}

export function writePermission(buffer: Buffer, end: number, message: PermissionInput): number {
  const { permType, key, rangeEnd } = message
  let pos = end
  if (rangeEnd !== undefined && rangeEnd.length !== 0) {
    pos = writeKey(buffer, pos, rangeEnd)
    buffer[--pos] = 0x1a
  }
  if (key !== undefined && key.length !== 0) {
    pos = writeKey(buffer, pos, key)
    buffer[--pos] = 0x12
  }
  if (permType !== undefined && permType !== 0) {
    pos = writeInt(buffer, pos, permType)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodePermission(bytes: Uint8Array): Permission {
  return readPermission(new Reader(bytes))
}

export function encodePermission(message: PermissionInput): Uint8Array {
  const size = sizeOfPermission(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writePermission(buffer, size, message))
}

export const Permission_Type = {
  READ: 0,
  WRITE: 1,
  READWRITE: 2,
} as const
/** One of the constants, or a number that this version does not know. */
export type Permission_Type = number

export interface Role {
  readonly name: Uint8Array
  readonly keyPermission: readonly Permission[]
}

export interface RoleInput {
  name?: Uint8Array | undefined
  keyPermission?: readonly PermissionInput[] | undefined
}

export function readRole(reader: Reader): Role {
  let name: Uint8Array = NO_BYTES
  const keyPermission: Permission[] = []
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.view()
        break
      case 0x12: {
        const outer = reader.enter()
        keyPermission.push(readPermission(reader))
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { name, keyPermission }
}

export function sizeOfRole(message: RoleInput): number {
  const { name, keyPermission } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfDelimited(name.length)
  }
  if (keyPermission !== undefined) {
    for (const value of keyPermission) size += 1 + sizeOfDelimited(sizeOfPermission(value))
  }
  return size
}

export function writeRole(buffer: Buffer, end: number, message: RoleInput): number {
  const { name, keyPermission } = message
  let pos = end
  if (keyPermission !== undefined) {
    for (let i = keyPermission.length - 1; i >= 0; i--) {
      const value = keyPermission[i]!
      {
        const start = writePermission(buffer, pos, value)
        pos = writeLength(buffer, start, pos - start)
        buffer[--pos] = 0x12
      }
    }
  }
  if (name !== undefined && name.length !== 0) {
    pos = writeBytes(buffer, pos, name)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeRole(bytes: Uint8Array): Role {
  return readRole(new Reader(bytes))
}

export function encodeRole(message: RoleInput): Uint8Array {
  const size = sizeOfRole(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeRole(buffer, size, message))
}
