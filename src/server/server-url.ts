/**
 * URLs as they stand in flags. The text is kept as it was given (member ids are hashes of it), so
 * this is not the WHATWG parser, which would drop a default port or add a slash.
 */

import { isIP } from 'node:net'

export interface ServerUrl {
  /** A name or an address; an IPv6 address without brackets. Empty when the URL names none. */
  readonly host: string
  readonly port: number
  /** The URL as given. */
  readonly href: string
}

export type ParsedUrls =
  | { readonly ok: true; readonly urls: readonly ServerUrl[] }
  | { readonly ok: false; readonly reason: string }

const URL_FORM = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i
const HOST_PORT = /^(?:\[([^[\]]+)\]|([^[\]:@\s]*)):(\d{1,5})$/

/** A comma-separated list, sorted, without repetitions, at least one. */
export function parseUrls(text: string): ParsedUrls {
  const urls = new Map<string, ServerUrl>()
  for (const part of text.split(',')) {
    const parsed = parseUrl(part.trim())
    if (typeof parsed === 'string') return { ok: false, reason: parsed }
    urls.set(parsed.href, parsed)
  }
  const sorted = [...urls.values()].toSorted((a, b) => (a.href < b.href ? -1 : 1))
  return { ok: true, urls: sorted }
}

/** The URL, or why it is none, in etcd's words. */
function parseUrl(text: string): ServerUrl | string {
  const [, scheme = '', authority = '', rest = ''] = URL_FORM.exec(text) ?? []
  const lowerScheme = scheme.toLowerCase()
  if (['https', 'unix', 'unixs'].includes(lowerScheme)) {
    return `${lowerScheme} URLs are not supported yet: ${text}`
  }
  if (lowerScheme !== 'http') return `URL scheme must be http: ${text}`
  const match = HOST_PORT.exec(authority)
  const port = Number(match?.[3])
  if (match === null || port > 65535) {
    return `URL address does not have the form "host:port": ${text}`
  }
  if (rest !== '') return `URL must not contain a path: ${text}`
  return { host: match[1] ?? match[2] ?? '', port, href: `http://${authority}` }
}

/** True when a listener can be bound without a name server: an address, or localhost. */
export function isBindable(url: ServerUrl): boolean {
  return url.host === 'localhost' || isIP(url.host) !== 0
}

/** The same for two ways to write this machine's loopback address. */
export function comparableUrl(href: string): string {
  return href.replace('//localhost:', '//127.0.0.1:')
}
