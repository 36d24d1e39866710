/** Hands one revision to the watchers of a group that it concerns: each gets all of it at once. */

import type { RevisionEvents } from './recent-revisions.ts'
import type { EncodedEvents, PreviousVersions, WatchEvent } from './watch-event.ts'
import type { Watcher } from './watcher.ts'
import type { WatcherGroup } from './watcher-group.ts'

/** Returns how many were offered something; `onRefused` gets those whose stream has no room. */
export function deliverRevision(
  group: WatcherGroup,
  { revision, events }: RevisionEvents,
  store: PreviousVersions,
  onRefused: (watcher: Watcher) => void,
): number {
  const [event] = events
  if (event === undefined) return 0
  if (events.length > 1) return deliverSeveral(group, revision, events, store, onRefused)
  let offered = 0
  for (const watcher of group.matching(event.key)) {
    if (revision < watcher.next || !watcher.wants(event)) continue
    offered++
    const encoded = encodedFor(watcher, event, store)
    if (!watcher.stream.offer(watcher, encoded, revision)) onRefused(watcher)
  }
  return offered
}

function deliverSeveral(
  group: WatcherGroup,
  revision: number,
  events: readonly WatchEvent[],
  store: PreviousVersions,
  onRefused: (watcher: Watcher) => void,
): number {
  const byWatcher = new Map<Watcher, Uint8Array[]>()
  for (const event of events) {
    for (const watcher of group.matching(event.key)) {
      if (revision < watcher.next || !watcher.wants(event)) continue
      const encoded = encodedFor(watcher, event, store)
      const known = byWatcher.get(watcher)
      if (known === undefined) byWatcher.set(watcher, [...encoded])
      else known.push(...encoded)
    }
  }
  for (const [watcher, encoded] of byWatcher) {
    if (!watcher.stream.offer(watcher, encoded, revision)) onRefused(watcher)
  }
  return byWatcher.size
}

function encodedFor(watcher: Watcher, event: WatchEvent, store: PreviousVersions): EncodedEvents {
  return watcher.options.withPrevious ? event.withPrevious(store) : event.plain()
}
