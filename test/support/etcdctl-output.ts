/**
 * What etcdctl printed, without what is each server's own: its addresses, its term, its log, its
 * sizes and its release. The rest of two outputs must be equal.
 */

import type { EtcdctlResult } from './etcdctl.ts'
import { loadMethods } from './grpc-client.ts'
import type { Message } from './grpc-client.ts'

export interface OutputRules {
  /** Texts that are the server's own, with the name each is compared by. */
  readonly names: ReadonlyMap<string, string>
  /** Whether the reference knows the `hash_revision` of a HashKV answer. */
  readonly hasHashRevision: boolean
  readonly isJson: boolean
  /** The method whose response `-w protobuf` printed. */
  readonly protobuf?: string
}

export function comparableOutput(result: EtcdctlResult, rules: OutputRules): unknown {
  const stderr = result.stderr
    .split('\n')
    .filter((line) => !line.startsWith('{')) // the client library's log, with times in it
    .map((line) => comparableLine(line, rules))
  const answer = result.code === 0 ? comparableAnswer(result.stdout, rules) : ''
  return { code: result.code, stderr, answer }
}

function comparableAnswer(stdout: Buffer, rules: OutputRules): unknown {
  if (rules.protobuf !== undefined) {
    return comparableTree(loadMethods().get(rules.protobuf)?.responseDeserialize(stdout), rules)
  }
  const text = stdout.toString('utf8')
  if (rules.isJson) return comparableTree(JSON.parse(withNames(text, rules)), rules)
  return text.split('\n').map((line) => comparableLine(line, rules))
}

const OWN_FIELDS = new Set([
  'raft_term',
  'raftTerm',
  'raftIndex',
  'raftAppliedIndex',
  'version',
  'storageVersion',
  'dbSize',
  'dbSizeInUse',
  'dbSizeQuota',
  'downgradeInfo',
  'took',
])

function comparableTree(value: unknown, rules: OutputRules): unknown {
  if (Array.isArray(value)) return value.map((element) => comparableTree(element, rules))
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  const kept: Message = {}
  const isStatus = 'dbSize' in value
  for (const [name, field] of Object.entries(value)) {
    // "version" of a key is compared; "version" of a Status is not.
    if (OWN_FIELDS.has(name) && (name !== 'version' || isStatus)) continue
    if (name === 'hash_revision' && !rules.hasHashRevision) continue
    kept[name] = comparableTree(field, rules)
  }
  return kept
}

const OWN_LINE =
  /"(RaftTerm|RaftIndex|RaftAppliedIndex|DBSize|DBSizeInUse|DBSizeQuota|StorageVersion|DowngradeTargetVersion|DowngradeEnabled)"\s*: .*/i

function comparableLine(line: string, rules: OutputRules): string {
  if (!rules.hasHashRevision && /"HashRevision"/i.test(line)) return ''
  return withNames(line, rules)
    .replace(OWN_LINE, '$1')
    .replace(/"Version" : "[\d.]+"/, 'VERSION')
    .replace(/took = .*/, 'TOOK')
    .replace(/took [\d.]+m?s/, 'TOOK')
    .replaceAll(/\b\d+(\.\d+)?[mµ]?s\b/g, 'TIME')
    .replaceAll(/\b\d+\.\d+\.\d+\b(?!\.)/g, 'VERSION')
    .replaceAll(/\b\d+(\.\d+)? [kMG]?B\b/g, 'SIZE')
    .replaceAll(/\b\d+%/g, 'PERCENT')
    .replace(/(true|false), (true|false), \d+, \d+, \d+, /, '$1, $2, TERM, INDEX, APPLIED, ')
    .replace(
      /(true|false) \|\s+(true|false) \|\s+\d+ \|\s+\d+ \|\s+\d+ \|/,
      '$1 | $2 | TERM | INDEX | APPLIED |',
    )
    .replaceAll(/-{2,}/g, '-')
    .replaceAll(/ {2,}/g, ' ')
}

function withNames(text: string, { names }: OutputRules): string {
  let named = text
  for (const [own, name] of names) named = named.replaceAll(own, name)
  return named
}
