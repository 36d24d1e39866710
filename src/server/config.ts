/**
 * From the three sources of settings to one checked Config.
 *
 *     flags ─┐                        a flag and its variable together are an error;
 *     ETCD_… ├─► texts by flag ─► values ─► Config        with a config file, the file
 *     file  ─┘                        alone counts
 *
 * Everything that can be known to be wrong before the disk or a socket is touched is found here;
 * what matters to a new data directory alone waits in Config.initialCluster until there is one.
 * Texts follow etcd's where it has one.
 */

import type { AutoCompaction } from './auto-compactor.ts'
import { helpText, readCommandLine } from './command-line.ts'
import { readConfigFile } from './config-file.ts'
import { environmentNameOf, FLAGS, flagNames, type Parsed, type Settings } from './flags.ts'
import { loneInitialCluster, readInitialCluster, type InitialCluster } from './initial-cluster.ts'
import { parseRetention } from './retention.ts'
import { comparableUrl, isBindable, type ServerUrl } from './server-url.ts'
import { isDefault, UNSUPPORTED_FLAGS } from './unsupported-flags.ts'
import { versionText } from './version.ts'

export interface Config {
  readonly name: string
  readonly dataDirectory: string
  readonly listenClientUrls: readonly ServerUrl[]
  readonly advertiseClientUrls: readonly ServerUrl[]
  readonly listenPeerUrls: readonly ServerUrl[]
  readonly initialAdvertisePeerUrls: readonly ServerUrl[]
  /** For a new data directory alone: what is wrong in it does not hold up a known member. */
  readonly initialCluster: InitialCluster
  readonly initialClusterToken: string
  readonly initialClusterState: Settings['initial-cluster-state']
  /** A known member goes on without the others. */
  readonly forceNewCluster: boolean
  readonly heartbeatIntervalMs: number
  readonly electionTimeoutMs: number
  /** Applied log entries between two checkpoints. */
  readonly snapshotCount: number
  /** Log entries kept behind a checkpoint. */
  readonly snapshotCatchUpEntries: number
  readonly preVote: boolean
  readonly initialElectionTickAdvance: boolean
  readonly strictReconfigCheck: boolean
  readonly maxLearners: number
  readonly autoCompaction: AutoCompaction | undefined
  /** Infinity when there is no quota. */
  readonly quotaBackendBytes: number
  readonly maxRequestBytes: number
  readonly maxTxnOps: number
  readonly maxConcurrentStreams: number
  readonly grpcEngine: Settings['grpc-engine']
  /** Client connections are served in a thread of their own. */
  readonly rpcThread: boolean
  /** Undefined for the engine's default. */
  readonly grpcKeepaliveMinTimeMs: number | undefined
  readonly grpcKeepaliveIntervalMs: number | undefined
  readonly grpcKeepaliveTimeoutMs: number | undefined
  readonly watchProgressNotifyIntervalMs: number
  readonly logLevel: Settings['log-level']
  readonly logFormat: Settings['log-format']
  /** `stderr`, `stdout` or paths; at least one, each once. */
  readonly logOutputs: readonly string[]
  readonly metrics: 'basic'
  readonly listenMetricsUrls: readonly ServerUrl[]
}

export type ParsedCommandLine =
  | { readonly type: 'run'; readonly config: Config; readonly warnings: readonly string[] }
  /** For stdout. */
  | { readonly type: 'print'; readonly text: string; readonly exitCode: 0 }
  /** One sentence for stderr. */
  | { readonly type: 'fail'; readonly message: string; readonly exitCode: 2 }

export type Environment = Readonly<Record<string, string | undefined>>

const DEFAULT_QUOTA_BYTES = 2 * 1024 ** 3
const RECOMMENDED_QUOTA_BYTES = 8 * 1024 ** 3
const RECOMMENDED_REQUEST_BYTES = 10 * 1024 ** 2
const DEFAULT_SNAPSHOT_COUNT = 10_000
/** What 0 means, as in Go. */
const UNLIMITED_STREAMS = 4294967295
const DEFAULT_PROGRESS_NOTIFY_MS = 600_000
const MIN_PROGRESS_NOTIFY_MS = 100
/** Timers cannot wait longer. */
const MAX_TIMER_MS = 2 ** 30
const MAX_ELECTION_TIMEOUT_MS = 50_000
/** Set for reasons of their own where etcd runs: container images, and ports to unusual machines. */
const SPECIAL_VARIABLES = ['ETCD_VERSION', 'ETCD_UNSUPPORTED_ARCH']

/**
 * `argv` are the words behind the program's name. `readFile` gives the text of a file, or throws.
 * Apart from that, and the program's own version, nothing outside the arguments is looked at.
 */
export function parseCommandLine(
  argv: readonly string[],
  env: Environment,
  readFile: (path: string) => string,
): ParsedCommandLine {
  const commandLine = readCommandLine(argv)
  switch (commandLine.type) {
    case 'help':
      return { type: 'print', text: helpText(), exitCode: 0 }
    case 'version':
      return { type: 'print', text: versionText(), exitCode: 0 }
    case 'fail':
      return { type: 'fail', message: commandLine.message, exitCode: 2 }
    case 'flags':
      break
  }
  const warnings: string[] = []
  try {
    const path = commandLine.given.get('config-file') || env['ETCD_CONFIG_FILE'] || ''
    const given =
      path === ''
        ? fromFlagsAndEnvironment(commandLine.given, env, warnings)
        : fromFile(path, readFile, commandLine.given, env, warnings)
    const config = toConfig(toSettings(given), given, warnings)
    return { type: 'run', config: deepFreeze(config), warnings }
  } catch (error) {
    if (error instanceof Refusal) return { type: 'fail', message: error.message, exitCode: 2 }
    throw error
  }
}

/** A setting that cannot be. It stays inside this file: the outside sees `fail`. */
class Refusal extends Error {
  override readonly name = 'Refusal'
}

interface GivenText {
  readonly value: string
  /** Where it was given, for messages: `--name`, `ETCD_NAME`, or `name in etcd.yml`. */
  readonly label: string
}

interface Given {
  readonly texts: ReadonlyMap<string, GivenText>
  readonly fromFile: boolean
}

function fromFlagsAndEnvironment(
  flags: ReadonlyMap<string, string>,
  env: Environment,
  warnings: string[],
): Given {
  const texts = new Map<string, GivenText>()
  for (const [flag, value] of flags) texts.set(flag, { value, label: `--${flag}` })
  const flagOfVariable = new Map(
    [...flagNames(), ...Object.keys(UNSUPPORTED_FLAGS)].map((flag) => [
      environmentNameOf(flag),
      flag,
    ]),
  )
  for (const [variable, value] of variablesOf(env)) {
    const flag = flagOfVariable.get(variable)
    if (flag === undefined) {
      if (!SPECIAL_VARIABLES.includes(variable)) {
        warnings.push(`unrecognized environment variable ${variable}`)
      }
    } else if (flags.has(flag)) {
      throw new Refusal(
        `conflicting environment variable ${variable} is shadowed by corresponding command-line ` +
          `flag --${flag} (either unset environment variable or disable flag)`,
      )
    } else if (value !== '') {
      texts.set(flag, { value, label: variable })
    }
  }
  return { texts, fromFile: false }
}

function fromFile(
  path: string,
  readFile: (path: string) => string,
  flags: ReadonlyMap<string, string>,
  env: Environment,
  warnings: string[],
): Given {
  const file = readConfigFile(path, readOrRefuse(path, readFile))
  if (!file.ok) throw new Refusal(file.message)
  const ignored = [
    ...[...flags.keys()].filter((flag) => flag !== 'config-file').map((flag) => `--${flag}`),
    ...variablesOf(env)
      .map(([variable]) => variable)
      .filter((variable) => variable !== 'ETCD_CONFIG_FILE'),
  ]
  if (ignored.length > 0) {
    warnings.push(`settings are read from ${path} alone; ignored: ${ignored.join(', ')}`)
  }
  const texts = new Map<string, GivenText>()
  for (const [flag, { value, key }] of file.given) {
    texts.set(flag, { value, label: `${key} in ${path}` })
  }
  return { texts, fromFile: true }
}

function variablesOf(env: Environment): [name: string, value: string][] {
  return Object.entries(env).flatMap(([name, value]): [string, string][] =>
    name.startsWith('ETCD_') && value !== undefined ? [[name, value]] : [],
  )
}

function readOrRefuse(path: string, readFile: (path: string) => string): string {
  try {
    return readFile(path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Refusal(`cannot read the config file ${path}: ${reason}`)
  }
}

function toSettings(given: Given): Settings {
  for (const [name, { value, label }] of given.texts) {
    const unsupported = UNSUPPORTED_FLAGS[name]
    if (unsupported !== undefined && !isDefault(unsupported, value)) {
      throw new Refusal(`${label} is not supported yet`)
    }
  }
  const entries = flagNames().map((name): [string, unknown] => {
    const text = given.texts.get(name)
    const parsed: Parsed<unknown> = FLAGS[name].parse(text?.value ?? FLAGS[name].default)
    return [name, valueOf(parsed, given, name)]
  })
  return Object.fromEntries(entries) as Settings
}

/** The value, or the refusal of what was given for the flag. */
function valueOf<T>(parsed: Parsed<T>, { texts }: Given, name: keyof Settings): T {
  if (parsed.ok) return parsed.value
  const { value, label } = texts.get(name) ?? { value: FLAGS[name].default, label: `--${name}` }
  throw new Refusal(`invalid value "${value}" for ${label}: ${parsed.reason}`)
}

function toConfig(settings: Settings, given: Given, warnings: string[]): Config {
  checkBindUrls(settings)
  checkAdvertisedUrls(settings)
  checkTimeouts(settings)
  checkClientUrls(given, warnings)
  const quota = settings['quota-backend-bytes']
  if (quota > RECOMMENDED_QUOTA_BYTES) {
    warnings.push(`quota-backend-bytes ${quota} exceeds the recommended ${RECOMMENDED_QUOTA_BYTES}`)
  }
  const requestBytes = settings['max-request-bytes']
  if (requestBytes > RECOMMENDED_REQUEST_BYTES) {
    warnings.push(
      `max-request-bytes ${requestBytes} exceeds the recommended ${RECOMMENDED_REQUEST_BYTES}`,
    )
  }
  return {
    name: settings.name,
    dataDirectory: settings['data-dir'] || `${settings.name}.etcd`,
    listenClientUrls: settings['listen-client-urls'],
    advertiseClientUrls: settings['advertise-client-urls'],
    listenPeerUrls: settings['listen-peer-urls'],
    initialAdvertisePeerUrls: settings['initial-advertise-peer-urls'],
    initialCluster: initialClusterOf(settings, given),
    initialClusterToken: settings['initial-cluster-token'],
    initialClusterState: settings['initial-cluster-state'],
    forceNewCluster: settings['force-new-cluster'],
    heartbeatIntervalMs: settings['heartbeat-interval'],
    electionTimeoutMs: settings['election-timeout'],
    snapshotCount: settings['snapshot-count'] || DEFAULT_SNAPSHOT_COUNT,
    snapshotCatchUpEntries: settings['snapshot-catchup-entries'],
    preVote: settings['pre-vote'],
    initialElectionTickAdvance: settings['initial-election-tick-advance'],
    strictReconfigCheck: settings['strict-reconfig-check'],
    maxLearners: settings['max-learners'],
    autoCompaction: autoCompactionOf(settings, given),
    quotaBackendBytes: quota < 0 ? Infinity : quota || DEFAULT_QUOTA_BYTES,
    maxRequestBytes: requestBytes,
    maxTxnOps: settings['max-txn-ops'],
    maxConcurrentStreams: settings['max-concurrent-streams'] || UNLIMITED_STREAMS,
    grpcEngine: settings['grpc-engine'],
    rpcThread: settings['rpc-thread'],
    grpcKeepaliveMinTimeMs: positive(settings['grpc-keepalive-min-time']),
    grpcKeepaliveIntervalMs: positive(settings['grpc-keepalive-interval']),
    grpcKeepaliveTimeoutMs: positive(settings['grpc-keepalive-timeout']),
    watchProgressNotifyIntervalMs: progressNotifyMs(settings, warnings),
    logLevel: settings['log-level'],
    logFormat: settings['log-format'],
    logOutputs: settings['log-outputs'],
    metrics: settings.metrics,
    listenMetricsUrls: settings['listen-metrics-urls'],
  }
}

/** As etcd: 0 and below stand for the default. Timers cannot wait longer than about 12 days. */
function positive(durationMs: number): number | undefined {
  return durationMs > 0 ? Math.min(durationMs, MAX_TIMER_MS) : undefined
}

/** As etcd: 0 and below stand for the default, and what is too short is lengthened. */
function progressNotifyMs(settings: Settings, warnings: string[]): number {
  const given = settings['watch-progress-notify-interval']
  if (given <= 0) return DEFAULT_PROGRESS_NOTIFY_MS
  if (given >= MIN_PROGRESS_NOTIFY_MS) return Math.min(given, MAX_TIMER_MS)
  warnings.push(`watch-progress-notify-interval ${given}ms is lengthened to 100ms, the least`)
  return MIN_PROGRESS_NOTIFY_MS
}

function checkBindUrls(settings: Settings): void {
  const flagByAddress = new Map<string, string>()
  for (const flag of ['listen-peer-urls', 'listen-client-urls', 'listen-metrics-urls'] as const) {
    for (const url of settings[flag]) {
      if (!isBindable(url)) {
        throw new Refusal(`--${flag}: expected IP in URL for binding (${url.href})`)
      }
      const address = comparableUrl(url.href)
      const other = flagByAddress.get(address)
      if (other !== undefined && url.port !== 0) {
        throw new Refusal(`--${other} and --${flag} have the same address ${url.href}`)
      }
      flagByAddress.set(address, flag)
    }
  }
}

function checkAdvertisedUrls(settings: Settings): void {
  for (const flag of ['initial-advertise-peer-urls', 'advertise-client-urls'] as const) {
    const empty = settings[flag].find((url) => url.host === '')
    if (empty !== undefined) {
      const shown = hrefs(settings[flag])
      throw new Refusal(
        `--${flag} "${shown}" must be "host:port" (unexpected empty host (${empty.href}))`,
      )
    }
  }
}

function checkTimeouts(settings: Settings): void {
  const heartbeatMs = settings['heartbeat-interval']
  const electionMs = settings['election-timeout']
  if (heartbeatMs === 0) throw new Refusal('--heartbeat-interval must be >0 (set to 0ms)')
  if (electionMs === 0) throw new Refusal('--election-timeout must be >0 (set to 0ms)')
  if (5 * heartbeatMs > electionMs) {
    throw new Refusal(
      `--election-timeout[${electionMs}ms] should be at least as 5 times as ` +
        `--heartbeat-interval[${heartbeatMs}ms]`,
    )
  }
  if (electionMs > MAX_ELECTION_TIMEOUT_MS) {
    throw new Refusal(
      `--election-timeout[${electionMs}ms] is too long, and should be set less than ` +
        `${MAX_ELECTION_TIMEOUT_MS}ms`,
    )
  }
}

/** etcd takes a file without the second list as advertising its default, and so must we. */
function checkClientUrls({ texts, fromFile: inFile }: Given, warnings: string[]): void {
  if (!texts.has('listen-client-urls') || texts.has('advertise-client-urls')) return
  if (!inFile) {
    throw new Refusal(
      '--advertise-client-urls is required when --listen-client-urls is set explicitly',
    )
  }
  const shown = FLAGS['advertise-client-urls'].default
  warnings.push(
    `listen-client-urls is set, but advertise-client-urls is not: ${shown} is advertised`,
  )
}

function initialClusterOf(settings: Settings, { texts }: Given): InitialCluster {
  const initial = {
    name: settings.name,
    state: settings['initial-cluster-state'],
    advertisedPeerUrls: settings['initial-advertise-peer-urls'],
  }
  const text = texts.get('initial-cluster')
  if (text !== undefined) return readInitialCluster(text.value, text.label, initial)
  return loneInitialCluster(initial)
}

function autoCompactionOf(settings: Settings, given: Given): AutoCompaction | undefined {
  const mode = settings['auto-compaction-mode']
  const parsed = parseRetention(mode, settings['auto-compaction-retention'])
  return valueOf(parsed, given, 'auto-compaction-retention')
}

function hrefs(urls: readonly ServerUrl[]): string {
  return urls.map((url) => url.href).join(',')
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}
