/** Runs the real etcdctl as a process, speaking the v3 API. */

import { Child } from './child-process.ts'
import type { Program } from './programs.ts'

export interface EtcdctlResult {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

export class Etcdctl {
  readonly #program: Program
  readonly #endpoint: string

  constructor(program: Program, endpoint: string) {
    this.#program = program
    this.#endpoint = endpoint
  }

  async run(args: readonly string[], stdin?: string | Buffer): Promise<EtcdctlResult> {
    const child = new Child(this.#program.path, ['--endpoints', this.#endpoint, ...args], {
      env: { ETCDCTL_API: '3' },
      ...(stdin === undefined ? {} : { stdin }),
    })
    const { code } = await child.waitForExit(15_000)
    return { code, stdout: child.stdout, stderr: child.stderr }
  }
}
