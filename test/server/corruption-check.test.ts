import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { LogFields, Logger } from '../../src/base/ports.ts'
import { CorruptionCheck, oddOnesOut, type HashAnswer } from '../../src/server/corruption-check.ts'
import { StateHash, type StatePoint } from '../../src/server/state-hash.ts'
import { isSettled, turns } from './support/doubles.ts'

const OPTIONS = { intervalMs: 1000, waitMs: 500 }
const UNKNOWN: HashAnswer = { verdict: 'unknown' }

interface Line {
  readonly level: string
  readonly fields: LogFields
}

/** A member that applies numbers, and its check. */
class Node {
  readonly id: string
  readonly hash = new StateHash(undefined, 8)
  readonly check: CorruptionCheck
  readonly lines: Line[] = []
  asked: StatePoint[] = []
  isUp = true

  constructor(id: string, cluster: Cluster) {
    this.id = id
    const log =
      (level: string) =>
      (_message: string, fields: LogFields = {}): void =>
        void this.lines.push({ level, fields })
    const logger: Logger = {
      debug: log('debug'),
      info: log('info'),
      warn: log('warn'),
      error: log('error'),
    }
    this.check = new CorruptionCheck(
      this.hash,
      {
        memberId: id,
        logger,
        isLeader: () => cluster.leader === id,
        otherMembers: () => cluster.nodes.map((node) => node.id).filter((other) => other !== id),
        ask: (peer, point) => cluster.ask(peer, point),
        isAlarmed: (named) => cluster.alarms.has(named),
        raiseAlarm: (named) => cluster.raiseAlarm(named),
      },
      OPTIONS,
    )
  }

  apply(value: number, term = 1): void {
    const data = Buffer.from(String(value))
    const index = this.hash.index + 1
    this.hash.endEntry({ index, term, type: 'EntryNormal', data }, 'put', 'ok', index)
    this.check.onApplied()
  }

  level(level: string): LogFields[] {
    return this.lines.filter((line) => line.level === level).map(({ fields }) => fields)
  }
}

class Cluster {
  readonly nodes: Node[]
  readonly alarms = new Set<string>()
  readonly raised: string[] = []
  leader = 'm1'
  raiseFails = false
  /** Resolves the proposals of alarms when set. */
  raising: Promise<void> | undefined
  #nowMs = 10_000

  constructor(size: number) {
    this.nodes = Array.from({ length: size }, (_, i) => new Node(`m${i + 1}`, this))
    this.tick()
  }

  node(number: number): Node {
    const node = this.nodes[number - 1]
    if (node === undefined) throw new Error(`there is no m${number}`)
    return node
  }

  apply(value: number, except: readonly Node[] = []): void {
    for (const node of this.nodes) if (!except.includes(node)) node.apply(value)
  }

  tick(ms = 0): void {
    this.#nowMs += ms
    for (const node of this.nodes) node.check.tick(this.#nowMs)
  }

  /** One interval, and time for the answers. */
  async interval(): Promise<void> {
    this.tick(OPTIONS.intervalMs)
    await turns()
  }

  async ask(peer: string, point: StatePoint): Promise<HashAnswer> {
    const node = this.nodes.find(({ id }) => id === peer)
    if (node === undefined || !node.isUp) return UNKNOWN
    node.asked.push(point)
    return node.check.onAsk(point)
  }

  async raiseAlarm(id: string): Promise<boolean> {
    this.raised.push(id)
    await this.raising
    if (this.raiseFails) return false
    this.alarms.add(id)
    return true
  }
}

describe('the leader', () => {
  test('asks every other member about its newest entry, once an interval', async () => {
    const cluster = new Cluster(3)
    cluster.apply(1)
    cluster.apply(2)
    cluster.tick(999)
    expect(cluster.node(2).asked).toEqual([])
    cluster.tick(1)
    for (const number of [2, 3]) {
      expect(cluster.node(number).asked).toEqual([cluster.node(1).hash.newest])
    }
    expect(cluster.node(1).asked).toEqual([])
    cluster.tick(999)
    await turns()
    expect(cluster.node(2).asked).toHaveLength(1)
  })

  test('asks nothing when all agreed and nothing was applied since', async () => {
    const cluster = new Cluster(3)
    cluster.apply(1)
    await cluster.interval()
    await cluster.interval()
    expect(cluster.node(2).asked).toHaveLength(1)
    cluster.apply(2)
    await cluster.interval()
    expect(cluster.node(2).asked.map(({ index }) => index)).toEqual([1, 2])
  })

  test('asks again about the same entry when someone could not tell', async () => {
    const cluster = new Cluster(3)
    cluster.node(3).isUp = false
    cluster.apply(1)
    await cluster.interval()
    cluster.node(3).isUp = true
    await cluster.interval()
    expect(cluster.node(3).asked).toHaveLength(1)
    await cluster.interval()
    expect(cluster.node(2).asked).toHaveLength(2)
  })

  test('does not ask while answers are outstanding', async () => {
    const cluster = new Cluster(2)
    cluster.node(1).apply(1)
    cluster.tick(1000)
    cluster.node(1).apply(2)
    const { asked } = cluster.node(2)
    expect(asked).toHaveLength(1)
    for (let i = 0; i < 10; i++) cluster.node(1).check.tick(20_000 + 1000 * i)
    await turns()
    expect(asked).toHaveLength(1)
  })

  test('is alone in asking', async () => {
    const cluster = new Cluster(3)
    cluster.leader = ''
    cluster.apply(1)
    await cluster.interval()
    expect(cluster.nodes.flatMap((node) => node.asked)).toEqual([])
  })

  test('of one member asks nobody and finds nothing', async () => {
    const cluster = new Cluster(1)
    cluster.apply(1)
    await cluster.interval()
    expect(cluster.node(1).lines).toEqual([])
  })
})

describe('a member whose state differs', () => {
  test('is named, with the index and both hashes in the log', async () => {
    const cluster = new Cluster(3)
    cluster.apply(1, [cluster.node(3)])
    cluster.node(3).apply(99)
    await cluster.interval()
    expect(cluster.raised).toEqual(['m3'])
    expect(cluster.node(1).level('error')).toEqual([
      {
        'corrupt-member-id': 'm3',
        index: 1,
        term: 1,
        'corrupt-hash': cluster.node(3).hash.value,
        hash: cluster.node(1).hash.value,
      },
    ])
  })

  test('is found however much is applied after the difference', async () => {
    const cluster = new Cluster(3)
    cluster.apply(1, [cluster.node(2)])
    cluster.node(2).apply(99)
    for (let i = 0; i < 100; i++) cluster.apply(i)
    await cluster.interval()
    expect(cluster.raised).toEqual(['m2'])
  })

  test('is named once, and again after the alarm was disarmed', async () => {
    const cluster = new Cluster(3)
    cluster.apply(1, [cluster.node(3)])
    cluster.node(3).apply(99)
    for (let i = 0; i < 3; i++) {
      cluster.apply(i)
      await cluster.interval()
    }
    expect(cluster.raised).toEqual(['m3'])
    cluster.alarms.clear()
    await cluster.interval()
    expect(cluster.raised).toEqual(['m3', 'm3'])
  })

  test('is not named again while the alarm is being raised; when that failed, it is', async () => {
    const cluster = new Cluster(3)
    let finish = (): void => undefined
    cluster.raising = new Promise((resolve) => (finish = resolve))
    cluster.raiseFails = true
    cluster.apply(1, [cluster.node(3)])
    cluster.node(3).apply(99)
    await cluster.interval()
    await cluster.interval()
    expect(cluster.raised).toEqual(['m3'])
    finish()
    await turns()
    expect(cluster.node(1).level('warn')).toEqual([{ 'corrupt-member-id': 'm3' }])
    await cluster.interval()
    expect(cluster.raised).toEqual(['m3', 'm3'])
  })

  test('is the leader itself when the majority agrees with each other', async () => {
    const cluster = new Cluster(3)
    cluster.apply(1, [cluster.node(1)])
    cluster.node(1).apply(99)
    await cluster.interval()
    expect(cluster.raised).toEqual(['m1'])
  })

  test('is not named by a leader that is none any more when the answer comes', async () => {
    const cluster = new Cluster(3)
    cluster.apply(1, [cluster.node(3)])
    cluster.node(3).apply(99)
    cluster.tick(1000)
    cluster.leader = 'm2'
    await turns()
    expect(cluster.raised).toEqual([])
    await cluster.interval()
    expect(cluster.raised).toEqual(['m3'])
  })

  test('is not proven by an entry of another term; the next common entry proves it', async () => {
    const cluster = new Cluster(3)
    const [one, two, three] = [cluster.node(1), cluster.node(2), cluster.node(3)]
    for (const node of [one, two]) node.apply(1, 1)
    three.apply(1, 2)
    await cluster.interval()
    expect(cluster.raised).toEqual([])
    for (const node of cluster.nodes) node.apply(2, 3)
    await cluster.interval()
    expect(cluster.raised).toEqual(['m3'])
  })
})

describe('a member that cannot be asked', () => {
  test('is never named; the log tells once, a dozen rounds later', async () => {
    const cluster = new Cluster(3)
    cluster.node(3).isUp = false
    cluster.apply(1)
    for (let i = 0; i < 11; i++) await cluster.interval()
    expect(cluster.node(1).lines).toEqual([])
    for (let i = 0; i < 30; i++) await cluster.interval()
    expect(cluster.node(1).level('warn')).toEqual([{ 'remote-peer-id': 'm3', rounds: 12 }])
    expect(cluster.raised).toEqual([])
  })

  test('is counted anew by who leads again', async () => {
    const cluster = new Cluster(2)
    cluster.node(2).isUp = false
    cluster.apply(1)
    for (const leader of ['m1', '', 'm1']) {
      cluster.leader = leader
      for (let i = 0; i < 11; i++) await cluster.interval()
    }
    expect(cluster.node(1).lines).toEqual([])
    await cluster.interval()
    expect(cluster.node(1).level('warn')).toHaveLength(1)
  })

  test('is counted anew after it has answered', async () => {
    const cluster = new Cluster(2)
    cluster.apply(1)
    for (let i = 0; i < 4; i++) {
      cluster.node(2).isUp = false
      for (let j = 0; j < 10; j++) await cluster.interval()
      cluster.node(2).isUp = true
      await cluster.interval()
      cluster.apply(2)
    }
    expect(cluster.node(1).lines).toEqual([])
  })
})

describe('a member that is asked', () => {
  const ahead = (index: number): StatePoint => ({ index, term: 1, hash: 5 })

  test('answers at once what it has applied, with its own hash when it differs', async () => {
    const node = new Cluster(1).node(1)
    node.apply(1)
    const point = node.hash.newest
    node.apply(2)
    expect(await node.check.onAsk(point)).toEqual({ verdict: 'equal' })
    const hash = point.hash ^ 1
    expect(await node.check.onAsk({ ...point, hash })).toEqual({
      verdict: 'differs',
      hash: point.hash,
    })
  })

  test('cannot tell of an index that it does not keep any more', async () => {
    const node = new Cluster(1).node(1)
    node.apply(1)
    const point = node.hash.newest
    for (let i = 0; i < 7; i++) node.apply(i)
    expect(await node.check.onAsk(point)).toEqual({ verdict: 'equal' })
    node.apply(8)
    expect(await node.check.onAsk(point)).toEqual(UNKNOWN)
  })

  test('waits until it has applied the index', async () => {
    const [one, two] = new Cluster(2).nodes as [Node, Node]
    for (let i = 0; i < 3; i++) one.apply(i)
    const answer = two.check.onAsk(one.hash.newest)
    two.apply(0)
    two.apply(1)
    expect(await isSettled(answer)).toBe(false)
    two.apply(2)
    expect(await answer).toEqual({ verdict: 'equal' })
  })

  test('waits so long and no longer', async () => {
    const cluster = new Cluster(1)
    const node = cluster.node(1)
    const first = node.check.onAsk(ahead(1))
    cluster.tick(300)
    const second = node.check.onAsk(ahead(1))
    cluster.tick(199)
    expect(await isSettled(first)).toBe(false)
    cluster.tick(1)
    expect(await isSettled(first)).toBe(true)
    expect(await first).toEqual(UNKNOWN)
    expect(await isSettled(second)).toBe(false)
    cluster.tick(300)
    expect(await second).toEqual(UNKNOWN)
  })

  test('lets so many questions wait and no more', async () => {
    const node = new Cluster(1).node(1)
    const answers = Array.from({ length: 64 }, () => node.check.onAsk(ahead(1)))
    expect(await node.check.onAsk(ahead(1))).toEqual(UNKNOWN)
    node.apply(1)
    const hash = node.hash.value
    expect(await Promise.all(answers)).toEqual(answers.map(() => ({ verdict: 'differs', hash })))
  })

  test('answers from an installed state, and cannot tell of what it has skipped', async () => {
    const cluster = new Cluster(2)
    const [one, two] = cluster.nodes as [Node, Node]
    for (let i = 0; i < 3; i++) one.apply(i)
    const skipped = two.check.onAsk(one.hash.at(2) ?? ahead(2))
    const installed = two.check.onAsk(one.hash.newest)
    two.hash.reset(one.hash.newest)
    two.check.onApplied()
    expect(await skipped).toEqual(UNKNOWN)
    expect(await installed).toEqual({ verdict: 'equal' })
  })

  test('sends everyone away when it stops', async () => {
    const cluster = new Cluster(2)
    const node = cluster.node(1)
    const waiting = node.check.onAsk(ahead(1))
    node.check.stop()
    expect(await waiting).toEqual(UNKNOWN)
    expect(await node.check.onAsk(ahead(1))).toEqual(UNKNOWN)
    cluster.apply(1)
    await cluster.interval()
    expect(cluster.node(2).asked).toEqual([])
  })
})

describe('who is corrupt', () => {
  const differs = (hash: number): HashAnswer => ({ verdict: 'differs', hash })
  const equal: HashAnswer = { verdict: 'equal' }
  const odd = (answers: readonly HashAnswer[]): readonly string[] =>
    oddOnesOut('L', 1, new Map(answers.map((answer, i) => [`p${i}`, answer]))).map(({ id }) => id)

  test.each<readonly [string, readonly HashAnswer[], readonly string[]]>([
    ['nobody when all agree', [equal, equal], []],
    ['nobody when nobody could tell', [UNKNOWN, UNKNOWN], []],
    ['the minority', [equal, differs(2)], ['p1']],
    ['everyone outside the majority', [equal, equal, differs(2), differs(3)], ['p2', 'p3']],
    ['the leader against a majority', [differs(2), differs(2)], ['L']],
    ['the leader and others', [differs(2), differs(2), differs(2), differs(3)], ['L', 'p3']],
    ['who differs from the leader of two', [differs(2)], ['p0']],
    ['who differs from the leader when there is no majority', [differs(2), UNKNOWN], ['p0']],
    ['both when all three differ', [differs(2), differs(3)], ['p0', 'p1']],
    [
      'two of five against a leader alone',
      [differs(2), differs(2), UNKNOWN, UNKNOWN],
      ['p0', 'p1'],
    ],
  ])('%s', (_name, answers, expected) => {
    expect(odd(answers)).toEqual(expected)
  })

  test('a majority that agrees is never named, whatever the others say', () => {
    const answer = fc.oneof(
      fc.constant(equal),
      fc.constant(UNKNOWN),
      fc.integer({ min: 2, max: 4 }).map(differs),
    )
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 6 }), (answers) => {
        const named = new Set(odd(answers))
        const hashes = new Map<number, string[]>([[1, ['L']]])
        for (const [i, { verdict, ...rest }] of answers.entries()) {
          if (verdict === 'unknown') continue
          const hash = 'hash' in rest ? rest.hash : 1
          hashes.set(hash, [...(hashes.get(hash) ?? []), `p${i}`])
        }
        const groups = [...hashes.values()]
        const right = groups.find((ids) => 2 * ids.length > answers.length + 1) ?? groups[0]
        const wrong = groups.filter((ids) => ids !== right).flat()
        expect([...named].sort()).toEqual(wrong.sort())
      }),
    )
  })
})
