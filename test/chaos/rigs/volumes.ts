/**
 * Disks for data directories: an ext4 image behind a loop device, whose power can be cut, and a
 * tmpfs that can be full. They are taken away when they are disposed of, and when the process ends.
 *
 * Why an image shows what a power cut would: the file has what ext4 had sent to the device. What
 * was only in the page cache is not in it. Mounted again, it replays its journal as after a boot.
 * The image itself lies in memory where there is such a place: then no flush takes time.
 */

import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { open, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Draws } from '../../sim/draws.ts'
import type { DataVolume } from '../ports.ts'
import { until } from '../../support/until.ts'
import { killAll, serversIn } from './server-processes.ts'
import { shell, shellAtExit } from './shell.ts'

const UNMOUNT_TIMEOUT_MS = 5000
const QUIET_TIMEOUT_MS = 20_000
const IMAGE_BYTES = 96 * 1024 * 1024
/** Nothing is written by the kernel's own clock: a cut meets only what was asked for. */
const MOUNT_OPTIONS = 'loop,noatime,commit=3600'
/** Without what ext4 does to help programs that rename without a sync. */
const HARSH = `${MOUNT_OPTIONS},noauto_da_alloc`
const MKFS = ['-q', '-F', '-J', 'size=4', '-E', 'lazy_itable_init=0,lazy_journal_init=0']

/** A folder with a mount in it that never outlives this process, but for a SIGKILL. */
class Mounted {
  readonly folder: string
  readonly path: string
  readonly #onExit = (): void => {
    shellAtExit('umount', '--lazy', this.path)
    rmSync(this.folder, { recursive: true, force: true })
  }
  readonly #onSignal = (): void => process.exit(130)

  constructor(name: string) {
    const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
    this.folder = mkdtempSync(join(base, `quorate-disk-${name}-`))
    this.path = join(this.folder, 'mount')
    mkdirSync(this.path)
    process.on('exit', this.#onExit)
    process.on('SIGINT', this.#onSignal)
    process.on('SIGTERM', this.#onSignal)
  }

  /** A process that was just killed may hold the mount for a moment; one that was just started ends. */
  async unmount(): Promise<void> {
    await until(`${this.path} is free`, UNMOUNT_TIMEOUT_MS, async () => {
      await killAll(await serversIn(this.path))
      await shell('umount', this.path)
      return true
    })
  }

  async dispose(): Promise<void> {
    await this.unmount().catch(() => shellAtExit('umount', '--lazy', this.path))
    await rm(this.folder, { recursive: true, force: true })
    process.removeListener('exit', this.#onExit)
    process.removeListener('SIGINT', this.#onSignal)
    process.removeListener('SIGTERM', this.#onSignal)
  }
}

export class Ext4Volume implements DataVolume {
  readonly #mounted: Mounted
  readonly #image: string
  readonly #copy: string
  readonly #options: string
  #isFrozen = false

  private constructor(mounted: Mounted, isHarsh: boolean) {
    this.#mounted = mounted
    this.#image = join(mounted.folder, 'image')
    this.#copy = join(mounted.folder, 'copy')
    this.#options = isHarsh ? HARSH : MOUNT_OPTIONS
  }

  static async make(name: string, isHarsh = false): Promise<Ext4Volume> {
    const volume = new Ext4Volume(new Mounted(name), isHarsh)
    try {
      await writeFile(volume.#image, '')
      await truncate(volume.#image, IMAGE_BYTES)
      await shell('mkfs.ext4', ...MKFS, volume.#image)
      await volume.#mount()
      return volume
    } catch (error) {
      await volume.dispose()
      throw error
    }
  }

  get path(): string {
    return this.#mounted.path
  }

  /**
   * Keeps what the disk has at this moment. Every process on it is stopped, and its last call to the
   * system has returned. Should the kernel write something of its own accord while the image is
   * copied, it is copied again: a copy that is older at its beginning than at its end is no moment.
   */
  async keep(): Promise<void> {
    await until(`nothing is written to ${this.path}`, QUIET_TIMEOUT_MS, async () => {
      const before = await this.#writes()
      await shell('cp', '--sparse=always', this.#image, this.#copy)
      const isQuiet = before.endsWith(' 0') && before === (await this.#writes())
      return isQuiet ? true : undefined
    })
  }

  /** Goes back to what was kept, as a boot after the cut does. No process may be on it. */
  async goBack(): Promise<void> {
    await this.#mounted.unmount()
    await rename(this.#copy, this.#image)
    await this.#mount()
  }

  /** Makes some file durable that nobody asked for, as the kernel does at times of its own. */
  async writeSomethingBack(draws: Draws): Promise<void> {
    const files = await filesBelow(this.path)
    if (files.length === 0) return
    const handle = await open(draws.pick(files), 'r').catch(() => undefined)
    await handle?.datasync().catch(() => undefined)
    await handle?.close()
  }

  /** Every write waits until it thaws. */
  async freeze(): Promise<void> {
    this.#isFrozen = true
    await shell('fsfreeze', '--freeze', this.path)
  }

  async thaw(): Promise<void> {
    if (!this.#isFrozen) return
    this.#isFrozen = false
    await shell('fsfreeze', '--unfreeze', this.path)
  }

  async dispose(): Promise<void> {
    await this.thaw().catch(() => undefined)
    await this.#mounted.dispose()
  }

  /** How many writes the device has seen, and how many calls it is at. */
  async #writes(): Promise<string> {
    const mounts = await readFile('/proc/mounts', 'utf8')
    const device = mounts.split('\n').find((line) => line.split(' ')[1] === this.path)
    const name = basename(device?.split(' ')[0] ?? '')
    const stat = (await readFile(`/sys/block/${name}/stat`, 'utf8')).trim().split(/\s+/)
    return `${stat[4]} ${stat[8]}`
  }

  async #mount(): Promise<void> {
    await shell('mount', '-t', 'ext4', '-o', this.#options, this.#image, this.path)
  }
}

export class TmpfsVolume implements DataVolume {
  readonly #mounted: Mounted

  private constructor(mounted: Mounted) {
    this.#mounted = mounted
  }

  /** `size` as mount takes it. */
  static async make(name: string, size: string): Promise<TmpfsVolume> {
    const volume = new TmpfsVolume(new Mounted(name))
    try {
      await shell('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', volume.path)
      return volume
    } catch (error) {
      await volume.dispose()
      throw error
    }
  }

  get path(): string {
    return this.#mounted.path
  }

  async resize(size: string): Promise<void> {
    await shell('mount', '-o', `remount,size=${size}`, this.path)
  }

  async usedBytes(): Promise<number> {
    const sizes = await Promise.all(
      (await filesBelow(this.path)).map(async (file) =>
        stat(file).then(
          ({ blocks }) => blocks * 512,
          () => 0,
        ),
      ),
    )
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  /** Leaves about so many bytes free. */
  async shrinkTo(freeBytes: number): Promise<void> {
    await this.resize(String((await this.usedBytes()) + freeBytes))
  }

  async dispose(): Promise<void> {
    await this.#mounted.dispose()
  }
}

/** Files that vanish meanwhile are none. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const found: string[] = []
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) found.push(...(await filesBelow(path)))
    else if (entry.isFile()) found.push(path)
  }
  return found.sort()
}
