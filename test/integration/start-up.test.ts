/** Starting, and not starting: what the process says and with which code it ends. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { GrpcClient } from '../support/grpc-client.ts'
import { findEtcd, isMissing, programOf, suiteName } from '../support/programs.ts'
import { serverArguments, TestBed } from '../support/test-bed.ts'
import { WriteLoad, lostWrites } from '../support/write-load.ts'

const etcd = findEtcd()

describe('the command line', () => {
  const bed = new TestBed()
  afterAll(() => bed.cleanUp())

  it('--version tells a version of etcd’s first, on standard output', async () => {
    const { result, child } = await bed.runQuorate(['--version'])
    expect(result.code).toBe(0)
    expect(child.stdout.toString()).toMatch(/^etcd Version: 3\.6\.\d+\n/)
  })

  it('--help tells the flags', async () => {
    const { result, child } = await bed.runQuorate(['--help'])
    expect(result.code).toBe(0)
    for (const flag of ['--name', '--data-dir', '--listen-client-urls', '--quota-backend-bytes']) {
      expect(child.output).toContain(flag)
    }
  })

  it.each([
    [['--no-such-flag']],
    [['--quota-backend-bytes', 'many']],
    [['--heartbeat-interval=fast']],
    [['--listen-client-urls', 'nonsense']],
  ])('%j ends with code 2 and names the flag', async (args) => {
    const { result, child } = await bed.runQuorate(args)
    expect(result.code).toBe(2)
    expect(child.output).toContain((args[0] ?? '').replace(/^--|=.*$/g, ''))
  })

  it.each([
    ['an election timeout below five heartbeats', 2, ['--election-timeout', '400'], /election/i],
    // Found when there turns out to be no data directory yet.
    [
      'an advertised peer URL outside the cluster',
      1,
      ['--initial-cluster', 'x=http://h:1'],
      /couldn't find local name/,
    ],
  ])('%s ends with code %i and a sentence', async (_, code, more, sentence) => {
    const { args } = await serverArguments(bed.temporaryDirectory(), { args: more })
    const { result, child } = await bed.runQuorate(args)
    expect(result.code).toBe(code)
    expect(child.output).toMatch(sentence)
    expect(child.output).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m) // no stack trace
  })

  it('a flag may come from the environment, and not from both', async () => {
    const node = await bed.startQuorate({ env: { ETCD_MAX_TXN_OPS: '2' } })
    const client = new GrpcClient(node.endpoint)
    const op = { request_range: { key: Buffer.from('a') } }
    await client.ok('KV.Txn', { success: [op, op] })
    expect(await client.call('KV.Txn', { success: [op, op, op] })).toMatchObject({ code: 3 })
    client.close()
    await node.stop()
    const { args } = await serverArguments(bed.temporaryDirectory())
    const { result, child } = await bed.runQuorate(args, { ETCD_NAME: 'other' })
    expect(result.code).toBe(2)
    expect(child.output).toContain('ETCD_NAME')
  })
})

describe('a start that must fail', () => {
  const bed = new TestBed()
  afterAll(() => bed.cleanUp())

  it('a client port that is taken: code 1, and the address is told', async () => {
    const node = await bed.startQuorate()
    const taken = ['--listen-client-urls', node.clientUrl]
    const { args } = await serverArguments(bed.temporaryDirectory(), { args: taken })
    const { result, child } = await bed.runQuorate(args)
    expect(result.code).toBe(1)
    expect(child.output).toMatch(/already in use/)
    expect(child.output).toContain(node.endpoint)
    await node.stop()
  })

  it('a data folder that another process uses: code 1, and the first one is not disturbed', async () => {
    const node = await bed.startQuorate()
    const { args } = await serverArguments(node.dataDirectory)
    const { result, child } = await bed.runQuorate(args)
    expect(result.code).toBe(1)
    expect(child.output).toMatch(/in use|locked|another process/i)
    expect(child.output).toContain(node.dataDirectory)
    const client = new GrpcClient(node.endpoint)
    await client.ok('KV.Put', { key: Buffer.from('still'), value: Buffer.from('here') })
    client.close()
    expect((await node.stop()).code).toBe(0)
  })

  it('a data folder laid out like etcd’s is refused and left as it is', async () => {
    const dataDirectory = bed.temporaryDirectory()
    const wal = join(dataDirectory, 'member', 'wal')
    mkdirSync(wal, { recursive: true })
    mkdirSync(join(dataDirectory, 'member', 'snap'))
    writeFileSync(join(wal, '0000000000000000-0000000000000000.wal'), 'x')
    writeFileSync(join(dataDirectory, 'member', 'snap', 'db'), 'x')
    await expectRefusal(dataDirectory)
    expect(existsSync(join(wal, '0000000000000000-0000000000000000.wal'))).toBe(true)
  })

  it.skipIf(isMissing(etcd))(
    suiteName('a real etcd’s data folder is refused, and etcd can still use it', etcd),
    async () => {
      const first = await bed.startEtcd(programOf(etcd))
      const client = new GrpcClient(first.endpoint)
      await client.ok('KV.Put', { key: Buffer.from('mine'), value: Buffer.from('1') })
      client.close()
      await first.stop()
      await expectRefusal(first.dataDirectory)
      const second = await bed.startEtcd(programOf(etcd), { dataDirectory: first.dataDirectory })
      const clientAgain = new GrpcClient(second.endpoint)
      expect((await clientAgain.ok('KV.Range', { key: Buffer.from('mine') }))['count']).toBe('1')
      clientAgain.close()
      await second.stop()
    },
  )

  async function expectRefusal(dataDirectory: string): Promise<void> {
    const { args } = await serverArguments(dataDirectory)
    const { result, child } = await bed.runQuorate(args)
    expect(result.code).toBe(1)
    expect(child.output).toContain(dataDirectory)
    expect(child.output).toMatch(/etcd|not .*(created|written) by|unknown|foreign/i)
  }

  it('a data folder that is a file: code 1', async () => {
    const file = join(bed.temporaryDirectory(), 'file')
    writeFileSync(file, 'x')
    const { args } = await serverArguments(file)
    const { result, child } = await bed.runQuorate(args)
    expect(result.code).toBe(1)
    expect(child.output).toContain(file)
  })
})

const smallDisk = probeSmallDisk()
if (!smallDisk.ok) console.warn(`skipped: a disk that is full: ${smallDisk.reason}`)

describe.skipIf(!smallDisk.ok)(
  smallDisk.ok ? 'a disk that is full' : `a disk that is full (skipped: ${smallDisk.reason})`,
  () => {
    const bed = new TestBed()
    let folder: string | undefined
    afterAll(async () => {
      await bed.killAll()
      if (folder !== undefined) execFileSync('umount', [folder])
      await bed.cleanUp()
    })

    it('ends the process with a sentence; once there is room it starts with nothing lost', async () => {
      folder = bed.temporaryDirectory()
      mountSmallDisk(folder)
      const ballast = join(folder, 'ballast')
      writeFileSync(ballast, Buffer.alloc(44 * 1024 * 1024))
      const dataDirectory = join(folder, 'data')
      const node = await bed.startQuorate({ dataDirectory })
      const client = new GrpcClient(node.endpoint)
      const load = new WriteLoad(client, { writers: 8, round: 'full', valueBytes: 20_000 })
      const { code, signal } = await node.child.waitForExit(60_000)
      await load.end()
      client.close()
      expect({ code, signal }).toEqual({ code: 1, signal: null })
      expect(node.child.output).toMatch(/no space left on device|ENOSPC|disk is full/i)
      expect(load.acknowledged.length).toBeGreaterThan(50)

      rmSync(ballast)
      const again = await bed.startQuorate({ dataDirectory })
      const clientAgain = new GrpcClient(again.endpoint)
      expect(await lostWrites(clientAgain, load.acknowledged)).toEqual([])
      await clientAgain.ok('KV.Put', { key: Buffer.from('after'), value: Buffer.from('1') })
      clientAgain.close()
      const end = await again.stop()
      expect({ code: end.code, log: again.child.tail(3) }).toMatchObject({ code: 0 })
    }, 90_000)
  },
)

/** A file system of 64 MiB in memory. */
function mountSmallDisk(folder: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder], { stdio: 'pipe' })
}

/** Whether this process has the right to mount. */
function probeSmallDisk(): { ok: true } | { ok: false; reason: string } {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-test-'))
  try {
    mountSmallDisk(folder)
    execFileSync('umount', [folder])
    return { ok: true }
  } catch (error) {
    const text = error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error)
    return { ok: false, reason: `cannot mount a small file system: ${text}` }
  } finally {
    rmdirSync(folder)
  }
}
