/**
 * A server started on a data directory of which one file is damaged, again and again: it serves
 * exactly what was acknowledged, or ends with one sentence. Anything else is a finding.
 */

import { cpSync, existsSync, mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Draws } from '../../sim/draws.ts'
import { Child } from '../../support/child-process.ts'
import { freePort } from '../../support/free-port.ts'
import { GrpcClient, type Message } from '../../support/grpc-client.ts'
import { serverCommand } from '../../support/programs.ts'
import { READY } from '../../support/test-bed.ts'
import { damageOne } from './damaged-files.ts'

export interface ServerOutcome {
  readonly outcome: 'whole' | 'refused' | 'wrong'
  /** What was damaged. */
  readonly what: string
  /** What the server said at its end, or what is wrong. */
  readonly sentence: string
}

/** A data directory as a server left it, and what it had acknowledged. */
export interface Original {
  readonly directory: string
  readonly content: string
}

const READY_TIMEOUT_MS = 60_000
const FLAGS = ['--snapshot-count', '100', '--snapshot-catchup-entries', '30']
const CALL = { deadlineMs: 30_000 }

/** Puts, deletes, transactions, a compaction, several checkpoints; killed, or ended in order. */
export async function original(isKilled: boolean): Promise<Original> {
  const directory = mkdtempSync(join(scratch(), 'quorate-original-'))
  let server = await start(directory)
  await write(server.client, 0, 500)
  await server.client.ok('KV.Compact', { revision: '200' })
  await server.child.stop()
  server.client.close()
  server = await start(directory)
  await write(server.client, 500, 250)
  const content = await contentOf(server.client)
  if (isKilled) await server.child.kill9()
  else await server.child.stop()
  server.client.close()
  return { directory, content }
}

export async function startDamaged(from: Original, seed: number): Promise<ServerOutcome> {
  const directory = mkdtempSync(join(scratch(), 'quorate-damaged-'))
  try {
    cpSync(from.directory, directory, { recursive: true })
    const { what } = await damageOne(join(directory, 'member'), new Draws(seed, 'damage'))
    return { what, ...(await lookAt(directory, from.content)) }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function lookAt(
  directory: string,
  content: string,
): Promise<Pick<ServerOutcome, 'outcome' | 'sentence'>> {
  const server = await start(directory).catch((error: unknown) => String(error))
  if (typeof server === 'string') return { outcome: 'wrong', sentence: server }
  const { child, client } = server
  try {
    if (!child.running) return refusal(child.output, (await child.exited).code)
    const found = await contentOf(client).catch((error: unknown) => String(error))
    // What it reads late it may find damaged late.
    if (!child.running) return refusal(child.output, (await child.exited).code)
    if (found !== content) return { outcome: 'wrong', sentence: difference(content, found) }
    await write(client, 1000, 3)
    return { outcome: 'whole', sentence: '' }
  } catch (error) {
    return { outcome: 'wrong', sentence: String(error) }
  } finally {
    client.close()
    await child.kill9().catch(() => undefined)
  }
}

/** The only good end: exit code 1 and one error, whose sentence says what is wrong with the data. */
function refusal(output: string, code: number | null): Pick<ServerOutcome, 'outcome' | 'sentence'> {
  const errors = output.split('\n').filter((line) => line.includes('"level":"error"'))
  const [last = output.slice(-500)] = errors.slice(-1)
  const isClear = /"msg":"[^"]*(is|are) (corrupt|missing)/.test(last)
  const isGood = code === 1 && errors.length === 1 && isClear && !last.includes('"stack"')
  return { outcome: isGood ? 'refused' : 'wrong', sentence: `exit ${code}: ${last.slice(0, 600)}` }
}

async function start(directory: string): Promise<{ child: Child; client: GrpcClient }> {
  const [program, ...first] = serverCommand()
  const clientUrl = `http://127.0.0.1:${await freePort()}`
  const peerUrl = `http://127.0.0.1:${await freePort()}`
  const child = new Child(program, [
    ...first,
    ...['--data-dir', directory, ...FLAGS],
    ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
    ...['--listen-peer-urls', peerUrl],
  ])
  const kill = (): void => child.signal('SIGKILL')
  process.once('exit', kill)
  void child.exited.finally(() => process.removeListener('exit', kill)).catch(() => undefined)
  await child.waitForOutput(READY, READY_TIMEOUT_MS).catch((error: unknown) => {
    if (!child.running) return
    child.signal('SIGKILL')
    throw error
  })
  return { child, client: new GrpcClient(new URL(clientUrl).host) }
}

async function write(client: GrpcClient, from: number, count: number): Promise<void> {
  for (let n = from; n < from + count; n++) {
    const key = Buffer.from(`key/${n % 70}`)
    if (n % 11 === 5) await client.ok('KV.DeleteRange', { key }, CALL)
    else await client.ok('KV.Put', { key, value: Buffer.from(`${n} `.padEnd(80, '.')) }, CALL)
  }
}

/** All keys with their revisions, and the revision, as text. */
async function contentOf(client: GrpcClient): Promise<string> {
  const all = { key: Buffer.from('\0'), range_end: Buffer.from('\0') }
  const { header, kvs } = await client.ok('KV.Range', all, CALL)
  const lines = (kvs as Message[]).map((kv) => {
    const { key, value, create_revision: made, mod_revision: changed, version } = kv
    return `${String(key)}=${String(value)} ${made} ${changed} ${version}`
  })
  return [`revision ${header.revision}`, ...lines].join('\n')
}

function difference(wanted: string, found: string): string {
  const has = new Set(found.split('\n'))
  const missing = wanted.split('\n').filter((line) => !has.has(line))
  return `missing: ${missing.slice(0, 3).join('; ')}; found: ${found.slice(0, 200)}`
}

function scratch(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
}
