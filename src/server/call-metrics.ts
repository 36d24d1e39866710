/** Counts of gRPC calls by method and status code, under the names of Go's gRPC middleware. */

import { Counter, type Registry } from 'prom-client'
import type { CallCounts, MethodCounts } from '../rpc/call-counts.ts'
import type { CallObserver, Method } from '../rpc/engine.ts'

const GRPC_TYPES: Readonly<Record<Method['kind'], string>> = {
  unary: 'unary',
  'server-stream': 'server_stream',
  bidi: 'bidi_stream',
}

const CODE_NAMES = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const

interface OwnCounts extends MethodCounts {
  started: number
  received: number
  sent: number
  readonly handled: number[]
}

/** Counting is plain additions; labels are put together when somebody scrapes. */
export class CallMetrics implements CallObserver {
  readonly #methods = new Map<string, OwnCounts>()
  #elsewhere: CallCounts | undefined
  #receivedBytes = 0
  #sentBytes = 0

  onStarted(path: string, kind: Method['kind']): void {
    this.#counts(path, kind).started++
  }

  onReceived(path: string, kind: Method['kind'], bytes: number): void {
    this.#counts(path, kind).received++
    this.#receivedBytes += bytes
  }

  onSent(path: string, kind: Method['kind'], bytes: number): void {
    this.#counts(path, kind).sent++
    this.#sentBytes += bytes
  }

  onFinished(path: string, kind: Method['kind'], code: number): void {
    const { handled } = this.#counts(path, kind)
    handled[code] = (handled[code] ?? 0) + 1
  }

  /** Calls are counted there. */
  readFrom(counts: CallCounts): void {
    this.#elsewhere = counts
  }

  register(registry: Registry): void {
    this.#registerByMethod(
      registry,
      'grpc_server_started_total',
      'Total number of RPCs started on the server.',
      [],
      ({ started }) => [[{}, started]],
    )
    this.#registerByMethod(
      registry,
      'grpc_server_handled_total',
      'Total number of RPCs completed on the server, regardless of success or failure.',
      ['grpc_code'],
      ({ handled }) =>
        handled.flatMap((count, code) => [[{ grpc_code: CODE_NAMES[code] ?? 'Unknown' }, count]]),
    )
    this.#registerByMethod(
      registry,
      'grpc_server_msg_received_total',
      'Total number of RPC stream messages received on the server.',
      [],
      ({ received }) => [[{}, received]],
    )
    this.#registerByMethod(
      registry,
      'grpc_server_msg_sent_total',
      'Total number of gRPC stream messages sent by the server.',
      [],
      ({ sent }) => [[{}, sent]],
    )
    registerCounter(
      registry,
      'etcd_network_client_grpc_received_bytes_total',
      'The total number of bytes received from grpc clients.',
      () => this.#elsewhere?.receivedBytes ?? this.#receivedBytes,
    )
    registerCounter(
      registry,
      'etcd_network_client_grpc_sent_bytes_total',
      'The total number of bytes sent to grpc clients.',
      () => this.#elsewhere?.sentBytes ?? this.#sentBytes,
    )
  }

  #counts(path: string, kind: Method['kind']): OwnCounts {
    let counts = this.#methods.get(path)
    if (counts === undefined) {
      counts = { path, kind, started: 0, received: 0, sent: 0, handled: [] }
      this.#methods.set(path, counts)
    }
    return counts
  }

  #registerByMethod(
    registry: Registry,
    name: string,
    help: string,
    extraLabels: readonly string[],
    samples: (counts: MethodCounts) => [Record<string, string>, number][],
  ): void {
    const allCounts = (): Iterable<MethodCounts> =>
      this.#elsewhere?.byMethod() ?? this.#methods.values()
    const labelNames = ['grpc_type', 'grpc_service', 'grpc_method', ...extraLabels]
    const counter: Counter = new Counter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset()
        for (const counts of allCounts()) {
          const common = labelsOf(counts)
          for (const [labels, value] of samples(counts)) {
            this.inc({ ...common, ...labels }, value)
          }
        }
      },
    })
    void counter
  }
}

function labelsOf({ path, kind }: MethodCounts): Record<string, string> {
  const [, service = '', method = ''] = path.split('/')
  return { grpc_type: GRPC_TYPES[kind], grpc_service: service, grpc_method: method }
}

/** A counter whose value is kept elsewhere as a plain number and read when scraped. */
export function registerCounter(
  registry: Registry,
  name: string,
  help: string,
  value: () => number,
): void {
  const counter: Counter = new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset()
      this.inc(value())
    },
  })
  void counter
}
