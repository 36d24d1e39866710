/** The YAML (or JSON) file of settings. Its keys are the names of the flags. */

import { parse as parseYaml } from 'yaml'
import { isFlagName } from './flags.ts'
import { UNSUPPORTED_FLAGS } from './unsupported-flags.ts'

export type ConfigFile =
  | { readonly ok: true; readonly given: ReadonlyMap<string, GivenInFile> }
  | { readonly ok: false; readonly message: string }

export interface GivenInFile {
  readonly value: string
  /** The key as it stands in the file, for messages. */
  readonly key: string
}

/** The two nested sections, and the flags that their keys stand for. */
const SECTIONS: Readonly<Record<string, (key: string) => string>> = {
  'client-transport-security': clientSecurityFlag,
  'peer-transport-security': peerSecurityFlag,
}

/** Keys that exist in a file alone. */
const FILE_ONLY_KEYS: Readonly<Record<string, string>> = {
  'experimental-snapshot-catch-up-entries': 'experimental-snapshot-catchup-entries',
}

/** `name` is for messages, `text` the content. Values are not checked here. */
export function readConfigFile(name: string, text: string): ConfigFile {
  let content: unknown
  try {
    content = parseYaml(text, { logLevel: 'error' })
  } catch (error) {
    const [line] = error instanceof Error ? error.message.split('\n') : [String(error)]
    return { ok: false, message: `${name} is not valid YAML: ${line}` }
  }
  if (content === null) return { ok: true, given: new Map() }
  if (!isMapping(content)) return { ok: false, message: `${name} is not a list of key: value` }
  const given = new Map<string, GivenInFile>()
  for (const [key, value] of flatten(content)) {
    if (value === null || value === undefined) continue
    const flag = flagOf(key)
    if (flag === undefined) return { ok: false, message: `unknown key ${key} in ${name}` }
    const valueText = asText(value)
    if (valueText === undefined) {
      return { ok: false, message: `invalid value for ${key} in ${name}: expected plain text` }
    }
    given.set(flag, { value: valueText, key })
  }
  return { ok: true, given }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Keys of a section get its name in front: `client-transport-security.cert-file`. */
function flatten(content: Record<string, unknown>): [key: string, value: unknown][] {
  return Object.entries(content).flatMap(([key, value]): [string, unknown][] =>
    Object.hasOwn(SECTIONS, key) && isMapping(value)
      ? Object.entries(value).map(([inner, innerValue]) => [`${key}.${inner}`, innerValue])
      : [[key, value]],
  )
}

function flagOf(key: string): string | undefined {
  const dot = key.indexOf('.')
  const section = SECTIONS[key.slice(0, Math.max(dot, 0))]
  const inner = section?.(key.slice(dot + 1))
  const flag = inner ?? FILE_ONLY_KEYS[key] ?? key
  if (flag === 'config-file') return undefined
  return isFlagName(flag) || Object.hasOwn(UNSUPPORTED_FLAGS, flag) ? flag : undefined
}

function clientSecurityFlag(key: string): string {
  return key === 'allowed-hostname' ? 'client-cert-allowed-hostname' : key
}

function peerSecurityFlag(key: string): string {
  return key.startsWith('allowed-') ? `peer-cert-${key}` : `peer-${key}`
}

/** A list, as of log-outputs, is the same as its elements between commas. */
function asText(value: unknown): string | undefined {
  if (Array.isArray(value)) {
    const parts = value.map(asText)
    return parts.includes(undefined) ? undefined : parts.join(',')
  }
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return String(value)
    default:
      return undefined
  }
}
