/** Tells whether a request's headers make a gRPC call that is served here. */

import type { Method } from '../engine.ts'
import { STATUS, type StatusCode } from '../status.ts'
import { servicesOf, unknownMethod } from '../unknown-method.ts'
import type { Admission } from './admission.ts'
import type { RequestHead } from './request-head.ts'

export class AdmissionRules {
  readonly #methods: ReadonlyMap<string, Method>
  readonly #services: ReadonlySet<string>

  /** `services` have no method here, and are known all the same. */
  constructor(methods: readonly Method[], services: readonly string[]) {
    this.#methods = new Map(methods.map((method) => [method.path, method]))
    this.#services = new Set([...servicesOf(this.#methods.keys()), ...services])
  }

  admissionOf(head: RequestHead): Admission {
    if (head.isTooLarge) {
      return refused(STATUS.RESOURCE_EXHAUSTED, 'grpc: request headers are larger than allowed')
    }
    if (head.method !== 'POST') {
      return notGrpc(405, `grpc: method ${JSON.stringify(head.method)} is not POST`)
    }
    if (!head.isGrpc) {
      const type = JSON.stringify(head.contentType)
      return notGrpc(415, `invalid gRPC request content-type ${type}`)
    }
    if (head.encoding !== undefined && head.encoding !== 'identity') {
      const encoding = JSON.stringify(head.encoding)
      const text = `grpc: Decompressor is not installed for grpc-encoding ${encoding}`
      return { ...refused(STATUS.UNIMPLEMENTED, text), error: 'unsupported-encoding' }
    }
    const { timeoutMs } = head
    if (timeoutMs === undefined) {
      const timeout = JSON.stringify(head.timeout)
      return refused(STATUS.INTERNAL, `malformed grpc-timeout: ${timeout}`)
    }
    const method = this.#methods.get(head.path)
    if (method !== undefined) return { ok: true, method, timeoutMs }
    const { code, message } = unknownMethod(head.path, this.#services)
    return refused(code, message)
  }
}

function refused(code: StatusCode, text: string): Extract<Admission, { ok: false }> {
  return { ok: false, error: 'refused', httpStatus: 200, code, text }
}

function notGrpc(httpStatus: number, text: string): Admission {
  return { ok: false, error: 'not-grpc', httpStatus, code: STATUS.INTERNAL, text }
}
