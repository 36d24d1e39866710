/**
 * What --initial-cluster says, and whether a member without a data directory could start from it.
 * A member with one never looks at it, as in etcd: it may have grown old, or be left out.
 */

import type { ClusterState } from './flags.ts'
import { comparableUrl, parseUrls, type ServerUrl } from './server-url.ts'

export interface InitialMember {
  readonly name: string
  /** Sorted, as given. */
  readonly peerUrls: readonly string[]
}

export type InitialCluster =
  /** This member is among them, once. `given` is false for the default, which names it alone. */
  | { readonly ok: true; readonly members: readonly InitialMember[]; readonly given: boolean }
  /** Why a new data directory cannot be started with it, in one sentence. */
  | { readonly ok: false; readonly message: string }

/** What else the settings say of this member. */
export interface InitialSettings {
  readonly name: string
  readonly state: ClusterState
  readonly advertisedPeerUrls: readonly ServerUrl[]
}

/** Whom etcd believes in the cluster when --name is empty; such a member does not start. */
const DEFAULT_NAME = 'default'

/** `text` is the flag's value and `label` its name for messages. */
export function readInitialCluster(
  text: string,
  label: string,
  settings: InitialSettings,
): InitialCluster {
  const parsed = parseMembers(text)
  if (!parsed.ok) {
    return { ok: false, message: `invalid value "${text}" for ${label}: ${parsed.reason}` }
  }
  return checkMembers(parsed.members, settings, true)
}

/** The cluster of a member that was told of no other. */
export function loneInitialCluster(settings: InitialSettings): InitialCluster {
  const peerUrls = settings.advertisedPeerUrls.map((url) => url.href)
  return checkMembers([{ name: settings.name || DEFAULT_NAME, peerUrls }], settings, false)
}

function checkMembers(
  members: readonly InitialMember[],
  settings: InitialSettings,
  given: boolean,
): InitialCluster {
  const problem = findProblem(members, settings)
  return problem === undefined ? { ok: true, members, given } : { ok: false, message: problem }
}

type ParsedMembers =
  | { readonly ok: true; readonly members: readonly InitialMember[] }
  | { readonly ok: false; readonly reason: string }

/** `a=http://10.0.0.1:2380,a=http://10.0.0.2:2380,b=…`; a name may come several times. */
function parseMembers(text: string): ParsedMembers {
  const urlsByName = new Map<string, string[]>()
  for (const part of text.split(',').filter((part) => part !== '')) {
    const [, name = '', url = ''] = /^([^=]*)=?(.*)$/.exec(part) ?? []
    const known = urlsByName.get(name)
    if (known === undefined) urlsByName.set(name, [url])
    else known.push(url)
  }
  const members: InitialMember[] = []
  for (const [name, urls] of urlsByName) {
    const parsed = parseUrls(urls.join(','))
    if (!parsed.ok) return parsed
    members.push({ name, peerUrls: parsed.urls.map((url) => url.href) })
  }
  return { ok: true, members }
}

/** Who joins has told the cluster its URLs before: they are compared with that, not with the flag. */
function findProblem(
  members: readonly InitialMember[],
  settings: InitialSettings,
): string | undefined {
  const self = members.find((member) => member.name === settings.name)
  if (self === undefined) {
    return `couldn't find local name "${settings.name}" in the initial cluster configuration`
  }
  const mismatch =
    settings.state === 'new' ? findMismatch(self, settings.advertisedPeerUrls) : undefined
  if (mismatch !== undefined) return mismatch
  const urls = members.flatMap((member) => member.peerUrls)
  if (new Set(urls).size < urls.length) {
    return `initial cluster ${showMembers(members)} has duplicate url`
  }
  return undefined
}

/** How the URLs of `self` in the list differ from those it advertises. */
function findMismatch(self: InitialMember, advertised: readonly ServerUrl[]): string | undefined {
  const inCluster = new Set(self.peerUrls.map(comparableUrl))
  const inAdvertised = new Set(advertised.map((url) => comparableUrl(url.href)))
  const notAdvertised = self.peerUrls.filter((url) => !inAdvertised.has(comparableUrl(url)))
  if (notAdvertised.length > 0) {
    const shown = showMembers([{ name: self.name, peerUrls: notAdvertised }])
    return (
      `--initial-cluster has ${shown} but missing from ` +
      `--initial-advertise-peer-urls=${showUrls(advertised)}`
    )
  }
  const notInCluster = advertised.filter((url) => !inCluster.has(comparableUrl(url.href)))
  if (notInCluster.length > 0) {
    return (
      `--initial-advertise-peer-urls has ${showUrls(notInCluster)} but missing from ` +
      `--initial-cluster=${showMembers([self])}`
    )
  }
  return undefined
}

function showMembers(members: readonly InitialMember[]): string {
  return members
    .flatMap((member) => member.peerUrls.map((url) => `${member.name}=${url}`))
    .toSorted()
    .join(',')
}

function showUrls(urls: readonly ServerUrl[]): string {
  return urls.map((url) => url.href).join(',')
}
