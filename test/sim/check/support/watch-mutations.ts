/** What no watch may be told. */

import type { KvEvent, Watch, WatchResponse } from '../history.ts'
import { within } from '../history.ts'
import { findOne, withResponses, type Draft, type Mutation } from './mutation.ts'

const WATCHED = { watches: 6, logs: true, unknown: 0.05 }

/** One event and where it was told. */
interface Told {
  readonly watch: Watch
  readonly response: number
  readonly place: number
  readonly event: KvEvent
}

function toldOf(watch: Watch): Told[] {
  return watch.responses.flatMap(({ events = [] }, response) =>
    events.map((event, place) => ({ watch, response, place, event })),
  )
}

function allTold({ history }: Draft): Told[] {
  return history.watches.flatMap(toldOf)
}

/** The watch's responses with the events of one changed; without it when none are left. */
function withEvents(
  { watch, response }: Told,
  change: (events: KvEvent[]) => KvEvent[],
): WatchResponse[] {
  return watch.responses.flatMap((one, i) => {
    if (i !== response) return [one]
    const events = change([...(one.events ?? [])])
    return events.length === 0 ? [] : [{ ...one, events }]
  })
}

function withEvent(draft: Draft, told: Told, event: KvEvent): ReturnType<Mutation['mutate']> {
  const responses = withEvents(told, (events) => events.with(told.place, event))
  return withResponses(draft.history, told.watch, responses)
}

function inserted(draft: Draft, told: Told, event: KvEvent): ReturnType<Mutation['mutate']> {
  const responses = withEvents(told, (events) => events.toSpliced(told.place, 0, event))
  return withResponses(draft.history, told.watch, responses)
}

export const WATCH_MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a skipped event': {
    kinds: ['watch-gap', 'watch-resume', 'watch-progress'],
    needs: WATCHED,
    mutate: (draft) => {
      const isFollowed = ({ watch, event }: Told): boolean =>
        toldOf(watch).some((one) => one.event.kv.modRevision > event.kv.modRevision)
      const told = findOne(allTold(draft), draft.random, isFollowed)
      if (told === undefined) return undefined
      const responses = withEvents(told, (events) => events.toSpliced(told.place, 1))
      return withResponses(draft.history, told.watch, responses)
    },
  },
  'a skipped first event': {
    kinds: ['watch-resume', 'watch-progress'],
    needs: WATCHED,
    mutate: (draft) => {
      const isFirst = ({ watch, event }: Told): boolean => {
        const all = toldOf(watch)
        const revision = all[0]?.event.kv.modRevision
        const isAlone = all.filter((one) => one.event.kv.modRevision === revision).length === 1
        return isAlone && all.length > 1 && all[0]?.event === event
      }
      const told = findOne(allTold(draft), draft.random, isFirst)
      if (told === undefined) return undefined
      const responses = withEvents(told, (events) => events.slice(1))
      return withResponses(draft.history, told.watch, responses)
    },
  },
  'the last events missing': {
    kinds: ['watch-behind'],
    needs: WATCHED,
    mutate: (draft) => {
      const told = findOne(allTold(draft), draft.random, ({ watch, response }) => {
        if (watch.responses[response - 1]?.fragment) return false
        return watch.end === undefined && response === watch.responses.length - 1
      })
      if (told === undefined) return undefined
      return withResponses(draft.history, told.watch, told.watch.responses.slice(0, -1))
    },
  },
  'a duplicated event': {
    kinds: ['watch-duplicate'],
    needs: WATCHED,
    mutate: (draft) => {
      const told = findOne(allTold(draft), draft.random)
      if (told === undefined) return undefined
      const later = { ...told, response: lastEvents(told.watch) }
      const responses = withEvents(later, (events) => [...events, told.event])
      return withResponses(draft.history, told.watch, responses)
    },
  },
  'two events in the wrong order': {
    kinds: ['watch-order'],
    needs: WATCHED,
    mutate: (draft) => {
      const next = ({ watch, event }: Told): Told | undefined => {
        const all = toldOf(watch)
        return all[all.findIndex((one) => one.event === event) + 1]
      }
      const told = findOne(allTold(draft), draft.random, (one) => next(one) !== undefined)
      const other = told && next(told)
      if (told === undefined || other === undefined) return undefined
      const first = withEvents(told, (events) => events.with(told.place, other.event))
      const again = { ...other, watch: { ...told.watch, responses: first } }
      const both = withEvents(again, (events) => events.with(other.place, told.event))
      return withResponses(draft.history, told.watch, both)
    },
  },
  'a revision split over two responses': {
    kinds: ['watch-split'],
    needs: { ...WATCHED, keys: 5 },
    mutate: (draft) => {
      const told = findOne(allTold(draft), draft.random, ({ watch, response, place, event }) => {
        const { events = [], fragment } = watch.responses[response]!
        return !fragment && events[place + 1]?.kv.modRevision === event.kv.modRevision
      })
      if (told === undefined) return undefined
      const { watch, response, place } = told
      const one = watch.responses[response]!
      const parts = [one.events!.slice(0, place + 1), one.events!.slice(place + 1)]
      const responses = watch.responses.toSpliced(
        response,
        1,
        ...parts.map((events) => ({ ...one, events })),
      )
      return withResponses(draft.history, watch, responses)
    },
  },
  'a wrong previous value': {
    kinds: ['watch-prev-kv'],
    needs: WATCHED,
    mutate: (draft) => {
      const told = findOne(allTold(draft), draft.random, (one) => one.event.prevKv !== undefined)
      if (told === undefined) return undefined
      const { event } = told
      const prevKv = { ...event.prevKv!, value: `${event.prevKv!.value}?` }
      return withEvent(draft, told, { ...event, prevKv })
    },
  },
  'a missing previous value': {
    kinds: ['watch-prev-kv'],
    needs: WATCHED,
    mutate: (draft) => {
      const told = findOne(allTold(draft), draft.random, (one) => one.event.prevKv !== undefined)
      if (told === undefined) return undefined
      const { type, kv } = told.event
      return withEvent(draft, told, { type, kv })
    },
  },
  'a previous value that was not asked for': {
    kinds: ['watch-prev-kv'],
    needs: WATCHED,
    mutate: (draft) => {
      const told = findOne(allTold(draft), draft.random, ({ watch }) => !watch.request.prevKv)
      if (told === undefined) return undefined
      return withEvent(draft, told, { ...told.event, prevKv: { ...told.event.kv, value: 'x' } })
    },
  },
  'an event with another value or create revision': {
    kinds: ['watch-event-differs'],
    needs: WATCHED,
    mutate: (draft) => {
      const told = findOne(allTold(draft), draft.random, ({ event }) => event.type === 'put')
      if (told === undefined) return undefined
      const { event } = told
      const createRevision = draft.random.chance(0.5) ? 1 : event.kv.createRevision
      const value = createRevision === 1 ? event.kv.value : 'another'
      return withEvent(draft, told, { ...event, kv: { ...event.kv, createRevision, value } })
    },
  },
  'an event that was not asked for': {
    kinds: ['watch-filter'],
    needs: WATCHED,
    mutate: (draft) => {
      const outside = ({ watch, event }: Told): KvEvent | undefined => {
        const { request } = watch
        const changes = draft.order.log[event.kv.modRevision - 1] ?? []
        return changes.find(({ type, kv }) => {
          const isFiltered = type === 'put' ? request.noPut : request.noDelete
          return !within(request, kv.key) || isFiltered === true
        })
      }
      const told = findOne(allTold(draft), draft.random, (one) => outside(one) !== undefined)
      if (told === undefined) return undefined
      const { type, kv } = outside(told)!
      return inserted(draft, told, { type, kv })
    },
  },
  'an event below the start': {
    kinds: ['watch-below-start'],
    needs: WATCHED,
    mutate: (draft) => {
      const below = ({ watch }: Told): KvEvent | undefined => {
        const start = watch.request.startRevision ?? watch.responses[0]!.revision + 1
        const all = draft.order.log.flat().filter(({ kv }) => within(watch.request, kv.key))
        return all.findLast(({ kv }) => kv.modRevision < start)
      }
      const firsts = allTold(draft).filter(({ watch, event }) => toldOf(watch)[0]?.event === event)
      const told = findOne(firsts, draft.random, (one) => below(one) !== undefined)
      if (told === undefined) return undefined
      const { type, kv } = below(told)!
      return inserted(draft, told, { type, kv })
    },
  },
  'progress below the start': {
    kinds: ['watch-below-start'],
    needs: WATCHED,
    mutate: (draft) => {
      const started = allTold(draft).filter(({ watch }) => (watch.request.startRevision ?? 0) > 2)
      const told = findOne(started, draft.random)
      if (told === undefined) return undefined
      const { watch } = told
      const [created, ...rest] = watch.responses
      const revision = watch.request.startRevision! - 2
      const below: WatchResponse = { at: created!.at, revision, type: 'progress' }
      return withResponses(draft.history, watch, [created!, below, ...rest])
    },
  },
  'progress ahead of the events': {
    kinds: ['watch-progress'],
    needs: WATCHED,
    mutate: (draft) => {
      const told = findOne(allTold(draft), draft.random)
      if (told === undefined) return undefined
      const { watch, response } = told
      const { at } = watch.responses[response]!
      const revision = told.event.kv.modRevision
      const early: WatchResponse = { at, revision, type: 'progress' }
      return withResponses(draft.history, watch, watch.responses.toSpliced(response, 0, early))
    },
  },
  'progress going back': {
    kinds: ['watch-progress'],
    needs: WATCHED,
    mutate: (draft) => {
      const told = findOne(allTold(draft), draft.random, ({ event }) => event.kv.modRevision > 2)
      if (told === undefined) return undefined
      const { watch, response } = told
      const { at } = watch.responses[response]!
      const revision = told.event.kv.modRevision - 1
      const back: WatchResponse = { at, revision, type: 'progress' }
      return withResponses(draft.history, watch, watch.responses.toSpliced(response + 1, 0, back))
    },
  },
  'an event that never was': {
    kinds: ['watch-phantom'],
    needs: WATCHED,
    mutate: (draft) => {
      const wide = allTold(draft).filter(({ watch }) => within(watch.request, 'kzz'))
      const told = findOne(wide, draft.random)
      if (told === undefined) return undefined
      const { modRevision } = told.event.kv
      const kv = { key: 'kzz', value: 'x', createRevision: modRevision, modRevision, version: 1 }
      return inserted(draft, told, { type: 'put', kv })
    },
  },
  'an end by a compaction that was not': {
    kinds: ['watch-compacted'],
    needs: WATCHED,
    mutate: (draft) => {
      const told = findOne(allTold(draft), draft.random)
      if (told === undefined) return undefined
      const { at, revision } = told.watch.responses[told.response]!
      const compactRevision = revision + 5
      const end: WatchResponse = { at, revision: 0, type: 'canceled', compactRevision }
      return withResponses(draft.history, told.watch, [...told.watch.responses, end])
    },
  },
  'an end by a compaction of what it has': {
    kinds: ['watch-compacted'],
    needs: { ...WATCHED, compactions: true },
    mutate: (draft) => {
      const done = ({ watch, response, event }: Told): number => {
        const { at } = watch.responses[response]!
        const revision = draft.order.compactions.possibleAt(at)
        return revision <= event.kv.modRevision + 1 ? revision : 0
      }
      const told = findOne(allTold(draft), draft.random, (one) => done(one) > 0)
      if (told === undefined) return undefined
      const { watch, response } = told
      const { at } = watch.responses[response]!
      const end: WatchResponse = { at, revision: 0, type: 'canceled', compactRevision: done(told) }
      return withResponses(draft.history, watch, [...watch.responses.slice(0, response + 1), end])
    },
  },
  'an event after the end': {
    kinds: ['watch-protocol'],
    needs: WATCHED,
    mutate: (draft) => {
      const told = findOne(allTold(draft), draft.random)
      if (told === undefined) return undefined
      const { watch, response } = told
      const { at, revision } = watch.responses[response]!
      const end: WatchResponse = { at, revision, type: 'canceled' }
      return withResponses(draft.history, watch, watch.responses.toSpliced(response, 0, end))
    },
  },
  'an event before created': {
    kinds: ['watch-protocol'],
    needs: WATCHED,
    mutate: (draft) => {
      const told = findOne(allTold(draft), draft.random, ({ response }) => response === 1)
      if (told === undefined) return undefined
      const [created, events, ...rest] = told.watch.responses
      return withResponses(draft.history, told.watch, [events!, created!, ...rest])
    },
  },
}

function lastEvents(watch: Watch): number {
  return watch.responses.findLastIndex(({ type }) => type === 'events')
}
