/** grpc.health.v1.Health: the whole server is one service, named "". */

import { defineServerStream, defineUnary, type Method } from '../../rpc/engine.ts'
import {
  decodeHealthCheckRequest,
  encodeHealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../rpc/codec/health.ts'
import { STATUS, StatusError } from '../../rpc/status.ts'

const CODEC = { decode: decodeHealthCheckRequest, encode: encodeHealthCheckResponse }

export function healthMethods(): Method[] {
  return [
    defineUnary('/grpc.health.v1.Health/Check', CODEC, ({ service }) => {
      if (service !== '') throw new StatusError(STATUS.NOT_FOUND, 'unknown service')
      return { status: ServingStatus.SERVING }
    }),
    // The status never changes while the server answers at all, so a watch sends it once.
    defineServerStream('/grpc.health.v1.Health/Watch', CODEC, ({ service }, stream) => {
      const known = service === ''
      stream.send({ status: known ? ServingStatus.SERVING : ServingStatus.SERVICE_UNKNOWN })
    }),
  ]
}
