/**
 * The flags of etcd 3.6, and of 3.4, that this server does not support yet. Each is refused by
 * name, so that nobody believes in a setting that has no effect; only its default is accepted,
 * because a command line that spells out defaults means no more than one that does not.
 */

import { parseDurationMs } from './durations.ts'

export interface UnsupportedFlag {
  readonly kind: 'text' | 'boolean' | 'integer' | 'duration'
  /** What etcd does without the flag: its default, and the value that the default stands for. */
  readonly defaults: readonly string[]
}

export const UNSUPPORTED_FLAGS: Readonly<Record<string, UnsupportedFlag>> = {
  'auth-token': text('simple'),
  'auth-token-ttl': integer('300'),
  'auto-tls': boolean('false'),
  'backend-batch-interval': duration('0', '100ms'),
  'backend-batch-limit': integer('0', '10000'),
  'backend-bbolt-freelist-type': text('', 'map'),
  'bcrypt-cost': integer('10'),
  'bootstrap-defrag-threshold-megabytes': integer('0'),
  'cert-file': text(''),
  'cipher-suites': text(''),
  'client-cert-allowed-hostname': text(''),
  'client-cert-auth': boolean('false'),
  'client-cert-file': text(''),
  'client-crl-file': text(''),
  'client-key-file': text(''),
  'compact-hash-check-time': duration('1m'),
  'compaction-batch-limit': integer('0', '1000'),
  'compaction-sleep-interval': duration('0', '10ms'),
  'corrupt-check-time': duration('0'),
  cors: text('*', ''),
  discovery: text(''),
  'discovery-cacert': text(''),
  'discovery-cert': text(''),
  'discovery-dial-timeout': duration('2s'),
  'discovery-endpoints': text(''),
  'discovery-fallback': text('exit'),
  'discovery-insecure-skip-tls-verify': boolean('false'),
  'discovery-insecure-transport': boolean('true'),
  'discovery-keepalive-time': duration('2s'),
  'discovery-keepalive-timeout': duration('6s'),
  'discovery-key': text(''),
  'discovery-password': text(''),
  'discovery-proxy': text(''),
  'discovery-request-timeout': duration('5s'),
  'discovery-srv': text(''),
  'discovery-srv-name': text(''),
  'discovery-token': text(''),
  'discovery-user': text(''),
  'distributed-tracing-address': text('localhost:4317'),
  'distributed-tracing-instance-id': text(''),
  'distributed-tracing-sampling-rate': integer('0'),
  'distributed-tracing-service-name': text('etcd'),
  'downgrade-check-time': duration('5s'),
  'enable-distributed-tracing': boolean('false'),
  'enable-grpc-gateway': boolean('true'),
  'enable-log-rotation': boolean('false'),
  'enable-pprof': boolean('false'),
  'experimental-bootstrap-defrag-threshold-megabytes': integer('0'),
  'experimental-compact-hash-check-enabled': boolean('false'),
  'experimental-compact-hash-check-time': duration('1m'),
  'experimental-compaction-batch-limit': integer('0', '1000'),
  'experimental-compaction-sleep-interval': duration('0', '10ms'),
  'experimental-corrupt-check-time': duration('0'),
  'experimental-distributed-tracing-address': text('localhost:4317'),
  'experimental-distributed-tracing-instance-id': text(''),
  'experimental-distributed-tracing-sampling-rate': integer('0'),
  'experimental-distributed-tracing-service-name': text('etcd'),
  'experimental-downgrade-check-time': duration('5s'),
  'experimental-enable-distributed-tracing': boolean('false'),
  'experimental-enable-lease-checkpoint': boolean('false'),
  'experimental-enable-lease-checkpoint-persist': boolean('false'),
  'experimental-initial-corrupt-check': boolean('false'),
  'experimental-memory-mlock': boolean('false'),
  'experimental-peer-skip-client-san-verification': boolean('false'),
  'experimental-snapshot-catchup-entries': integer('5000'),
  'experimental-stop-grpc-service-on-defrag': boolean('false'),
  'experimental-txn-mode-write-with-shared-buffer': boolean('true'),
  'experimental-warning-apply-duration': duration('100ms'),
  'experimental-warning-unary-request-duration': duration('0', '300ms'),
  'experimental-watch-progress-notify-interval': duration('0', '10m'),
  'feature-gates': text(''),
  'host-whitelist': text('*', ''),
  'key-file': text(''),
  'listen-client-http-urls': text(''),
  'log-rotation-config-json': text(
    '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}',
  ),
  logger: text('zap'),
  'max-snapshots': integer('5'),
  'max-wals': integer('5'),
  'memory-mlock': boolean('false'),
  'peer-auto-tls': boolean('false'),
  'peer-cert-allowed-cn': text(''),
  'peer-cert-allowed-hostname': text(''),
  'peer-cert-file': text(''),
  'peer-client-cert-auth': boolean('false'),
  'peer-client-cert-file': text(''),
  'peer-client-key-file': text(''),
  'peer-crl-file': text(''),
  'peer-key-file': text(''),
  'peer-skip-client-san-verification': boolean('false'),
  'peer-trusted-ca-file': text(''),
  'raft-read-timeout': duration('5s'),
  'raft-write-timeout': duration('5s'),
  'self-signed-cert-validity': integer('1'),
  'socket-reuse-address': boolean('false'),
  'socket-reuse-port': boolean('false'),
  'tls-max-version': text(''),
  'tls-min-version': text('TLS1.2'),
  'trusted-ca-file': text(''),
  'unsafe-no-fsync': boolean('false'),
  'v2-deprecation': text('write-only'),
  'wal-dir': text(''),
  'warning-apply-duration': duration('100ms'),
  'warning-unary-request-duration': duration('0', '300ms'),
  // Of etcd 3.4, and gone from 3.6.
  debug: boolean('false'),
  'enable-v2': boolean('false'),
  'experimental-backend-bbolt-freelist-type': text('array'),
  'experimental-enable-v2v3': text(''),
  'log-output': text(''),
  'log-package-levels': text(''),
  proxy: text('off'),
  'proxy-dial-timeout': integer('1000'),
  'proxy-failure-wait': integer('5000'),
  'proxy-read-timeout': integer('0'),
  'proxy-refresh-interval': integer('30000'),
  'proxy-write-timeout': integer('5000'),
}

/** True when giving `value` changes nothing. Equal numbers and durations may be written apart. */
export function isDefault(flag: UnsupportedFlag, value: string): boolean {
  const given = normalise(flag, value)
  return flag.defaults.some((known) => normalise(flag, known) === given)
}

function normalise(flag: UnsupportedFlag, value: string): string {
  switch (flag.kind) {
    case 'text':
      return value
    case 'boolean':
      return String(parseBoolean(value) ?? value)
    case 'integer':
      return /^\d+$/.test(value) ? String(Number(value)) : value
    case 'duration':
      return String(parseDurationMs(value) ?? value)
  }
}

/** The spellings that Go takes. */
export function parseBoolean(value: string): boolean | undefined {
  if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false
  return undefined
}

function text(...defaults: string[]): UnsupportedFlag {
  return { kind: 'text', defaults }
}

function boolean(...defaults: string[]): UnsupportedFlag {
  return { kind: 'boolean', defaults }
}

function integer(...defaults: string[]): UnsupportedFlag {
  return { kind: 'integer', defaults }
}

function duration(...defaults: string[]): UnsupportedFlag {
  return { kind: 'duration', defaults }
}
