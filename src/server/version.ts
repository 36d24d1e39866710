/** Which etcd this server stands for, and which Quorate it is. */

import { readFileSync } from 'node:fs'

/** The release whose behaviour is followed; clients and tools read it as the server's version. */
export const ETCD_VERSION = '3.6.14'
export const CLUSTER_VERSION = '3.6.0'
export const STORAGE_VERSION = '3.6.0'

/** The version in package.json, which is two folders up from the source and from the build. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(text) as { version: string }
  return version
}

/**
 * What `--version` prints. Tools take the version of etcd from the first line and expect the
 * following three to be there; there is no Go here, so its line says what runs instead.
 */
export function versionText(): string {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const lines = [
    `etcd Version: ${ETCD_VERSION}`,
    'Git SHA: not provided',
    `Go Version: none (Node ${process.version})`,
    `Go OS/Arch: ${process.platform}/${architecture}`,
    `quorate Version: ${packageVersion()}`,
  ]
  return `${lines.join('\n')}\n`
}
