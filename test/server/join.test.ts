import { describe, expect, test } from 'vitest'

import { parseCommandLine } from '../../src/server/config.ts'
import {
  identityBySettings,
  resolveJoin,
  resolveOrigin,
  type ClusterAnswer,
  type OriginConfig,
  type QueryCluster,
  type RemoteCluster,
} from '../../src/server/join.ts'
import { clusterIdOf, memberIdOf } from '../../src/server/member-id.ts'
import type { Member } from '../../src/server/membership.ts'
import { isSettled, recordingLogger } from './support/doubles.ts'

const URLS = {
  a: 'http://127.0.0.1:1',
  b: 'http://127.0.0.1:2',
  c: 'http://127.0.0.1:3',
}
const CLUSTER = 'a=http://127.0.0.1:1,b=http://127.0.0.1:2,c=http://127.0.0.1:3'
const ID = {
  a: '00000000000000aa',
  b: '00000000000000bb',
  c: '00000000000000cc',
}

type Name = keyof typeof URLS

function settings(...argv: string[]): OriginConfig {
  const parsed = parseCommandLine(
    ['--name=c', `--initial-advertise-peer-urls=${URLS.c}`, ...argv],
    {},
    () => '',
  )
  if (parsed.type !== 'run') throw new Error(JSON.stringify(parsed))
  return parsed.config
}

const joining = (cluster = CLUSTER, ...more: string[]): OriginConfig =>
  settings(`--initial-cluster=${cluster}`, '--initial-cluster-state=existing', ...more)

function member(name: Name, fields: Partial<Member> = {}): Member {
  const started = name !== 'c'
  return {
    id: ID[name],
    name: started ? name : '',
    peerUrls: [URLS[name]],
    clientUrls: started ? ['http://c:1'] : [],
    isLearner: false,
    ...fields,
  }
}

const REMOTE: RemoteCluster = {
  clusterId: '00000000000000c1',
  members: [member('a'), member('b'), member('c')],
}
const SILENT: ClusterAnswer = { ok: false, reason: 'connection refused' }

/** Peers by URL; those not named do not answer. */
function peers(answers: Record<string, RemoteCluster | Promise<ClusterAnswer>>): {
  readonly query: QueryCluster
  readonly asked: string[]
} {
  const asked: string[] = []
  const query: QueryCluster = async (url) => {
    asked.push(url)
    const answer = answers[url]
    if (answer === undefined) return SILENT
    return 'clusterId' in answer ? { ok: true, cluster: answer } : answer
  }
  return { query, asked }
}

async function failure(
  config: OriginConfig,
  answers: Parameters<typeof peers>[0] = {},
): Promise<string> {
  const origin = await resolveOrigin(config, peers(answers).query, recordingLogger())
  if (origin.ok) throw new Error('it has an origin')
  expect(origin.message).not.toContain('\n')
  return origin.message
}

describe('joining', () => {
  test('takes the ids that the cluster has given', async () => {
    const { query, asked } = peers({ [URLS.b]: REMOTE })
    const origin = await resolveOrigin(joining(), query, recordingLogger())
    expect(origin).toEqual({
      ok: true,
      type: 'joined',
      clusterId: REMOTE.clusterId,
      memberId: ID.c,
      members: REMOTE.members,
    })
    expect(asked).toEqual([URLS.a, URLS.b])
  })

  test('finds itself by all of its URLs, however they are ordered and loopback is written', async () => {
    const peerUrls = ['http://localhost:3', 'http://10.0.0.3:3']
    const remote = { ...REMOTE, members: [member('a'), member('b'), member('c', { peerUrls })] }
    const origin = await resolveOrigin(
      joining(`${CLUSTER},c=http://10.0.0.3:3`),
      peers({ [URLS.a]: remote }).query,
      recordingLogger(),
    )
    expect(origin).toMatchObject({ memberId: ID.c })
  })

  test('does not wait for who does not answer', async () => {
    const never = new Promise<ClusterAnswer>(() => undefined)
    const { query } = peers({ [URLS.a]: never, [URLS.b]: REMOTE })
    expect(await resolveOrigin(joining(), query, recordingLogger())).toMatchObject({ ok: true })
  })

  test('waits for one who knows that it was added', async () => {
    const stale = { ...REMOTE, members: [member('a'), member('b')] }
    let answer: (answer: ClusterAnswer) => void = () => undefined
    const late = new Promise<ClusterAnswer>((resolve) => (answer = resolve))
    const { query } = peers({ [URLS.a]: stale, [URLS.b]: late })
    const joined = resolveJoin(joining(), query, recordingLogger())
    expect(await isSettled(joined)).toBe(false)
    answer({ ok: true, cluster: REMOTE })
    expect(await joined).toMatchObject({ ok: true, memberId: ID.c })
  })

  test.each([
    ['nobody answers', {}],
    ['who answers knows nobody', { [URLS.a]: { ...REMOTE, members: [] } }],
  ])('is refused when %s', async (_when, answers) => {
    expect(await failure(joining(), answers)).toBe(
      'cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs',
    )
  })

  test('is refused when there is nobody to ask', async () => {
    expect(await failure(joining(`c=${URLS.c}`))).toMatch(/^cannot fetch cluster info/)
  })

  test('is refused when the lists are not equally long', async () => {
    const members = [member('a'), member('b')]
    expect(await failure(joining(), { [URLS.a]: { ...REMOTE, members } })).toBe(
      'error validating peerURLs {ClusterID:00000000000000c1 Members:[' +
        '{ID:00000000000000aa Name:a PeerURLs:[http://127.0.0.1:1]} ' +
        '{ID:00000000000000bb Name:b PeerURLs:[http://127.0.0.1:2]}]}: member count is unequal',
    )
  })

  test('is refused when a member of the cluster is not in the list', async () => {
    const members = [member('a'), member('b'), member('c', { peerUrls: ['http://x:1'] })]
    expect(await failure(joining(), { [URLS.a]: { ...REMOTE, members } })).toMatch(
      /: PeerURLs: no match found for existing member \(00000000000000cc, \[http:\/\/x:1\]\)$/,
    )
  })

  test('is refused when the others are the whole list', async () => {
    const members = [member('a'), member('b'), member('b')]
    expect(await failure(joining(), { [URLS.a]: { ...REMOTE, members } })).toMatch(/no match found/)
  })

  test('is refused when there are more learners than there may be', async () => {
    const members = [member('a'), member('b'), member('c', { isLearner: true })]
    const answers = { [URLS.a]: { ...REMOTE, members } }
    expect(await failure(joining(CLUSTER, '--max-learners=0'), answers)).toBe(
      'membership: too many learner members in cluster',
    )
    const { query } = peers(answers)
    const origin = await resolveOrigin(joining(), query, recordingLogger())
    expect(origin).toMatchObject({ ok: true, memberId: ID.c })
  })

  test('is refused with a list that cannot be', async () => {
    expect(await failure(joining('a=http://a:1'))).toMatch(/couldn't find local name "c"/)
  })
})

describe('founding', () => {
  const founding = (...more: string[]): OriginConfig =>
    settings(`--initial-cluster=${CLUSTER}`, ...more)
  const ids = Object.values(URLS).map((url) => memberIdOf([url], 'etcd-cluster'))
  const own = memberIdOf([URLS.c], 'etcd-cluster')

  test("computes etcd's ids, whoever is there", async () => {
    const { query, asked } = peers({})
    const origin = await resolveOrigin(founding(), query, recordingLogger())
    expect(origin).toMatchObject({
      type: 'founded',
      clusterId: clusterIdOf(ids),
      memberId: own,
      members: (['a', 'b', 'c'] as const).map((name, i) => ({
        id: ids[i],
        name,
        peerUrls: [URLS[name]],
      })),
    })
    expect(asked).toEqual([URLS.a, URLS.b])
  })

  test('asks nobody when it is alone', async () => {
    const { query, asked } = peers({})
    const origin = await resolveOrigin(settings(), query, recordingLogger())
    expect(origin).toMatchObject({ ok: true, memberId: own, clusterId: clusterIdOf([own]) })
    expect(asked).toEqual([])
  })

  test('goes on while the others have not seen it', async () => {
    const members = [member('a'), member('c', { id: own, clientUrls: [] })]
    const { query } = peers({ [URLS.a]: { ...REMOTE, members } })
    expect(await resolveOrigin(founding(), query, recordingLogger())).toMatchObject({ ok: true })
  })

  test('is refused to a member that the others have seen at work', async () => {
    const members = [member('a'), member('c', { id: own, clientUrls: ['http://c:1'] })]
    expect(await failure(founding(), { [URLS.b]: { ...REMOTE, members } })).toMatch(
      new RegExp(`^member ${own} has already been bootstrapped: .*remove the member`),
    )
  })

  test('is refused with a list that cannot be', async () => {
    expect(await failure(settings('--initial-cluster=a=http://a:1'))).toMatch(/local name "c"/)
  })
})

describe('the identity by the settings', () => {
  test('is that of a founding member', () => {
    const own = memberIdOf([URLS.c], 't')
    expect(
      identityBySettings(settings(`--initial-cluster=c=${URLS.c}`, '--initial-cluster-token=t')),
    ).toEqual({ memberId: own, clusterId: clusterIdOf([own]) })
  })

  test.each([
    ['nothing was said', settings()],
    ['the cluster gives the ids', joining()],
    ['the list cannot be', settings('--initial-cluster=x')],
  ])('is not known when %s', (_when, config) => {
    expect(identityBySettings(config)).toBeUndefined()
  })
})
