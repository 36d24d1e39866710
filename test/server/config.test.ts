import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCommandLine, type Config, type ParsedCommandLine } from '../../src/server/config.ts'
import type { InitialMember } from '../../src/server/initial-cluster.ts'

const FILE = '/etc/quorate.yml'

function parse(
  argv: string[],
  env: Record<string, string> = {},
  files: Record<string, string> = {},
): ParsedCommandLine {
  return parseCommandLine(argv, env, (path) => {
    const text = files[path]
    if (text === undefined) throw new Error('ENOENT: no such file')
    return text
  })
}

function run(
  argv: string[],
  env?: Record<string, string>,
  files?: Record<string, string>,
): { config: Config; warnings: readonly string[] } {
  const result = parse(argv, env, files)
  if (result.type !== 'run') throw new Error(`not run: ${JSON.stringify(result)}`)
  return result
}

function config(...argv: string[]): Config {
  return run(argv).config
}

function failure(
  argv: string[],
  env?: Record<string, string>,
  files?: Record<string, string>,
): string {
  const result = parse(argv, env, files)
  if (result.type !== 'fail') throw new Error(`not refused: ${JSON.stringify(result)}`)
  expect(result.exitCode).toBe(2)
  expect(result.message).not.toContain('\n')
  return result.message
}

function membersOf({ initialCluster }: Config): readonly InitialMember[] {
  if (!initialCluster.ok) throw new Error(initialCluster.message)
  return initialCluster.members
}

/** What a start without a data directory is refused with; with one, these settings do. */
function newMemberFailure(...argv: string[]): string {
  const { initialCluster } = config(...argv)
  if (initialCluster.ok) throw new Error('not refused')
  expect(initialCluster.message).not.toContain('\n')
  return initialCluster.message
}

const inFile = (text: string): Config => run(['--config-file', FILE], {}, { [FILE]: text }).config
const fileFailure = (text: string): string => failure(['--config-file', FILE], {}, { [FILE]: text })

describe('without any setting', () => {
  test("the settings are etcd's defaults", () => {
    const client = { host: 'localhost', port: 2379, href: 'http://localhost:2379' }
    const peer = { host: 'localhost', port: 2380, href: 'http://localhost:2380' }
    expect(run([])).toEqual({
      type: 'run',
      warnings: [],
      config: {
        name: 'default',
        dataDirectory: 'default.etcd',
        listenClientUrls: [client],
        advertiseClientUrls: [client],
        listenPeerUrls: [peer],
        initialAdvertisePeerUrls: [peer],
        initialCluster: {
          ok: true,
          members: [{ name: 'default', peerUrls: ['http://localhost:2380'] }],
          given: false,
        },
        initialClusterToken: 'etcd-cluster',
        initialClusterState: 'new',
        forceNewCluster: false,
        heartbeatIntervalMs: 100,
        electionTimeoutMs: 1000,
        snapshotCount: 10000,
        snapshotCatchUpEntries: 5000,
        preVote: true,
        initialElectionTickAdvance: true,
        strictReconfigCheck: true,
        maxLearners: 1,
        autoCompaction: undefined,
        quotaBackendBytes: 2147483648,
        maxRequestBytes: 1572864,
        maxTxnOps: 128,
        maxConcurrentStreams: 4294967295,
        grpcEngine: 'native',
        rpcThread: false,
        grpcKeepaliveMinTimeMs: 5000,
        grpcKeepaliveIntervalMs: 7_200_000,
        grpcKeepaliveTimeoutMs: 20_000,
        watchProgressNotifyIntervalMs: 600_000,
        logLevel: 'info',
        logFormat: 'auto',
        logOutputs: ['stderr'],
        metrics: 'basic',
        listenMetricsUrls: [],
      },
    })
  })

  test('nobody can change them afterwards', () => {
    const settings = config()
    expect(Object.isFrozen(settings)).toBe(true)
    expect(Object.isFrozen(membersOf(settings)[0]?.peerUrls)).toBe(true)
  })
})

describe('what follows from other settings', () => {
  test('the name is in the default data directory and the default initial cluster', () => {
    const settings = config('--name', 'n1', '--initial-advertise-peer-urls', 'http://10.0.0.1:1')
    expect(settings.dataDirectory).toBe('n1.etcd')
    expect(membersOf(settings)).toEqual([{ name: 'n1', peerUrls: ['http://10.0.0.1:1'] }])
  })

  test.each([
    ['0', 2147483648],
    ['-1', Infinity],
    ['1000000', 1000000],
  ])('a quota of %s is %d bytes', (text, bytes) => {
    expect(config('--quota-backend-bytes', text).quotaBackendBytes).toBe(bytes)
  })

  test('a snapshot count of 0 is the default', () => {
    expect(config('--snapshot-count=0').snapshotCount).toBe(10000)
  })

  test('an empty list of URLs is the default', () => {
    expect(config('--listen-peer-urls', '').listenPeerUrls[0]?.port).toBe(2380)
  })

  test('large limits are taken with a warning', () => {
    const { warnings } = run(['--quota-backend-bytes=9000000000', '--max-request-bytes=20000000'])
    expect(warnings.map((warning) => warning.split(' ')[0])).toEqual([
      'quota-backend-bytes',
      'max-request-bytes',
    ])
  })
})

describe('URLs', () => {
  test('a list is sorted and without repetitions, its URLs as given', () => {
    const list = 'http://[::1]:2379, http://127.0.0.1:80,http://[::1]:2379'
    const { listenClientUrls } = config(
      `--listen-client-urls=${list}`,
      '--advertise-client-urls',
      list,
    )
    expect(listenClientUrls).toEqual([
      { host: '127.0.0.1', port: 80, href: 'http://127.0.0.1:80' },
      { host: '::1', port: 2379, href: 'http://[::1]:2379' },
    ])
  })

  test.each([
    ['foo', 'URL scheme must be http: foo'],
    ['', 'URL scheme must be http: '],
    ['ftp://127.0.0.1:1', 'URL scheme must be http: ftp://127.0.0.1:1'],
    ['https://127.0.0.1:1', 'https URLs are not supported yet: https://127.0.0.1:1'],
    ['unix://sock:1', 'unix URLs are not supported yet: unix://sock:1'],
    ['http://127.0.0.1', 'URL address does not have the form "host:port": http://127.0.0.1'],
    [
      'http://1.1.1.1:70000',
      'URL address does not have the form "host:port": http://1.1.1.1:70000',
    ],
    ['http://u@1.1.1.1:1', 'URL address does not have the form "host:port": http://u@1.1.1.1:1'],
    ['http://1.1.1.1:1/', 'URL must not contain a path: http://1.1.1.1:1/'],
    ['http://1.1.1.1:1?a', 'URL must not contain a path: http://1.1.1.1:1?a'],
  ])('%j is refused', (url, reason) => {
    const list = `http://127.0.0.1:9,${url}`
    expect(failure(['--listen-peer-urls', list])).toBe(
      `invalid value "${list}" for --listen-peer-urls: ${reason}`,
    )
  })

  test.each(['listen-client-urls', 'listen-peer-urls', 'listen-metrics-urls'])(
    '--%s needs an address or localhost',
    (flag) => {
      expect(failure([`--${flag}=http://node.example:1`])).toBe(
        `--${flag}: expected IP in URL for binding (http://node.example:1)`,
      )
    },
  )

  test.each(['initial-advertise-peer-urls', 'advertise-client-urls'])(
    '--%s needs a host',
    (flag) => {
      expect(failure([`--${flag}=http://:2380`])).toBe(
        `--${flag} "http://:2380" must be "host:port" (unexpected empty host (http://:2380))`,
      )
    },
  )

  test('clients and members cannot share an address', () => {
    expect(failure(['--listen-peer-urls=http://127.0.0.1:2379'])).toBe(
      '--listen-peer-urls and --listen-client-urls have the same address http://localhost:2379',
    )
  })
})

describe('lists', () => {
  test('a member of the initial cluster may have several URLs', () => {
    const urls = 'http://10.0.0.2:1,http://10.0.0.1:1'
    const settings = config(
      `--initial-cluster=default=${urls.replace(',', ',default=')}`,
      `--initial-advertise-peer-urls=${urls}`,
    )
    expect(membersOf(settings)).toEqual([
      { name: 'default', peerUrls: ['http://10.0.0.1:1', 'http://10.0.0.2:1'] },
    ])
  })

  test('the initial cluster may have several members', () => {
    const text = 'a=http://10.0.0.1:2380,default=http://localhost:2380,c=http://c.example:1'
    expect(config(`--initial-cluster=${text}`).initialCluster).toEqual({
      ok: true,
      given: true,
      members: [
        { name: 'a', peerUrls: ['http://10.0.0.1:2380'] },
        { name: 'default', peerUrls: ['http://localhost:2380'] },
        { name: 'c', peerUrls: ['http://c.example:1'] },
      ],
    })
  })

  test('several listeners may take any free port', () => {
    const url = 'http://127.0.0.1:0'
    const settings = config(
      `--listen-client-urls=${url}`,
      `--listen-peer-urls=${url}`,
      `--advertise-client-urls=${url}`,
    )
    expect(settings.listenPeerUrls[0]?.port).toBe(0)
  })

  test.each([
    ['default', ['stderr']],
    ['stdout, /a,stdout', ['stdout', '/a']],
  ])('log outputs %j are %j', (text, outputs) => {
    expect(config(`--log-outputs=${text}`).logOutputs).toEqual(outputs)
  })

  test.each(['', 'default,stdout', '/a,,/b', 'systemd/journal'])(
    'log outputs %j are refused',
    (text) => {
      expect(failure([`--log-outputs=${text}`])).toContain('--log-outputs: ')
    },
  )
})

describe('choices', () => {
  test.each([
    ['log-level', 'loud', 'expected one of debug, info, warn, error, panic, fatal'],
    ['log-format', 'xml', 'expected one of auto, json, console'],
    ['metrics', 'extensive', 'extensive is not supported yet'],
    ['metrics', 'all', 'expected basic'],
    ['initial-cluster-state', 'maybe', 'expected one of new, existing'],
    ['auto-compaction-mode', 'hourly', 'expected one of periodic, revision'],
    ['pre-vote', 'yes', 'expected true or false'],
    ['max-learners', '-1', 'expected 0 or more'],
    ['max-txn-ops', '-1', 'expected 0 or more'],
    ['max-txn-ops', '1.5', 'expected a whole number'],
    ['max-request-bytes', '33554433', 'expected 33554432 or less'],
    ['max-concurrent-streams', '4294967296', 'expected 4294967295 or less'],
  ])('--%s=%s is refused', (flag, value, reason) => {
    expect(failure([`--${flag}=${value}`])).toBe(
      `invalid value "${value}" for --${flag}: ${reason}`,
    )
  })
})

describe('contradictions are refused in etcd’s words', () => {
  test.each([
    [
      ['--listen-client-urls=http://127.0.0.1:1'],
      '--advertise-client-urls is required when --listen-client-urls is set explicitly',
    ],
    [
      ['--election-timeout=499'],
      '--election-timeout[499ms] should be at least as 5 times as --heartbeat-interval[100ms]',
    ],
    [
      ['--election-timeout=50001'],
      '--election-timeout[50001ms] is too long, and should be set less than 50000ms',
    ],
    [['--heartbeat-interval=0'], '--heartbeat-interval must be >0 (set to 0ms)'],
    [['--election-timeout=0'], '--election-timeout must be >0 (set to 0ms)'],
  ])('%j', (argv, message) => {
    expect(failure(argv)).toBe(message)
  })

  test('the limits themselves are allowed', () => {
    expect(config('--election-timeout=500').electionTimeoutMs).toBe(500)
    expect(config('--election-timeout=50000').electionTimeoutMs).toBe(50000)
  })
})

describe('what only a new data directory is refused for, in etcd’s words', () => {
  const mismatch = '--initial-cluster=default=http://localhost:2399'

  test.each([
    [
      ['--name=a', '--initial-cluster=b=http://localhost:2380'],
      'couldn\'t find local name "a" in the initial cluster configuration',
    ],
    [
      ['--initial-cluster', ''],
      'couldn\'t find local name "default" in the initial cluster configuration',
    ],
    [['--name='], 'couldn\'t find local name "" in the initial cluster configuration'],
    [
      [mismatch],
      '--initial-cluster has default=http://localhost:2399 but missing from ' +
        '--initial-advertise-peer-urls=http://localhost:2380',
    ],
    [
      [
        '--initial-cluster=default=http://localhost:1',
        '--initial-advertise-peer-urls=http://localhost:1,http://localhost:2',
      ],
      '--initial-advertise-peer-urls has http://localhost:2 but missing from ' +
        '--initial-cluster=default=http://localhost:1',
    ],
    [
      ['--initial-cluster=default=http://localhost:2380,b=http://localhost:2380'],
      'initial cluster b=http://localhost:2380,default=http://localhost:2380 has duplicate url',
    ],
    [
      [
        '--initial-cluster=default=http://localhost:1,b=http://localhost:1',
        '--initial-cluster-state=existing',
      ],
      'initial cluster b=http://localhost:1,default=http://localhost:1 has duplicate url',
    ],
    [
      ['--initial-cluster=default=https://localhost:2380'],
      'invalid value "default=https://localhost:2380" for --initial-cluster: ' +
        'https URLs are not supported yet: https://localhost:2380',
    ],
    [
      ['--initial-cluster=default'],
      'invalid value "default" for --initial-cluster: URL scheme must be http: ',
    ],
  ])('%j', (argv, message) => {
    expect(newMemberFailure(...argv)).toBe(message)
  })

  test('who joins has told its URLs to the cluster already', () => {
    expect(config(mismatch, '--initial-cluster-state=existing').initialCluster.ok).toBe(true)
  })

  test('localhost and 127.0.0.1 are the same peer', () => {
    const settings = config('--initial-cluster=default=http://127.0.0.1:2380')
    expect(membersOf(settings)[0]?.peerUrls).toEqual(['http://127.0.0.1:2380'])
  })

  test('a problem names where the value came from', () => {
    const { initialCluster } = run([], { ETCD_INITIAL_CLUSTER: 'x' }).config
    expect(initialCluster).toMatchObject({
      ok: false,
      message: expect.stringContaining('"x" for ETCD_INITIAL_CLUSTER: '),
    })
  })
})

describe('automatic compaction', () => {
  test.each([
    [[], undefined],
    [['--auto-compaction-retention='], undefined],
    [['--auto-compaction-retention=0s'], undefined],
    [['--auto-compaction-retention=2'], { mode: 'periodic', retentionMs: 7_200_000 }],
    [['--auto-compaction-retention=10m'], { mode: 'periodic', retentionMs: 600_000 }],
    [['--auto-compaction-mode=revision'], undefined],
    [
      ['--auto-compaction-mode=revision', '--auto-compaction-retention=1000'],
      { mode: 'revision', retention: 1000 },
    ],
  ])('%j', (argv, autoCompaction) => {
    expect(config(...argv).autoCompaction).toEqual(autoCompaction)
  })

  test('a retention of the other mode is refused by the name under which it was given', () => {
    expect(
      failure(['--auto-compaction-mode=revision'], { ETCD_AUTO_COMPACTION_RETENTION: '1h' }),
    ).toBe('invalid value "1h" for ETCD_AUTO_COMPACTION_RETENTION: expected a number of revisions')
  })
})

describe('what a cluster is told', () => {
  test('by flags', () => {
    const settings = config(
      ...['--initial-cluster-state=existing', '--initial-cluster-token=t', '--force-new-cluster'],
      ...['--pre-vote=false', '--strict-reconfig-check=F', '--initial-election-tick-advance=0'],
      ...['--max-learners=3', '--snapshot-catchup-entries=7'],
    )
    expect(settings).toMatchObject({
      initialClusterState: 'existing',
      initialClusterToken: 't',
      forceNewCluster: true,
      preVote: false,
      strictReconfigCheck: false,
      initialElectionTickAdvance: false,
      maxLearners: 3,
      snapshotCatchUpEntries: 7,
    })
  })

  test('by a file', () => {
    const text = 'pre-vote: false\nauto-compaction-retention: 1\nauto-compaction-mode: periodic\n'
    expect(inFile(text)).toMatchObject({
      preVote: false,
      autoCompaction: { mode: 'periodic', retentionMs: 3_600_000 },
    })
  })
})

describe('the environment', () => {
  test('a variable is as good as its flag', () => {
    const env = { ETCD_NAME: 'n1', ETCD_MAX_TXN_OPS: '7', HOME: '/root' }
    expect(run([], env)).toMatchObject({ warnings: [], config: { name: 'n1', maxTxnOps: 7 } })
  })

  test('an empty variable is not set', () => {
    expect(run([], { ETCD_NAME: '' }).config.name).toBe('default')
  })

  test.each(['z', ''])('a flag and its variable (%j) together are refused', (value) => {
    expect(failure(['--name=n1'], { ETCD_NAME: value })).toBe(
      'conflicting environment variable ETCD_NAME is shadowed by corresponding command-line flag ' +
        '--name (either unset environment variable or disable flag)',
    )
  })

  test('unknown variables are warned about by name, without their values', () => {
    const { warnings } = run([], { ETCD_NMAE: 'secret', ETCDCTL_API: '3', ETCD_VERSION: '3.6' })
    expect(warnings).toEqual(['unrecognized environment variable ETCD_NMAE'])
  })

  test('a bad value names the variable', () => {
    expect(failure([], { ETCD_HEARTBEAT_INTERVAL: 'q' })).toBe(
      'invalid value "q" for ETCD_HEARTBEAT_INTERVAL: expected a whole number',
    )
  })

  test('what is not supported is refused there too', () => {
    expect(failure([], { ETCD_CERT_FILE: 'a.pem' })).toBe('ETCD_CERT_FILE is not supported yet')
  })
})

describe('the config file', () => {
  test('has the flags as keys, in YAML or JSON', () => {
    const yaml = 'name: n1\nsnapshot-count: 5\nlog-outputs: [stdout, /var/log/q]\ndata-dir: ~\n'
    expect(inFile(yaml)).toMatchObject({
      name: 'n1',
      snapshotCount: 5,
      logOutputs: ['stdout', '/var/log/q'],
      dataDirectory: 'n1.etcd',
    })
    expect(inFile('{"name": "n2"}').name).toBe('n2')
    expect(inFile('').name).toBe('default')
  })

  test('stands alone: other flags and variables are ignored with one warning', () => {
    const { config: settings, warnings } = run(
      ['--config-file', FILE, '--name=a', '--pre-vote=false'],
      { ETCD_DATA_DIR: 'd', ETCD_BAD: '1' },
      { [FILE]: 'max-txn-ops: 9' },
    )
    expect(settings).toMatchObject({ name: 'default', dataDirectory: 'default.etcd', maxTxnOps: 9 })
    expect(warnings).toEqual([
      `settings are read from ${FILE} alone; ignored: --name, --pre-vote, ETCD_DATA_DIR, ETCD_BAD`,
    ])
  })

  test('can be named by ETCD_CONFIG_FILE', () => {
    const env = { ETCD_CONFIG_FILE: FILE }
    expect(run([], env, { [FILE]: 'name: n1' })).toMatchObject({
      warnings: [],
      config: { name: 'n1' },
    })
  })

  test.each([
    ['nmae: x', `unknown key nmae in ${FILE}`],
    ['config-file: x', `unknown key config-file in ${FILE}`],
    ['constructor: x', `unknown key constructor in ${FILE}`],
    ['wal-dir: /x', `wal-dir in ${FILE} is not supported yet`],
    ['max-txn-ops: x', `invalid value "x" for max-txn-ops in ${FILE}: expected a whole number`],
    ['name: {a: 1}', `invalid value for name in ${FILE}: expected plain text`],
    ['[1]', `${FILE} is not a list of key: value`],
    [
      'client-transport-security: {cert-file: a}',
      `client-transport-security.cert-file in ${FILE} is not supported yet`,
    ],
    [
      'peer-transport-security: {allowed-cn: [a]}',
      `peer-transport-security.allowed-cn in ${FILE} is not supported yet`,
    ],
    ['client-transport-security: {x: 1}', `unknown key client-transport-security.x in ${FILE}`],
  ])('%j is refused', (text, message) => {
    expect(fileFailure(text)).toBe(message)
  })

  test('YAML errors and missing files are one sentence', () => {
    expect(fileFailure('a: [')).toContain(`${FILE} is not valid YAML: `)
    expect(failure(['--config-file=/x'])).toBe(
      'cannot read the config file /x: ENOENT: no such file',
    )
  })

  test('spelled-out defaults of what is not supported change nothing', () => {
    const text = `
client-transport-security:
  cert-file:
  client-cert-auth: false
peer-transport-security: {auto-tls: false, skip-client-san-verification: false}
strict-reconfig-check: true
max-wals: 5
`
    expect(inFile(text)).toEqual(config())
  })

  test('without advertise-client-urls the default is advertised, with a warning', () => {
    const { config: settings, warnings } = run(
      ['--config-file', FILE],
      {},
      { [FILE]: 'listen-client-urls: http://127.0.0.1:1' },
    )
    expect(settings.advertiseClientUrls[0]?.port).toBe(2379)
    expect(warnings).toHaveLength(1)
  })
})

describe('any words at all', () => {
  const word = fc.oneof(
    fc.constantFrom(
      '--name',
      '-name=x',
      '--',
      '-',
      '--pre-vote',
      '-h=1',
      '--version=false',
      '---x',
    ),
    fc.string(),
    fc
      .tuple(fc.constantFrom('max-txn-ops', 'initial-cluster', 'log-outputs'), fc.string())
      .map(([flag, value]) => `--${flag}=${value}`),
  )
  test('end in one of the three outcomes, never in an exception', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 5 }), fc.string(), (argv, text) => {
        const result = parse(argv, { ETCD_INITIAL_CLUSTER: text }, {})
        expect(['run', 'print', 'fail']).toContain(result.type)
      }),
    )
  })

  test('nor does any file', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const result = parse(['--config-file', FILE], {}, { [FILE]: text })
        expect(['run', 'fail']).toContain(result.type)
      }),
    )
  })
})

test.each([
  ['1m30s', 90_000, 0],
  ['0', 600_000, 0],
  ['-5s', 600_000, 0],
  ['1ms', 100, 1],
  ['100000h', 2 ** 30, 0],
])('--watch-progress-notify-interval=%s is %i ms', (text, ms, warningCount) => {
  const { config, warnings } = run([`--watch-progress-notify-interval=${text}`])
  expect([config.watchProgressNotifyIntervalMs, warnings.length]).toEqual([ms, warningCount])
})
