/** The npm client etcd3, which other people's programs use, against this server. */

import { Etcd3 } from 'etcd3'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { TestBed } from '../support/test-bed.ts'

describe('the etcd3 client', () => {
  const bed = new TestBed()
  let client: Etcd3

  beforeAll(async () => {
    const node = await bed.startQuorate()
    client = new Etcd3({ hosts: node.clientUrl })
  })
  beforeEach(async () => {
    await client.delete().all()
  })
  afterAll(async () => {
    client.close()
    await bed.cleanUp()
  })

  it('a value that was put is read back as string, number, JSON and bytes', async () => {
    await client.put('text').value('höher')
    await client.put('number').value(42)
    await client.put('json').value(JSON.stringify({ a: [1, 2] }))
    const bytes = Buffer.from([0, 1, 0xff, 0xfe])
    await client.put(Buffer.from([0xff, 0x00])).value(bytes)

    expect(await client.get('text').string()).toBe('höher')
    expect(await client.get('number').number()).toBe(42)
    expect(await client.get('json').json()).toEqual({ a: [1, 2] })
    expect(await client.get(Buffer.from([0xff, 0x00])).buffer()).toEqual(bytes)
  })

  it('an absent key is null, and touching one is an error', async () => {
    expect(await client.get('absent').string()).toBeNull()
    await expect(client.put('absent').touch()).rejects.toThrow(/key not found/)
  })

  it('getAll by prefix finds exactly the keys with the prefix, in the order asked for', async () => {
    for (const key of ['list/b', 'list/a', 'list/c', 'lis', 'list0', 'list.']) {
      await client.put(key).value(`value of ${key}`)
    }
    expect(await client.getAll().prefix('list/').keys()).toEqual(['list/a', 'list/b', 'list/c'])
    const descending = await client.getAll().prefix('list/').sort('Key', 'Descend').keys()
    expect(descending).toEqual(['list/c', 'list/b', 'list/a'])
    expect(await client.getAll().prefix('list/').limit(2).strings()).toEqual({
      'list/a': 'value of list/a',
      'list/b': 'value of list/b',
    })
    expect(await client.getAll().prefix('list/').count()).toBe(3)
    expect(await client.getAll().count()).toBe(6)
  })

  it('delete tells how many keys it deleted, and gives them back when asked', async () => {
    for (const key of ['d/1', 'd/2', 'e']) await client.put(key).value(key)
    expect((await client.delete().key('absent')).deleted).toBe('0')
    const previous = await client.delete().prefix('d/').getPrevious()
    expect(previous.map((kv) => kv.key.toString())).toEqual(['d/1', 'd/2'])
    expect(await client.getAll().keys()).toEqual(['e'])
    expect((await client.delete().all()).deleted).toBe('1')
  })

  it('the namespace helper sees its own keys alone', async () => {
    await client.put('outside').value('1')
    const inner = client.namespace('inner/')
    await inner.put('key').value('2')
    expect(await inner.getAll().strings()).toEqual({ key: '2' })
    expect(await client.get('inner/key').string()).toBe('2')
  })

  it('a transaction takes the then-branch when all compares hold and the else-branch otherwise', async () => {
    await client.put('lock').value('free')
    const take = async (owner: string): Promise<boolean> => {
      const { succeeded } = await client
        .if('lock', 'Value', '==', 'free')
        .and('other', 'Create', '==', 0)
        .then(client.put('lock').value(owner))
        .else(client.get('lock'))
        .commit()
      return succeeded
    }
    expect(await take('first')).toBe(true)
    expect(await take('second')).toBe(false)
    expect(await client.get('lock').string()).toBe('first')
  })

  it('transactions compare versions and answer every operation', async () => {
    await client.put('v').value('1')
    await client.put('v').value('2')
    const result = await client
      .if('v', 'Version', '>', 1)
      .then(client.put('w').value('3'), client.get('v'), client.delete().key('v'))
      .commit()
    expect(result.succeeded).toBe(true)
    expect(result.responses.map((response) => Object.keys(response)[0])).toEqual([
      'response_put',
      'response_range',
      'response_delete_range',
    ])
    expect(result.responses[1]?.response_range.kvs[0]?.value.toString()).toBe('2')
    expect(await client.getAll().keys()).toEqual(['w'])
  })

  it('concurrent increments by software transactional memory lose nothing', async () => {
    await client.put('counter').value(0)
    const increment = async (): Promise<void> => {
      await client.stm({ retries: 100 }).transact(async (transaction) => {
        const value = await transaction.get('counter').number()
        await transaction.put('counter').value((value ?? 0) + 1)
      })
    }
    await Promise.all(Array.from({ length: 8 }, increment))
    expect(await client.get('counter').number()).toBe(8)
  })

  it('a read at a future and at a compacted revision is refused', async () => {
    const first = Number((await client.put('h').value('1')).header.revision)
    await client.put('h').value('2')
    expect(await client.get('h').revision(first).string()).toBe('1')
    await client.kv.compact({ revision: first + 1 })
    await expect(client.get('h').revision(first).string()).rejects.toThrow(/compacted/)
    const future = client.get('h').revision(first + 1000)
    await expect(future.string()).rejects.toThrow(/future revision/)
  })

  it('an empty key is refused', async () => {
    await expect(client.put('').value('x').exec()).rejects.toThrow(/key is not provided/)
  })
})
