/**
 * The table of settings: one row for each flag, with etcd's name and default. The command line,
 * the environment, the config file and the help text are all read off it.
 */

import type { EngineName } from '../rpc/engines.ts'
import { parseDurationMs } from './durations.ts'
import { parseUrls, type ServerUrl } from './server-url.ts'
import { parseBoolean } from './unsupported-flags.ts'

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  /** Why the text is no value of this flag, to be put behind the flag's name. */
  | { readonly ok: false; readonly reason: string }

export interface Flag<T> {
  readonly group: 'Member' | 'Cluster' | 'Limits' | 'Logging and monitoring'
  /** What stands for the value in the help text; `true|false` may be left out on a command line. */
  readonly placeholder: string
  /** In the form that `parse` takes. */
  readonly default: string
  /** Shown in the help text instead of `default`. */
  readonly shownDefault?: string
  readonly description: string
  readonly parse: (text: string) => Parsed<T>
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'panic', 'fatal'] as const
export const LOG_FORMATS = ['auto', 'json', 'console'] as const
export const GRPC_ENGINES: readonly EngineName[] = ['native', 'grpc-js']
export const CLUSTER_STATES = ['new', 'existing'] as const
export const COMPACTION_MODES = ['periodic', 'revision'] as const

export type ClusterState = (typeof CLUSTER_STATES)[number]
export type CompactionMode = (typeof COMPACTION_MODES)[number]

const BOOLEAN_PLACEHOLDER = 'true|false'

const UINT32_MAX = 4294967295
/** A log entry has to fit into what members send each other at once. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024
const DEFAULT_CLIENT_URL = 'http://localhost:2379'
const DEFAULT_PEER_URL = 'http://localhost:2380'

export const FLAGS = {
  name: {
    group: 'Member',
    placeholder: 'name',
    default: 'default',
    description: 'human-readable name of this member',
    parse: anyText,
  },
  'data-dir': {
    group: 'Member',
    placeholder: 'folder',
    default: '',
    shownDefault: '${name}.etcd',
    description: 'where the Raft log and the store are kept',
    parse: anyText,
  },
  'listen-client-urls': {
    group: 'Member',
    placeholder: 'urls',
    default: DEFAULT_CLIENT_URL,
    description: 'where to listen for clients',
    parse: urlsOr(DEFAULT_CLIENT_URL),
  },
  'listen-peer-urls': {
    group: 'Member',
    placeholder: 'urls',
    default: DEFAULT_PEER_URL,
    description: 'where to listen for the other members',
    parse: urlsOr(DEFAULT_PEER_URL),
  },
  'heartbeat-interval': {
    group: 'Member',
    placeholder: 'ms',
    default: '100',
    description: 'time between two heartbeats of the leader',
    parse: wholeNumber(0),
  },
  'election-timeout': {
    group: 'Member',
    placeholder: 'ms',
    default: '1000',
    description: 'silence of the leader after which a member stands for election',
    parse: wholeNumber(0),
  },
  'snapshot-count': {
    group: 'Member',
    placeholder: 'entries',
    default: '10000',
    description: 'applied log entries between two checkpoints',
    parse: wholeNumber(0),
  },
  'snapshot-catchup-entries': {
    group: 'Member',
    placeholder: 'entries',
    default: '5000',
    description: 'log entries kept behind a checkpoint for members that lag',
    parse: wholeNumber(0),
  },
  'initial-election-tick-advance': {
    group: 'Member',
    placeholder: BOOLEAN_PLACEHOLDER,
    default: 'true',
    description: 'shorten the wait for the first election after a start',
    parse: boolean,
  },
  'pre-vote': {
    group: 'Member',
    placeholder: BOOLEAN_PLACEHOLDER,
    default: 'true',
    description: 'ask for votes on trial first, so that a member coming back disturbs nobody',
    parse: boolean,
  },
  'config-file': {
    group: 'Member',
    placeholder: 'file',
    default: '',
    description: 'YAML file with these settings; all other flags and variables are then ignored',
    parse: anyText,
  },
  'advertise-client-urls': {
    group: 'Cluster',
    placeholder: 'urls',
    default: DEFAULT_CLIENT_URL,
    description: "this member's client URLs as told to clients; needed with --listen-client-urls",
    parse: urlsOr(DEFAULT_CLIENT_URL),
  },
  'initial-advertise-peer-urls': {
    group: 'Cluster',
    placeholder: 'urls',
    default: DEFAULT_PEER_URL,
    description: "this member's peer URLs as told to other members",
    parse: urlsOr(DEFAULT_PEER_URL),
  },
  'initial-cluster': {
    group: 'Cluster',
    placeholder: 'members',
    default: '',
    shownDefault: '${name}=${initial-advertise-peer-urls}',
    description: 'all members, as name=url,…; read when the data directory is new, then no more',
    parse: anyText,
  },
  'initial-cluster-state': {
    group: 'Cluster',
    placeholder: 'state',
    default: 'new',
    description: 'new, or existing to join a cluster that has this member already added',
    parse: clusterState,
  },
  'initial-cluster-token': {
    group: 'Cluster',
    placeholder: 'token',
    default: 'etcd-cluster',
    description: 'what makes the ids of this cluster different from those of another',
    parse: anyText,
  },
  'force-new-cluster': {
    group: 'Cluster',
    placeholder: BOOLEAN_PLACEHOLDER,
    default: 'false',
    description: 'go on alone with the data of this member: all others are removed for good',
    parse: boolean,
  },
  'strict-reconfig-check': {
    group: 'Cluster',
    placeholder: BOOLEAN_PLACEHOLDER,
    default: 'true',
    description: 'refuse changes of members that would cost the cluster its majority',
    parse: boolean,
  },
  'max-learners': {
    group: 'Cluster',
    placeholder: 'count',
    default: '1',
    description: 'most members without a vote',
    parse: wholeNumber(0),
  },
  'auto-compaction-mode': {
    group: 'Cluster',
    placeholder: 'mode',
    default: 'periodic',
    description: 'what auto-compaction-retention counts: periodic is time, revision is revisions',
    parse: oneOf(COMPACTION_MODES),
  },
  'auto-compaction-retention': {
    group: 'Cluster',
    placeholder: 'length',
    default: '0',
    description:
      'history to keep: a duration or a number of hours, or of revisions; 0 is all of it',
    parse: anyText,
  },
  'quota-backend-bytes': {
    group: 'Limits',
    placeholder: 'bytes',
    default: '0',
    description: 'size of the store at which writes stop; 0 is 2 GiB, a negative number no limit',
    parse: wholeNumber(-Number.MAX_SAFE_INTEGER),
  },
  'max-request-bytes': {
    group: 'Limits',
    placeholder: 'bytes',
    default: '1572864',
    description: 'largest request that is accepted',
    parse: wholeNumber(0, MAX_REQUEST_BYTES),
  },
  'max-txn-ops': {
    group: 'Limits',
    placeholder: 'count',
    default: '128',
    description: 'most operations in one transaction',
    parse: wholeNumber(0),
  },
  'max-concurrent-streams': {
    group: 'Limits',
    placeholder: 'count',
    default: String(UINT32_MAX),
    description: 'most streams that one client connection may have open',
    parse: wholeNumber(0, UINT32_MAX),
  },
  'grpc-engine': {
    group: 'Limits',
    placeholder: 'engine',
    default: 'native',
    description: 'what serves the gRPC calls: native, or grpc-js, the slower reference',
    parse: oneOf(GRPC_ENGINES),
  },
  'rpc-thread': {
    group: 'Limits',
    placeholder: BOOLEAN_PLACEHOLDER,
    default: 'false',
    description: 'serve client connections in a thread of their own: for many clients at once',
    parse: boolean,
  },
  'grpc-keepalive-min-time': {
    group: 'Limits',
    placeholder: 'duration',
    default: '5s',
    description: 'a client that pings more often is sent away (by the native engine)',
    parse: duration,
  },
  'grpc-keepalive-interval': {
    group: 'Limits',
    placeholder: 'duration',
    default: '2h',
    description: 'silence of a client connection after which it is pinged',
    parse: duration,
  },
  'grpc-keepalive-timeout': {
    group: 'Limits',
    placeholder: 'duration',
    default: '20s',
    description: 'how long a client connection may leave a ping unanswered',
    parse: duration,
  },
  'watch-progress-notify-interval': {
    group: 'Limits',
    placeholder: 'duration',
    default: '10m',
    description: 'time between two progress notifications of a quiet watch',
    parse: duration,
  },
  'log-level': {
    group: 'Logging and monitoring',
    placeholder: 'level',
    default: 'info',
    description: LOG_LEVELS.join(', '),
    parse: oneOf(LOG_LEVELS),
  },
  'log-outputs': {
    group: 'Logging and monitoring',
    placeholder: 'outputs',
    default: 'default',
    description: 'stderr, stdout or paths of files, separated by commas; default is stderr',
    parse: logOutputs,
  },
  'log-format': {
    group: 'Logging and monitoring',
    placeholder: 'format',
    default: 'auto',
    description: 'json, console, or auto: console on a terminal, json elsewhere',
    parse: oneOf(LOG_FORMATS),
  },
  metrics: {
    group: 'Logging and monitoring',
    placeholder: 'detail',
    default: 'basic',
    description: 'basic; extensive is not supported yet',
    parse: metricsDetail,
  },
  'listen-metrics-urls': {
    group: 'Logging and monitoring',
    placeholder: 'urls',
    default: '',
    shownDefault: 'none',
    description: 'further places to listen for /metrics and /health alone',
    parse: urlsOr(),
  },
} as const satisfies Readonly<Record<string, Flag<unknown>>>

export type FlagName = keyof typeof FLAGS

/** Every flag with its parsed value. */
export type Settings = {
  readonly [Name in FlagName]: Extract<
    ReturnType<(typeof FLAGS)[Name]['parse']>,
    { ok: true }
  >['value']
}

export function isFlagName(name: string): name is FlagName {
  return Object.hasOwn(FLAGS, name)
}

export function flagNames(): readonly FlagName[] {
  return Object.keys(FLAGS).filter(isFlagName)
}

/** True when the flag alone, without a value, means `true`. */
export function isBooleanFlag(name: string): boolean {
  return isFlagName(name) && FLAGS[name].placeholder === BOOLEAN_PLACEHOLDER
}

/** `data-dir` is also ETCD_DATA_DIR. */
export function environmentNameOf(flag: string): string {
  return `ETCD_${flag.toUpperCase().replaceAll('-', '_')}`
}

function anyText(text: string): Parsed<string> {
  return { ok: true, value: text }
}

function oneOf<const T extends string>(choices: readonly T[]): (text: string) => Parsed<T> {
  return (text) => {
    const value = choices.find((choice) => choice === text)
    if (value !== undefined) return { ok: true, value }
    return { ok: false, reason: `expected one of ${choices.join(', ')}` }
  }
}

function wholeNumber(
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): (text: string) => Parsed<number> {
  return (text) => {
    if (!/^[+-]?\d+$/.test(text)) return { ok: false, reason: 'expected a whole number' }
    const value = Number(text)
    if (value < min) return { ok: false, reason: `expected ${min} or more` }
    if (value > max) return { ok: false, reason: `expected ${max} or less` }
    return { ok: true, value }
  }
}

/** In milliseconds. */
function duration(text: string): Parsed<number> {
  const value = parseDurationMs(text)
  if (value === undefined) return { ok: false, reason: 'expected a duration, such as 1m30s' }
  return { ok: true, value }
}

/** As in etcd, an empty list is the default. */
function urlsOr(fallback?: string): (text: string) => Parsed<readonly ServerUrl[]> {
  return (text) => {
    const list = text === '' ? fallback : text
    if (list === undefined) return { ok: true, value: [] }
    const parsed = parseUrls(list)
    return parsed.ok ? { ok: true, value: parsed.urls } : parsed
  }
}

function boolean(text: string): Parsed<boolean> {
  const value = parseBoolean(text)
  return value === undefined ? { ok: false, reason: 'expected true or false' } : { ok: true, value }
}

function clusterState(text: string): Parsed<ClusterState> {
  return text === '' ? { ok: true, value: 'new' } : oneOf(CLUSTER_STATES)(text)
}

function metricsDetail(text: string): Parsed<'basic'> {
  if (text === 'basic') return { ok: true, value: 'basic' }
  if (text === 'extensive') return { ok: false, reason: 'extensive is not supported yet' }
  return { ok: false, reason: 'expected basic' }
}

/** Targets in the order given, `default` as what it stands for. */
function logOutputs(text: string): Parsed<readonly string[]> {
  const outputs = text.split(',').map((output) => output.trim())
  if (outputs.includes('')) return { ok: false, reason: 'an output is empty' }
  if (outputs.length > 1 && outputs.includes('default')) {
    return { ok: false, reason: 'default cannot be combined with other outputs' }
  }
  if (outputs.includes('systemd/journal')) {
    return { ok: false, reason: 'systemd/journal is not supported yet' }
  }
  const targets = outputs.map((output) => (output === 'default' ? 'stderr' : output))
  return { ok: true, value: [...new Set(targets)] }
}
