/**
 * `etcdctl make-mirror` as a process: it reads the source page by page at one revision, follows it
 * by a watch from the next one, and writes to the destination in transactions. The destination is
 * followed by `etcdctl watch` from its first revision on, so that every change is waited for.
 */

import { afterAll, describe, expect, it } from 'vitest'
import { Child } from '../support/child-process.ts'
import { Etcdctl } from '../support/etcdctl.ts'
import { findEtcd, findEtcdctl, isMissing, programOf, suiteName } from '../support/programs.ts'
import { TestBed } from '../support/test-bed.ts'
import type { RunningServer } from '../support/test-bed.ts'

const TIMEOUT_MS = 20_000
/** More than one page of the mirror's first reading, which has 1,000 keys. */
const SEEDED = 1_200
const MAX_TXN_OPS = 100

const etcd = findEtcd()
const etcdctl = findEtcdctl()

type Kind = 'this server' | 'a real etcd'
const PAIRS: readonly (readonly [from: Kind, to: Kind])[] = [
  ['this server', 'this server'],
  ['a real etcd', 'this server'],
  ['this server', 'a real etcd'],
]

for (const [from, to] of PAIRS) {
  const needs = from === to ? [etcdctl] : [etcdctl, etcd]
  const name = suiteName(`make-mirror from ${from} to ${to}`, ...needs)
  describe.skipIf(isMissing(...needs)).concurrent(name, () => {
    const bed = new TestBed()
    afterAll(() => bed.cleanUp())

    it('copies what is there, page by page, and then every change in order', async () => {
      const { source, destination } = await startPair(bed, from, to)
      await seed(source)
      const changes = watchAll(bed, destination)
      const mirror = startMirror(bed, source, destination)
      await changes.waitForOutput(/\nk1199\n/, TIMEOUT_MS)

      const { run } = source
      await run(['put', 'live', '1'])
      await run(['put', 'live', '2'])
      await run(['del', 'k00', 'k0005'])
      await run(['txn'], '\nput t/1 a\nput t/2 b\nput t/3 c\n\n\n')
      await run(['txn'], '\ndel t/1\nput t/2 B\n\n\n')
      await run(['put', 'live', '3'])
      await run(['del', 'live'])
      await run(['put', 'the end', ''])
      await changes.waitForOutput(/\nthe end\n/, TIMEOUT_MS)

      const everything = ['get', '', '--prefix']
      expect(await destination.run(everything)).toBe(await source.run(everything))
      expect((await destination.run(everything)).split('\n')).toHaveLength(2 * (1195 + 3) + 1)
      // In the order of the revisions, and within one as the source told them.
      const live = changes.stdout.toString('utf8').split(/\nk1199\n.*\n/)[1] ?? ''
      expect(eventsOf(live)).toEqual([
        'PUT live 1',
        'PUT live 2',
        ...['k0000', 'k0001', 'k0002', 'k0003', 'k0004'].map((key) => `DELETE ${key} `),
        'PUT t/1 a',
        'PUT t/2 b',
        'PUT t/3 c',
        'DELETE t/1 ',
        'PUT t/2 B',
        'PUT live 3',
        'DELETE live ',
        'PUT the end ',
      ])
      expect(mirror.running, mirror.output).toBe(true)
      mirror.signal('SIGINT')
      await mirror.waitForExit(TIMEOUT_MS)
    })

    it('copies one transaction as one revision, under another prefix', async () => {
      const { source, destination } = await startPair(bed, from, to)
      await source.run(['put', 'a/old', '0'])
      await source.run(['put', 'b/old', 'not copied'])
      const changes = watchAll(bed, destination)
      startMirror(bed, source, destination, '--prefix', 'a/', '--dest-prefix', 'copy/')
      await changes.waitForOutput(/old\n/, TIMEOUT_MS)
      await source.run(['txn'], '\nput a/1 x\nput b/2 y\nput a/3 z\n\n\n')
      await source.run(['del', 'a/old'])
      await changes.waitForOutput(/DELETE\n/, TIMEOUT_MS)

      const copied = await destination.run(['get', '', '--prefix'])
      expect(copied).toBe('copy/1\nx\ncopy/3\nz\n')
      const revisions = await modRevisions(destination, 'copy/')
      expect(new Set(revisions).size).toBe(1)
    })
  })
}

interface Node {
  readonly server: RunningServer
  /** Standard output of an etcdctl command that must not fail. */
  run(args: readonly string[], stdin?: string): Promise<string>
}

async function startPair(
  bed: TestBed,
  from: Kind,
  to: Kind,
): Promise<{ source: Node; destination: Node }> {
  const [source, destination] = await Promise.all([startNode(bed, from), startNode(bed, to)])
  return { source, destination }
}

async function startNode(bed: TestBed, kind: Kind): Promise<Node> {
  const server =
    kind === 'a real etcd' ? await bed.startEtcd(programOf(etcd)) : await bed.startQuorate()
  const client = new Etcdctl(programOf(etcdctl), server.endpoint)
  const run = async (args: readonly string[], stdin?: string): Promise<string> => {
    const { code, stdout, stderr } = await client.run(args, stdin)
    if (code !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${stderr}`)
    return stdout.toString('utf8')
  }
  return { server, run }
}

async function seed(node: Node): Promise<void> {
  const keys = Array.from({ length: SEEDED }, (_, n) => `k${String(n).padStart(4, '0')}`)
  while (keys.length > 0) {
    const puts = keys.splice(0, MAX_TXN_OPS).map((key) => `put ${key} "value of ${key}"`)
    await node.run(['txn'], `\n${puts.join('\n')}\n\n\n`)
  }
}

function watchAll(bed: TestBed, node: Node): Child {
  return start(bed, node, ['watch', '', '--prefix', '--rev=1'])
}

function startMirror(
  bed: TestBed,
  source: Node,
  destination: Node,
  ...flags: readonly string[]
): Child {
  return start(bed, source, ['make-mirror', ...flags, destination.server.endpoint])
}

function start(bed: TestBed, node: Node, args: readonly string[]): Child {
  const { path } = programOf(etcdctl)
  const env = { ETCDCTL_API: '3' }
  return bed.track(new Child(path, ['--endpoints', node.server.endpoint, ...args], { env }))
}

/** The events that `watch` printed, three lines each. */
function eventsOf(output: string): string[] {
  const events: string[] = []
  const lines = output.split('\n')
  for (let n = 0; n + 2 < lines.length; n += 3) events.push(lines.slice(n, n + 3).join(' '))
  return events
}

async function modRevisions(node: Node, prefix: string): Promise<number[]> {
  const text = await node.run(['get', prefix, '--prefix', '-w', 'json'])
  const { kvs } = JSON.parse(text) as { kvs: readonly { mod_revision: number }[] }
  return kvs.map((kv) => kv.mod_revision)
}
