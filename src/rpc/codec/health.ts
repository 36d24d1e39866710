// Generated from proto/health.proto by scripts/generate-codec.mjs. Do not edit.

import { Reader, finish, sizeOfInt, sizeOfString, writeInt, writeString } from './wire.ts'

export interface HealthCheckRequest {
  readonly service: string
}

export interface HealthCheckRequestInput {
  service?: string | undefined
}

export function readHealthCheckRequest(reader: Reader): HealthCheckRequest {
  let service = ''
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        service = reader.string()
        break
      default:
        reader.skip(tag)
    }
  }
  return { service }
}

export function sizeOfHealthCheckRequest(message: HealthCheckRequestInput): number {
  const { service } = message
  let size = 0
  if (service !== undefined && service.length !== 0) {
    size += 1 + sizeOfString(service)
  }
  return size
}

export function writeHealthCheckRequest(
  buffer: Buffer,
  end: number,
  message: HealthCheckRequestInput,
): number {
  const { service } = message
  let pos = end
  if (service !== undefined && service.length !== 0) {
    pos = writeString(buffer, pos, service)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeHealthCheckRequest(bytes: Uint8Array): HealthCheckRequest {
  return readHealthCheckRequest(new Reader(bytes))
}

export function encodeHealthCheckRequest(message: HealthCheckRequestInput): Uint8Array {
  const size = sizeOfHealthCheckRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeHealthCheckRequest(buffer, size, message))
}

export interface HealthCheckResponse {
  readonly status: HealthCheckResponse_ServingStatus
}

export interface HealthCheckResponseInput {
  status?: HealthCheckResponse_ServingStatus | undefined
}

export function readHealthCheckResponse(reader: Reader): HealthCheckResponse {
  let status: HealthCheckResponse_ServingStatus = 0
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        status = reader.int32()
        break
      default:
        reader.skip(tag)
    }
  }
  return { status }
}

export function sizeOfHealthCheckResponse(message: HealthCheckResponseInput): number {
  const { status } = message
  let size = 0
  if (status !== undefined && status !== 0) {
    size += 1 + sizeOfInt(status)
  }
  return size
}

export function writeHealthCheckResponse(
  buffer: Buffer,
  end: number,
  message: HealthCheckResponseInput,
): number {
  const { status } = message
  let pos = end
  if (status !== undefined && status !== 0) {
    pos = writeInt(buffer, pos, status)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeHealthCheckResponse(bytes: Uint8Array): HealthCheckResponse {
  return readHealthCheckResponse(new Reader(bytes))
}

export function encodeHealthCheckResponse(message: HealthCheckResponseInput): Uint8Array {
  const size = sizeOfHealthCheckResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeHealthCheckResponse(buffer, size, message))
}

export const HealthCheckResponse_ServingStatus = {
  UNKNOWN: 0,
  SERVING: 1,
  NOT_SERVING: 2,
  SERVICE_UNKNOWN: 3,
} as const
/** One of the constants, or a number that this version does not know. */
export type HealthCheckResponse_ServingStatus = number

/** Paths and codecs of grpc.health.v1.Health. */
export const HealthService = {
  check: {
    path: '/grpc.health.v1.Health/Check',
    codec: { decode: decodeHealthCheckRequest, encode: encodeHealthCheckResponse },
  },
  watch: {
    path: '/grpc.health.v1.Health/Watch',
    codec: { decode: decodeHealthCheckRequest, encode: encodeHealthCheckResponse },
  },
} as const

/** The names of the package's services. */
export const SERVICES = ['grpc.health.v1.Health'] as const
