/** What to try next, for a person who has just started a server on a terminal. */

import type { Config } from './config.ts'

export function printFirstSteps(config: Config, write: (text: string) => void): void {
  const url = config.advertiseClientUrls[0]?.href ?? ''
  const endpoint = url.replace('//localhost:', '//127.0.0.1:')
  const option = endpoint === 'http://127.0.0.1:2379' ? '' : ` --endpoints ${endpoint}`
  write(`
  Try next, in another terminal:

    etcdctl${option} put hello world
    etcdctl${option} get hello
    curl ${endpoint}/health

`)
}
