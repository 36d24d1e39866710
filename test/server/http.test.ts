import type { IncomingMessage, ServerResponse } from 'node:http'

import { beforeEach, describe, expect, test } from 'vitest'

import { AlarmType } from '../../src/rpc/codec/etcdserverpb.ts'
import { requestListener } from '../../src/rpc/http-exchange.ts'
import { Alarms } from '../../src/server/alarms.ts'
import type { Applier } from '../../src/server/applier.ts'
import { Health } from '../../src/server/health.ts'
import { HttpApi } from '../../src/server/http.ts'
import { Membership } from '../../src/server/membership.ts'
import { Metrics } from '../../src/server/metrics.ts'
import type { RaftNode } from '../../src/server/raft-node.ts'
import type { ReadIndex, ReadOutcome } from '../../src/server/read-index.ts'
import { recordingLogger } from './support/doubles.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** What the checks look at, to be set by a test. */
class Situation {
  readonly alarms = new Alarms()
  readonly membership = new Membership('c1')
  readonly metrics = new Metrics()
  readonly logger = recordingLogger()
  leader = 'a1'
  read: ReadOutcome = 'ready'
  isLearner = false
  reads = 0
  readonly #api: HttpApi

  constructor() {
    const applier = { alarms: this.alarms }
    Object.defineProperty(applier, 'isLearner', { get: () => this.isLearner })
    const raftNode = {}
    Object.defineProperty(raftNode, 'leader', { get: () => this.leader })
    const wait = async (): Promise<ReadOutcome> => {
      this.reads++
      return this.read
    }
    const health = new Health(
      applier as unknown as Applier,
      raftNode as unknown as RaftNode,
      { wait } as unknown as ReadIndex,
    )
    this.#api = new HttpApi(health, this.metrics, this.membership, this.logger)
  }

  request(url: string, method = 'GET'): Promise<Answer> {
    return new Promise((resolve) => {
      let status = 0
      let headers = {}
      const response = {
        writeHead: (code: number, given: object) => void ([status, headers] = [code, given]),
        end: (body = '') => resolve({ status, headers, body }),
      }
      const request = { url, method } as unknown as IncomingMessage
      requestListener((asked, target) => this.#api.answer(asked, target))(
        request,
        response as unknown as ServerResponse,
      )
    })
  }

  async brief(url: string, method = 'GET'): Promise<[number, string]> {
    const { status, body } = await this.request(url, method)
    return [status, body]
  }
}

let situation: Situation
beforeEach(() => {
  situation = new Situation()
})

const raise = (type: number): void => situation.alarms.activate({ memberId: 'a1', type })
const HEALTHY = [200, '{"health":"true","reason":""}']
const sick = (reason: string): [number, string] => [
  503,
  `{"health":"false","reason":"${reason}"}\n`,
]

describe('/health', () => {
  test('is well with a leader, a read and no alarm', async () => {
    expect(await situation.brief('/health')).toEqual(HEALTHY)
    expect(situation.reads).toBe(1)
  })

  test.each([
    ['NOSPACE', AlarmType.NOSPACE],
    ['CORRUPT', AlarmType.CORRUPT],
  ])('fails with the alarm %s, unless that one is excluded', async (name, type) => {
    raise(type)
    expect(await situation.brief('/health')).toEqual(sick(`ALARM ${name}`))
    expect(await situation.brief(`/health?exclude=${name}`)).toEqual(HEALTHY)
    const other = name === 'NOSPACE' ? 'CORRUPT' : 'NOSPACE'
    expect(await situation.brief(`/health?exclude=${other}`)).toEqual(sick(`ALARM ${name}`))
  })

  test('excludes as many alarms as are named', async () => {
    raise(AlarmType.NOSPACE)
    raise(AlarmType.CORRUPT)
    expect(await situation.brief('/health?exclude=NOSPACE')).toEqual(sick('ALARM CORRUPT'))
    expect(await situation.brief('/health?exclude=NOSPACE&exclude=CORRUPT')).toEqual(HEALTHY)
  })

  test('fails without a leader', async () => {
    situation.leader = ''
    expect(await situation.brief('/health')).toEqual(sick('RAFT NO LEADER'))
    expect(situation.reads).toBe(0)
  })

  test('fails when the read fails, with the reason that a client would be given', async () => {
    situation.read = 'timeout'
    expect(await situation.brief('/health')).toEqual(
      sick('RANGE ERROR:etcdserver: request timed out'),
    )
    situation.read = 'stopped'
    expect(await situation.brief('/health')).toEqual(sick('RANGE ERROR:etcdserver: server stopped'))
  })

  test('serializable asks about this member alone', async () => {
    situation.leader = ''
    situation.read = 'timeout'
    expect(await situation.brief('/health?serializable=true')).toEqual(HEALTHY)
    expect(await situation.brief('/health?serializable=false')).toEqual(sick('RAFT NO LEADER'))
    raise(AlarmType.NOSPACE)
    expect(await situation.brief('/health?serializable=true')).toEqual(sick('ALARM NOSPACE'))
  })

  test('counts successes and failures, and logs failures', async () => {
    await situation.request('/health')
    await situation.request('/health')
    situation.leader = ''
    await situation.request('/health')
    expect(situation.metrics).toMatchObject({ healthSuccesses: 2, healthFailures: 1 })
    expect(situation.logger.messages).toEqual(['/health error'])
  })
})

describe('/livez and /readyz', () => {
  const ALL = ['data_corruption', 'serializable_read', 'linearizable_read', 'non_learner']

  test('say ok when all is well', async () => {
    expect(await situation.brief('/livez')).toEqual([200, 'ok\n'])
    expect(await situation.brief('/readyz')).toEqual([200, 'ok\n'])
  })

  test('list their checks when asked for details', async () => {
    const ready = ALL.map((name) => `[+]${name} ok\n`).join('')
    expect(await situation.brief('/readyz?verbose')).toEqual([200, `${ready}ok\n`])
    expect(await situation.brief('/livez?verbose')).toEqual([200, '[+]serializable_read ok\nok\n'])
  })

  test('list all checks when one fails, whether asked for details or not', async () => {
    situation.read = 'timeout'
    const [status, body] = await situation.brief('/readyz')
    expect(status).toBe(503)
    expect(body.trimEnd().split('\n')).toEqual([
      '[+]data_corruption ok',
      '[+]serializable_read ok',
      '[-]linearizable_read failed: etcdserver: request timed out',
      '[+]non_learner ok',
    ])
  })

  test('/livez is no matter of quorum or alarms', async () => {
    situation.read = 'timeout'
    situation.leader = ''
    raise(AlarmType.NOSPACE)
    raise(AlarmType.CORRUPT)
    expect(await situation.brief('/livez')).toEqual([200, 'ok\n'])
  })

  test('/readyz minds corruption, but not a lack of space', async () => {
    raise(AlarmType.NOSPACE)
    expect(await situation.brief('/readyz')).toEqual([200, 'ok\n'])
    raise(AlarmType.CORRUPT)
    const [status, body] = await situation.brief('/readyz')
    expect(status).toBe(503)
    expect(body).toContain('[-]data_corruption failed: alarm activated: CORRUPT\n')
  })

  test('/readyz is not for learners; /livez and /health are', async () => {
    situation.isLearner = true
    const [status, body] = await situation.brief('/readyz')
    expect(status).toBe(503)
    expect(body).toContain('[-]non_learner failed: not supported for learner\n')
    expect((await situation.brief('/readyz/non_learner'))[0]).toBe(503)
    expect((await situation.brief('/readyz?exclude=non_learner'))[0]).toBe(200)
    expect(await situation.brief('/livez')).toEqual([200, 'ok\n'])
    expect(await situation.brief('/health')).toEqual(HEALTHY)
  })

  test('leave out the checks that are excluded, and only those', async () => {
    situation.read = 'timeout'
    raise(AlarmType.CORRUPT)
    const excluded = '/readyz?exclude=linearizable_read'
    expect((await situation.brief(excluded))[0]).toBe(503)
    expect(await situation.brief(`${excluded}&exclude=data_corruption`)).toEqual([200, 'ok\n'])
    expect(situation.reads).toBe(0)
    expect((await situation.brief('/readyz?exclude=no_such_check'))[0]).toBe(503)
  })

  test('each check has a path of its own', async () => {
    situation.read = 'timeout'
    for (const name of ALL.filter((one) => one !== 'linearizable_read')) {
      expect(await situation.brief(`/readyz/${name}`)).toEqual([200, 'ok\n'])
    }
    expect((await situation.brief('/readyz/linearizable_read'))[0]).toBe(503)
    expect(await situation.brief('/livez/serializable_read?verbose')).toEqual([
      200,
      '[+]serializable_read ok\nok\n',
    ])
    expect((await situation.brief('/livez/linearizable_read'))[0]).toBe(404)
  })
})

describe('the other paths', () => {
  test('/version tells the cluster’s version once it is decided', async () => {
    const version = async (): Promise<Record<string, string>> =>
      JSON.parse((await situation.request('/version')).body) as Record<string, string>
    expect(await version()).toMatchObject({ etcdcluster: 'not_decided' })
    situation.membership.setClusterVersion('3.6.0')
    expect(await version()).toEqual({
      etcdserver: expect.stringMatching(/^3\.6\.\d+$/) as unknown,
      etcdcluster: '3.6.0',
      storage: '3.6.0',
    })
  })

  test('/metrics is text for Prometheus; HEAD gets the headers alone', async () => {
    const full = await situation.request('/metrics')
    expect(full.headers).toMatchObject({
      'content-type': expect.stringMatching(/^text\/plain; version/) as unknown,
    })
    expect(full.body).toMatch(/^# TYPE etcd_disk_wal_fsync_duration_seconds histogram$/m)
    const head = await situation.request('/metrics', 'HEAD')
    expect([head.status, head.body]).toEqual([200, ''])
  })

  test.each(['/', '/healthz', '/health/', '/v3/kv/put', '', '//[', '/%zz'])(
    '%j is not found',
    async (url) => {
      expect((await situation.request(url)).status).toBe(404)
    },
  )

  test.each([
    ['/health', 'POST'],
    ['/health', 'HEAD'],
    ['/readyz', 'PUT'],
    ['/version', 'DELETE'],
  ])('%s does not take %s', async (url, method) => {
    const { status, headers } = await situation.request(url, method)
    expect(status).toBe(405)
    expect(headers).toMatchObject({ allow: 'GET' })
  })

  test('the length of a body is its bytes, and its type is not to be guessed', async () => {
    const { headers, body } = await situation.request('/health')
    expect(headers).toMatchObject({
      'content-length': body.length,
      'x-content-type-options': 'nosniff',
    })
  })
})
