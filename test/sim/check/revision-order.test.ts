import { expect, test } from 'vitest'
import { EMPTY_HISTORY, type History, type KvEvent, type Operation } from './history.ts'
import { checkRevisionOrder } from './revision-order.ts'

const EVERYTHING = { key: '\0', rangeEnd: '\0', startRevision: 1 } as const

function put(id: number, value: string, revision: number): Operation {
  return {
    id,
    client: 'c1',
    member: 'm1',
    calledAt: 10 * id,
    returnedAt: 10 * id + 5,
    request: { type: 'put', key: 'a', value },
    outcome: { type: 'ok', revision, result: { type: 'put' } },
  }
}

function lostDelete(id: number): Operation {
  const outcome = { type: 'unknown' } as const
  return { ...put(id, '', 0), calledAt: 1, request: { type: 'delete', key: 'a' }, outcome }
}

function putEvent(value: string, revision: number): KvEvent {
  const kv = { key: 'a', value, createRevision: revision, modRevision: revision, version: 1 }
  return { type: 'put', kv }
}

function deleteEvent(revision: number): KvEvent {
  const kv = { key: 'a', value: '', createRevision: 0, modRevision: revision, version: 0 }
  return { type: 'delete', kv }
}

/** Each list of events as one watch of everything was told it, all at once and at the end. */
function told(operations: Operation[], ...lists: KvEvent[][]): History {
  const watches = lists.map((events, id) => ({
    id,
    client: 'w',
    member: 'm1',
    calledAt: 0,
    request: EVERYTHING,
    responses: [
      { at: 0, revision: 1, type: 'created' as const },
      ...events.map((event, i) => {
        const { modRevision: revision } = event.kv
        return { at: 100 + i, revision, type: 'events' as const, events: [event] }
      }),
    ],
  }))
  return { ...EMPTY_HISTORY, operations, watches }
}

const TWICE_DELETED = [putEvent('x', 2), deleteEvent(3), putEvent('y', 4), deleteEvent(5)]

test('a delete of unknown outcome explains one revision, not two', () => {
  const puts = [put(1, 'x', 2), put(2, 'y', 4)]
  const two = told([...puts, lostDelete(3), lostDelete(4)], TWICE_DELETED)
  expect(checkRevisionOrder(two).violations).toEqual([])
  const one = told([...puts, lostDelete(3)], TWICE_DELETED)
  const { violations } = checkRevisionOrder(one)
  expect(violations.map(({ kind, operations }) => [kind, operations])).toEqual([
    ['applied-twice', [3]],
  ])
})

test('of what watches say about a revision nobody was answered, most are believed', () => {
  const unknown = { type: 'unknown' } as const
  const lost: Operation = { ...put(1, 'x', 0), outcome: unknown }
  const wrong = [putEvent('z', 2)]
  const right = [putEvent('x', 2)]
  expect(checkRevisionOrder(told([lost], wrong, right, right)).violations).toEqual([])
  const { violations } = checkRevisionOrder(told([lost], wrong, wrong, right))
  expect(violations.map(({ kind }) => kind)).toEqual(['unexplained-write'])
})
