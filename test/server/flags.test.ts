import { describe, expect, test } from 'vitest'
import { helpText, readCommandLine } from '../../src/server/command-line.ts'
import { parseDurationMs } from '../../src/server/durations.ts'
import { environmentNameOf, FLAGS, flagNames } from '../../src/server/flags.ts'
import { parseCommandLine } from '../../src/server/config.ts'
import { UNSUPPORTED_FLAGS } from '../../src/server/unsupported-flags.ts'
import { packageVersion } from '../../src/server/version.ts'

function given(...words: string[]): Record<string, string> {
  const read = readCommandLine(words)
  if (read.type !== 'flags') throw new Error(JSON.stringify(read))
  return Object.fromEntries(read.given)
}

function outcome(...words: string[]): ReturnType<typeof parseCommandLine> {
  return parseCommandLine(words, {}, () => '')
}

describe('words are read as Go reads them', () => {
  test.each([['--name', 'n1'], ['-name', 'n1'], ['--name=n1'], ['-name=n1']])(
    '%s %s',
    (...words) => {
      expect(given(...words)).toEqual({ name: 'n1' })
    },
  )

  test('a value may start with a dash, hold = and be empty', () => {
    expect(given('--quota-backend-bytes', '-1', '--initial-cluster=a=b', '-name=')).toEqual({
      'quota-backend-bytes': '-1',
      'initial-cluster': 'a=b',
      name: '',
    })
    expect(given('--name', '--data-dir', '--data-dir', 'x')).toEqual({
      name: '--data-dir',
      'data-dir': 'x',
    })
  })

  test('the last one wins', () => {
    expect(given('--name=a', '-name', 'b')).toEqual({ name: 'b' })
  })

  test('a boolean takes a value behind = alone', () => {
    expect(given('--force-new-cluster', '-pre-vote=0', '--enable-pprof=false')).toEqual({
      'force-new-cluster': 'true',
      'pre-vote': '0',
      'enable-pprof': 'false',
    })
    for (const flag of ['--pre-vote', '--force-new-cluster', '--enable-pprof']) {
      const message = '"true" is not a valid flag'
      expect(outcome(flag, 'true')).toMatchObject({ message })
    }
  })

  test.each([
    [['--name'], '--name needs a value'],
    [['--nmae=x'], 'unknown flag --nmae; did you mean --name?'],
    [
      ['--listen-client-url', 'http://a:1'],
      'unknown flag --listen-client-url; did you mean --listen-client-urls?',
    ],
    [['--zzzzzzzzzz'], 'unknown flag --zzzzzzzzzz; see --help'],
    [['stray'], '"stray" is not a valid flag'],
    [['--', '--name=x'], '"--name=x" is not a valid flag'],
    [['gateway', 'start'], 'the command gateway is not supported yet'],
  ])('%j fails in one sentence', (words, message) => {
    expect(outcome(...words)).toEqual({ type: 'fail', message, exitCode: 2 })
  })
})

describe('flags of etcd that do not exist here', () => {
  const names = Object.keys(UNSUPPORTED_FLAGS)

  test.each(names)('--%s is refused by name', (name) => {
    const message = `--${name} is not supported yet`
    expect(outcome(`--${name}=other`)).toEqual({ type: 'fail', message, exitCode: 2 })
  })

  test.each(names)('--%s with its default changes nothing', (name) => {
    for (const value of UNSUPPORTED_FLAGS[name]?.defaults ?? []) {
      expect(outcome(`--${name}=${value}`)).toEqual(outcome())
    }
  })

  test.each(['-pre-vote', '--pre-vote=T', '--max-wals=05', '--grpc-keepalive-interval=120m'])(
    'a default may be written as %s',
    (word) => {
      expect(outcome(word)).toEqual(outcome())
    },
  )

  test('none of them is supported as well', () => {
    expect(names.filter((name) => Object.hasOwn(FLAGS, name))).toEqual([])
  })

  // As `etcd --help` of 3.6.14 lists them, a few from each group.
  test.each([
    'wal-dir',
    'max-snapshots',
    'listen-client-http-urls',
    'socket-reuse-port',
    'feature-gates',
    'discovery',
    'discovery-srv',
    'v2-deprecation',
    'cert-file',
    'client-cert-auth',
    'peer-auto-tls',
    'cipher-suites',
    'cors',
    'tls-min-version',
    'auth-token',
    'bcrypt-cost',
    'enable-pprof',
    'logger',
    'enable-log-rotation',
    'distributed-tracing-address',
    'corrupt-check-time',
    'unsafe-no-fsync',
    'enable-v2',
    'proxy',
    'debug',
    'log-package-levels',
  ])('--%s is known', (name) => {
    expect(names).toContain(name)
  })
})

describe('--version', () => {
  const text = (...words: string[]): string => {
    const result = outcome(...words)
    return result.type === 'print' ? result.text : JSON.stringify(result)
  }

  test("prints etcd's four lines, then our own", () => {
    expect(text('--version').split('\n')).toEqual([
      'etcd Version: 3.6.14',
      expect.stringMatching(/^Git SHA: .+/),
      expect.stringMatching(/^Go Version: .+/),
      expect.stringMatching(/^Go OS\/Arch: \w+\/\w+$/),
      `quorate Version: ${packageVersion()}`,
      '',
    ])
  })

  test('comes after a wrong flag, before a missing one', () => {
    expect(text('--version', '--nope')).toContain('unknown flag')
    expect(text('-version', '--listen-client-urls=x')).toContain('etcd Version')
  })
})

describe('--help', () => {
  test.each(['-h', '--help', '-help'])('%s prints the help text', (word) => {
    expect(outcome(word)).toEqual({ type: 'print', text: helpText(), exitCode: 0 })
  })

  test('names every flag with its default and its variable, within 100 columns', () => {
    const text = helpText()
    const flat = text.replaceAll(/\s+/g, ' ')
    for (const name of flagNames()) {
      expect(flat).toContain(`--${name} <`)
      expect(flat).toContain(`${environmentNameOf(name)})`)
    }
    expect(flat).toContain('(default 10000, ETCD_SNAPSHOT_COUNT)')
    expect(text.split('\n').filter((line) => line.length > 100)).toEqual([])
    expect(text).not.toContain('wal-dir')
  })
})

test.each([
  ['0', 0],
  ['300ms', 300],
  ['1h30m', 5_400_000],
  ['1.5s', 1500],
  ['-2us', -0.002],
  ['5', undefined],
  ['', undefined],
  ['1d', undefined],
  ['s', undefined],
])('the duration %j is %s ms', (text, milliseconds) => {
  expect(parseDurationMs(text)).toBe(milliseconds)
})
