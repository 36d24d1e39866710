/**
 * The commands of the real etcdctl that run until they are told to end: `lock`, `elect` and
 * `lease keep-alive`, as processes against this server and against a real etcd. Both must print the
 * same, and the keys behind it, followed by `etcdctl watch` from the first revision on, must change
 * in the same way.
 */

import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Child } from '../support/child-process.ts'
import { Etcdctl } from '../support/etcdctl.ts'
import { findEtcd, findEtcdctl, isMissing, programOf, suiteName } from '../support/programs.ts'
import { TestBed } from '../support/test-bed.ts'

const TIMEOUT_MS = 15_000
/** What `lock` prints once it holds the lock: the key and its empty value, in several writes. */
const HELD = /^\w+\/\w+\n\n/m

const etcd = findEtcd()
const etcdctl = findEtcdctl()

for (const server of ['this server', 'a real etcd'] as const) {
  const needs = server === 'a real etcd' ? [etcdctl, etcd] : [etcdctl]
  const name = suiteName(`etcdctl against ${server}`, ...needs)
  describe.skipIf(isMissing(...needs)).concurrent(name, () => {
    const bed = new TestBed()
    let endpoint: string

    beforeAll(async () => {
      const node =
        server === 'a real etcd' ? await bed.startEtcd(programOf(etcd)) : await bed.startQuorate()
      endpoint = node.endpoint
    })
    afterAll(() => bed.cleanUp())

    const start = (...args: string[]): Child =>
      bed.track(
        new Child(programOf(etcdctl).path, ['--endpoints', endpoint, ...args], {
          env: { ETCDCTL_API: '3' },
        }),
      )
    const run = async (...args: string[]): Promise<string> => {
      const result = await new Etcdctl(programOf(etcdctl), endpoint).run(args)
      expect(result.code, result.stderr).toBe(0)
      return result.stdout.toString('utf8')
    }
    const history = (prefix: string): Child => start('watch', '--prefix', prefix, '--rev=1')

    /**
     * A process of its own with several round trips: one that contends and has written its key has
     * had the time to print, if it wrongly thinks that its turn has come.
     */
    const expectKeys = async (count: number, prefix: string): Promise<void> => {
      const keys = await run('get', '--prefix', '--keys-only', prefix)
      expect(keys.split('\n').filter((line) => line !== '')).toHaveLength(count)
    }

    it('lock: the second contender waits until the first is interrupted', async () => {
      const keys = history('two/')
      const first = start('lock', 'two')
      await first.waitForOutput(HELD, TIMEOUT_MS)
      const second = start('lock', 'two')
      await keys.waitForOutput(events(2), TIMEOUT_MS)
      await expectKeys(2, 'two/')
      expect(textOf(second)).toBe('')

      first.signal('SIGINT')
      expect((await first.waitForExit(TIMEOUT_MS)).code).toBe(0)
      await second.waitForOutput(HELD, TIMEOUT_MS)
      expect((await second.stop()).code).toBe(0)
      await keys.waitForOutput(events(4), TIMEOUT_MS)

      const [one, two] = [textOf(first), textOf(second)]
      expect(anonymous(one, two)).toEqual(['two/L1\n\n', 'two/L2\n\n'])
      expect(anonymous(textOf(keys))).toEqual([
        put('two/L1', '') + put('two/L2', '') + deleted('two/L1') + deleted('two/L2'),
      ])
      expect(await run('get', '--prefix', 'two/')).toBe('')
    })

    it('lock: what a killed holder held is free once its lease has expired', async () => {
      const first = start('lock', 'killed', '--ttl=2')
      await first.waitForOutput(HELD, TIMEOUT_MS)
      const keys = history('killed/')
      const second = start('lock', 'killed', '--ttl=2')
      await keys.waitForOutput(events(2), TIMEOUT_MS)
      await first.kill9()
      await second.waitForOutput(HELD, TIMEOUT_MS)
      expect(anonymous(textOf(first), textOf(second))).toEqual(['killed/L1\n\n', 'killed/L2\n\n'])
      expect((await second.stop()).code).toBe(0)
      await keys.waitForOutput(events(4), TIMEOUT_MS)
    })

    it('lock: the commands of two contenders run one after the other', async () => {
      const folder = bed.temporaryDirectory()
      const [fifo, log] = [join(folder, 'gate'), join(folder, 'log')]
      execFileSync('mkfifo', [fifo])
      const gate = openSync(fifo, 'r+') // so that neither end waits for the other to open it
      try {
        const shell = (script: string): Child => start('lock', 'command', '--', 'sh', '-c', script)
        const keys = history('command/')
        const first = shell(`echo in >>${log}; echo in; head -n1 ${fifo}; echo out >>${log}`)
        await first.waitForOutput(/in\n/, TIMEOUT_MS)
        const second = shell(`echo second >>${log}; echo "$ETCD_LOCK_KEY"`)
        await keys.waitForOutput(events(2), TIMEOUT_MS)
        await expectKeys(2, 'command/')
        expect(textOf(second)).toBe('')
        writeSync(gate, 'open\n')
        expect((await first.waitForExit(TIMEOUT_MS)).code).toBe(0)
        expect((await second.waitForExit(TIMEOUT_MS)).code).toBe(0)
        expect(textOf(first)).toBe('in\nopen\n')
        expect(anonymous(textOf(second))).toEqual(['command/L1\n'])
        expect(readFileSync(log, 'utf8')).toBe('in\nout\nsecond\n')
        await keys.waitForOutput(events(4), TIMEOUT_MS)
      } finally {
        closeSync(gate)
      }
    })

    it('lock: a command that fails releases the lock', async () => {
      const failing = start('lock', 'failing', '--', 'sh', '-c', 'exit 3')
      expect((await failing.waitForExit(TIMEOUT_MS)).code).not.toBe(0)
      const next = start('lock', 'failing', '--', 'echo', 'free')
      expect((await next.waitForExit(TIMEOUT_MS)).code).toBe(0)
      expect(textOf(next)).toBe('free\n')
    })

    it('elect: an observer sees the leader, who resigns, and who is taken over from', async () => {
      const keys = history('elect/')
      const observer = start('elect', '-l', 'elect')
      const one = start('elect', 'elect', 'one')
      await one.waitForOutput(/one\n/, TIMEOUT_MS)
      await observer.waitForOutput(/one\n/, TIMEOUT_MS)
      const two = start('elect', 'elect', 'two')
      await keys.waitForOutput(events(2), TIMEOUT_MS)
      const three = start('elect', 'elect', 'three')
      await keys.waitForOutput(events(3), TIMEOUT_MS)
      await expectKeys(3, 'elect/')
      expect(textOf(two) + textOf(three)).toBe('')

      one.signal('SIGINT')
      expect((await one.waitForExit(TIMEOUT_MS)).code).toBe(0)
      await two.waitForOutput(/two\n/, TIMEOUT_MS)
      await observer.waitForOutput(/two\n/, TIMEOUT_MS)
      expect(textOf(three)).toBe('')

      await two.kill9()
      // Its lease lasts a minute. Revoking it is what the server does when that is over.
      await run('lease', 'revoke', leaseOf(textOf(two)))
      await three.waitForOutput(/three\n/, TIMEOUT_MS)
      await observer.waitForOutput(/three\n/, TIMEOUT_MS)
      expect((await three.stop()).code).toBe(0)
      expect((await observer.stop()).code).toBe(0)
      await keys.waitForOutput(events(6), TIMEOUT_MS)

      expect(anonymous(...[one, two, three, observer, keys].map(textOf))).toEqual([
        'elect/L1\none\n',
        'elect/L2\ntwo\n',
        'elect/L3\nthree\n',
        'elect/L1\none\nelect/L2\ntwo\nelect/L3\nthree\n',
        put('elect/L1', 'one') +
          put('elect/L2', 'two') +
          put('elect/L3', 'three') +
          deleted('elect/L1') +
          deleted('elect/L2') +
          deleted('elect/L3'),
      ])
    })

    it('lease keep-alive holds a lease until it is revoked', async () => {
      const id = leaseOf(await run('lease', 'grant', '2'))
      const keys = history('held')
      await run('put', 'held', 'x', `--lease=${id}`)
      const alive = start('lease', 'keep-alive', id)
      await alive.waitForOutput(/(.*keepalived.*\n){4}/, TIMEOUT_MS) // about one a second
      expect(await run('get', 'held')).toBe('held\nx\n')
      expect(anonymous(await run('lease', 'revoke', id))).toEqual(['lease L1 revoked\n'])
      expect((await alive.waitForExit(TIMEOUT_MS)).code).toBe(0)
      await keys.waitForOutput(events(2), TIMEOUT_MS)
      const lines = textOf(alive)
        .split('\n')
        .filter((line, n, all) => line !== all[n - 1])
      expect(anonymous(lines.join('\n'))).toEqual([
        'lease L1 keepalived with TTL(2)\nlease L1 expired or revoked.\n',
      ])
    })

    it('lease keep-alive --once answers once, and fails for an unknown lease', async () => {
      const id = leaseOf(await run('lease', 'grant', '100'))
      const once = await run('lease', 'keep-alive', '--once', id)
      expect(anonymous(once)).toEqual(['lease L1 keepalived with TTL(100)\n'])
      await run('lease', 'revoke', id)
      const unknown = start('lease', 'keep-alive', '--once', id)
      expect((await unknown.waitForExit(TIMEOUT_MS)).code).not.toBe(0)
      expect(unknown.stderr).toMatch(/requested lease not found/)
      const gone = start('lease', 'keep-alive', id)
      expect((await gone.waitForExit(TIMEOUT_MS)).code).toBe(0)
      expect(anonymous(textOf(gone))).toEqual(['lease L1 expired or revoked.\n'])
    })

    it('a key goes when the process that kept its lease alive is killed', async () => {
      const id = leaseOf(await run('lease', 'grant', '2'))
      const keys = history('orphan')
      await run('put', 'orphan', 'x', `--lease=${id}`)
      const alive = start('lease', 'keep-alive', id)
      await alive.waitForOutput(/keepalived/, TIMEOUT_MS)
      await alive.kill9()
      await keys.waitForOutput(events(2), TIMEOUT_MS)
      expect(textOf(keys)).toBe(put('orphan', 'x') + deleted('orphan'))
    })
  })
}

function put(key: string, value: string): string {
  return `PUT\n${key}\n${value}\n`
}

/** `watch` prints the empty value of a deletion, too. */
function deleted(key: string): string {
  return `DELETE\n${key}\n\n`
}

/** Matches once so many events have been printed in full, three lines each. */
function events(count: number): RegExp {
  return new RegExp(`(^|\\n)((PUT|DELETE)\\n.*\\n.*\\n){${count}}`)
}

function textOf(child: Child): string {
  return child.stdout.toString('utf8')
}

const LEASE_ID = /\b[0-9a-f]{12,16}\b/g

function leaseOf(text: string): string {
  const id = text.match(LEASE_ID)?.[0]
  if (id === undefined) throw new Error(`no lease id in: ${text}`)
  return id
}

/** The texts with every lease id replaced by L and the rank of its first appearance in them. */
function anonymous(...texts: readonly string[]): string[] {
  const ids = [...new Set(texts.flatMap((text) => text.match(LEASE_ID) ?? []))]
  return texts.map((text) => text.replaceAll(LEASE_ID, (id) => `L${ids.indexOf(id) + 1}`))
}
