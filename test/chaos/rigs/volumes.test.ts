/** What the rigs take for granted: a cut loses what was not synced, and nothing else. */

import { open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Draws } from '../../sim/draws.ts'
import { NEEDS_IMAGES, NEEDS_TMPFS, shell } from './shell.ts'
import { Ext4Volume, TmpfsVolume } from './volumes.ts'

const noImages = NEEDS_IMAGES.flatMap((need) => need() ?? []).join('; ')
const noTmpfs = NEEDS_TMPFS.flatMap((need) => need() ?? []).join('; ')

async function synced(path: string, text: string): Promise<void> {
  const file = await open(path, 'w')
  await file.write(text)
  await file.sync()
  await file.close()
}

function title(claim: string, missing: string): string {
  return missing === '' ? claim : `${claim} (skipped: ${missing})`
}

describe(title('a power cut', noImages), () => {
  test.skipIf(noImages !== '').each([false, true])(
    'loses what was not synced, and nothing else (harsh: %s)',
    async (isHarsh) => {
      const volume = await Ext4Volume.make('test', isHarsh)
      onTestFinished(() => volume.dispose())
      await synced(join(volume.path, 'synced'), 'old')
      await writeFile(join(volume.path, 'lost'), 'never synced')
      await writeFile(join(volume.path, 'synced'), 'new', { flag: 'r+' })
      await volume.keep()
      await synced(join(volume.path, 'too-late'), 'after the cut')
      await volume.goBack()
      const names = await readdir(volume.path)
      expect(names).toContain('synced')
      expect(names).not.toContain('lost')
      expect(names).not.toContain('too-late')
      expect(await readFile(join(volume.path, 'synced'), 'utf8')).toBe('old')
    },
  )

  test.skipIf(noImages !== '')('keeps what the kernel wrote by itself', async () => {
    const volume = await Ext4Volume.make('test')
    onTestFinished(() => volume.dispose())
    await writeFile(join(volume.path, 'lucky'), 'never synced')
    await volume.writeSomethingBack(new Draws(1, 'test'))
    await volume.keep()
    await volume.goBack()
    expect(await readFile(join(volume.path, 'lucky'), 'utf8')).toBe('never synced')
  })

  test.skipIf(noImages !== '')('leaves no mount and no loop device behind', async () => {
    const volume = await Ext4Volume.make('test')
    const { path } = volume
    await volume.keep()
    await volume.goBack()
    expect(await readFile('/proc/mounts', 'utf8')).toContain(path)
    await volume.dispose()
    expect(await readFile('/proc/mounts', 'utf8')).not.toContain(path)
    expect(await shell('losetup', '--all')).not.toContain(path.replace(/mount$/, ''))
  })
})

describe(title('a full disk', noTmpfs), () => {
  test.skipIf(noTmpfs !== '')('takes nothing more until it has grown', async () => {
    const volume = await TmpfsVolume.make('test', '8m')
    onTestFinished(() => volume.dispose())
    await writeFile(join(volume.path, 'first'), Buffer.alloc(100_000))
    await volume.shrinkTo(0)
    const more = join(volume.path, 'more')
    await expect(writeFile(more, Buffer.alloc(100_000))).rejects.toThrow(/ENOSPC/)
    await volume.resize('8m')
    await writeFile(more, Buffer.alloc(100_000))
  })
})
