import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openLog, readableLine, type Log, type LogOptions } from '../../src/server/logger.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-log-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

function open(options: Partial<LogOptions> = {}): Log {
  const opened = openLog({
    level: 'info',
    format: 'auto',
    outputs: [join(folder, 'log')],
    isTerminal: () => false,
    noColor: true,
    ...options,
  })
  if (!opened.ok) throw new Error(opened.message)
  return opened.log
}

function text(file = 'log'): string {
  return readFileSync(join(folder, file), 'utf8')
}

function records(): Record<string, unknown>[] {
  return text()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('a JSON line', () => {
  test("has etcd's names in etcd's order, then the fields", () => {
    open().logger('server/raft-node').info('became leader', { term: 2, 'member-id': '8e9e' })
    expect(text()).toMatch(
      /^\{"level":"info","ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","caller":"server\/raft-node","msg":"became leader","term":2,"member-id":"8e9e"\}\n$/,
    )
  })

  test('shows fields that JSON has no form for, and no bytes of clients', () => {
    open()
      .logger('a')
      .warn('m', { lease: 2n ** 63n, key: new Uint8Array(3), level: 'x', nothing: undefined })
    expect(records()[0]).toMatchObject({
      level: 'warn',
      lease: '9223372036854775808',
      key: '<3 bytes>',
      'field-level': 'x',
    })
  })

  test('shows an error by its message and causes, with the stack at debug alone', () => {
    const error = new Error('cannot write', { cause: new Error('disk full') })
    const log = open()
    log.logger('a').error('failed', { error })
    log.setLevel('debug')
    log.logger('a').error('failed', { error })
    const [atInfo, atDebug] = records()
    expect(atInfo).toMatchObject({ error: 'cannot write: disk full' })
    expect(atInfo).not.toHaveProperty('error-stack')
    expect(atDebug?.['error-stack']).toContain('logger.test.ts')
  })
})

describe('levels', () => {
  test.each([
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
    ['panic', []],
    ['fatal', []],
  ] as const)('%s lets %j through', (level, expected) => {
    const log = open({ level })
    const logger = log.logger('a')
    for (const each of ['debug', 'info', 'warn', 'error'] as const) logger[each](each)
    expect(text() === '' ? [] : records().map((record) => record['level'])).toEqual(expected)
  })

  test('a change reaches loggers that exist', () => {
    const log = open()
    const logger = log.logger('a')
    logger.debug('before')
    log.setLevel('debug')
    logger.debug('after')
    expect(records().map((record) => record['msg'])).toEqual(['after'])
  })
})

describe('outputs', () => {
  test('get every line each, and folders are made', () => {
    const log = open({ outputs: ['log', 'deep/er/log'].map((file) => join(folder, file)) })
    log.logger('a').info('hello')
    expect(text('deep/er/log')).toBe(text())
    expect(records()).toHaveLength(1)
  })

  test('files are appended to', () => {
    writeFileSync(join(folder, 'log'), 'before\n')
    const log = open()
    log.logger('a').info('hello')
    log.close()
    log.logger('a').info('into the void')
    expect(text()).toMatch(/^before\n\{.*"hello"\}\n$/)
  })

  test('that cannot be opened are told in a sentence', () => {
    const opened = openLog({
      level: 'info',
      format: 'json',
      outputs: [folder],
      isTerminal: () => false,
      noColor: true,
    })
    expect(opened).toMatchObject({
      ok: false,
      message: expect.stringContaining(`cannot open the log output ${folder}: EISDIR`),
    })
  })

  test('console is the readable form', () => {
    open({ format: 'console' }).logger('server').info('ready to serve', { address: 'a:1' })
    expect(text()).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}ready to serve {2}address=a:1 {2}\(server\)\n$/,
    )
  })
})

describe('the readable form', () => {
  const line = JSON.stringify({
    level: 'warn',
    ts: '2026-01-02T03:04:05.678000Z',
    caller: 'raft',
    msg: 'm',
    n: 1,
    text: 'two words',
    escape: '\u001b[2J',
    list: ['a'],
  })

  test('keeps a line a line, and quotes what could be mistaken', () => {
    expect(readableLine(line, false)).toBe(
      '03:04:05.678 WARN  m  n=1  text="two words"  escape="\\u001b[2J"  list=["a"]  (raft)\n',
    )
  })

  test('is coloured on demand', () => {
    expect(readableLine(line, true)).toContain('\u001b[33mWARN')
  })
})

test('an output whose disk is full holds up neither the caller nor other outputs', () => {
  const logger = open({ outputs: ['/dev/full', join(folder, 'log')] }).logger('a')
  for (let i = 0; i < 3; i++) logger.info('hello', { i })
  expect(records().map((record) => record['i'])).toEqual([0, 1, 2])
})
