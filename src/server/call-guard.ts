/**
 * What is checked before any call reaches its service, whatever the service: whether this member
 * may serve it at all, and the metadata that etcd's clients send along.
 */

import { Counter, type Registry } from 'prom-client'
import type { CallContext, Method } from '../rpc/engine.ts'
import type { RangeRequest } from '../rpc/codec/etcdserverpb.ts'
import { etcdError, type ErrorName } from './errors.ts'

/** Distinct versions counted one by one; a client makes up its own, and labels cost memory. */
const VERSIONS_MAX = 64

/** Services that read or write keys and leases. */
const DATA_SERVICES = /^\/(etcdserverpb\.(KV|Watch|Lease)|v3lockpb\.Lock|v3electionpb\.Election)\//

export interface CallGuardPorts {
  readonly hasLeader: () => boolean
  /** This member gets everything but has no vote: its data may be old. */
  readonly isLearner: () => boolean
  /** Why no key or lease may be read or written through this member, if so. */
  readonly refusal: () => ErrorName | undefined
}

/** All request metadata that any service reads, for a wire that must say in advance. */
export const METADATA_NAMES = ['client-api-version', 'hasleader'] as const

interface VersionCount {
  readonly type: string
  readonly version: string
  count: number
}

type CallCheck = (request: unknown, context: CallContext) => void

export class CallGuard {
  readonly #ports: CallGuardPorts
  /** Calls by kind and client version. */
  readonly #counts = new Map<string, VersionCount>()
  /** The one that was counted last: most calls come from one kind of client. */
  #last: VersionCount | undefined

  constructor(ports: CallGuardPorts) {
    this.#ports = ports
  }

  /** The same method behind the checks. */
  guard(method: Method): Method {
    const check = this.#checkFor(method)
    switch (method.kind) {
      case 'unary': {
        const handle: typeof method.handle = (request, context) => {
          check(request, context)
          return method.handle(request, context)
        }
        return { ...method, handle }
      }
      case 'server-stream': {
        const handle: typeof method.handle = (request, stream, context) => {
          check(request, context)
          method.handle(request, stream, context)
        }
        return { ...method, handle }
      }
      case 'bidi': {
        const handle: typeof method.handle = (requests, responses, context) => {
          check(undefined, context)
          method.handle(requests, responses, context)
        }
        return { ...method, handle }
      }
    }
  }

  register(registry: Registry): void {
    const counts = this.#counts
    const counter: Counter = new Counter({
      name: 'etcd_server_client_requests_total',
      help: 'The total number of client requests per client version.',
      labelNames: ['type', 'client_api_version'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { type, version, count } of counts.values()) {
          this.inc({ type, client_api_version: version }, count)
        }
      },
    })
    void counter
  }

  /** Throws the error to answer with: every engine turns it into the call's status. */
  #checkFor({ kind, path }: Method): CallCheck {
    const { isLearner, refusal } = this.#ports
    const type = kind === 'unary' ? 'unary' : 'stream'
    const isForData = DATA_SERVICES.test(path)
    return (request, context) => {
      if (isLearner() && !isServedByLearner(path, request)) {
        throw etcdError('not-supported-for-learner')
      }
      this.#checkMetadata(type, context)
      const error = isForData ? refusal() : undefined
      if (error !== undefined) throw etcdError(error)
    }
  }

  #checkMetadata(type: 'unary' | 'stream', context: CallContext): void {
    const version = context.metadata('client-api-version')
    if (version !== undefined && !isUtf8(version)) throw etcdError('invalid-client-api-version')
    this.#count(type, version ?? 'unknown')
    if (context.metadata('hasleader') !== 'true') return
    if (!this.#ports.hasLeader()) throw etcdError('no-leader')
  }

  #count(type: string, version: string): void {
    let counted = this.#last
    if (counted?.version !== version || counted.type !== type) {
      counted = this.#countOf(type, version)
      this.#last = counted
    }
    counted.count++
  }

  #countOf(type: string, version: string): VersionCount {
    const key = `${type} ${version}`
    const known = this.#counts.get(key)
    if (known !== undefined) return known
    if (this.#counts.size >= VERSIONS_MAX && version !== 'other')
      return this.#countOf(type, 'other')
    const counted = { type, version, count: 0 }
    this.#counts.set(key, counted)
    return counted
  }
}

/** Header values arrive with one character for each byte. */
function isUtf8(value: string): boolean {
  // The usual version number needs no decoder.
  if (/^[\x20-\x7e]*$/.test(value)) return true
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'latin1'))
    return true
  } catch {
    return false
  }
}

/** As in etcd; a range counts when it asks for no more than what is here. */
function isServedByLearner(path: string, request: unknown): boolean {
  switch (path) {
    case '/etcdserverpb.Maintenance/Status':
    case '/etcdserverpb.Maintenance/Snapshot':
      return true
    case '/etcdserverpb.KV/Range':
      return (request as RangeRequest).serializable
    default:
      return false
  }
}
