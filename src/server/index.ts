#!/usr/bin/env node
/**
 * The command line: `node dist/server --name n1 …`. Reads the settings, starts the member, and
 * ends with the exit code that tells how it went:
 *
 *   0  stopped as asked (SIGTERM, SIGINT), or removed from its cluster; --version, --help
 *   1  the member could not start or had to end: port in use, data directory, disk
 *   2  the settings are wrong
 */

import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { Logger } from '../base/ports.ts'
import { parseCommandLine, type Config } from './config.ts'
import { printFirstSteps } from './first-steps.ts'
import { openLog, type Log } from './logger.ts'
import { Member } from './member.ts'

/**
 * Whoever asks again does not want to wait. But one Ctrl-C may come twice: from the terminal to all
 * processes, and once more from the program that started us.
 */
const SECOND_SIGNAL_MS = 300
/** A stop that takes longer is cut short: the log has everything that was acknowledged. */
const STOP_LIMIT_MS = 1900

async function main(): Promise<void> {
  const parsed = parseCommandLine(process.argv.slice(2), process.env, (path) =>
    readFileSync(path, 'utf8'),
  )
  if (parsed.type === 'print') {
    process.stdout.write(parsed.text)
    return
  }
  if (parsed.type === 'fail') {
    process.stderr.write(`${parsed.message}\n`)
    process.exitCode = parsed.exitCode
    return
  }
  const { config, warnings } = parsed
  const opened = openLog({
    level: config.logLevel,
    format: config.logFormat,
    outputs: config.logOutputs,
    isTerminal: (stream) => process[stream].isTTY,
    noColor: (process.env['NO_COLOR'] ?? '') !== '',
  })
  if (!opened.ok) {
    process.stderr.write(`${opened.message}\n`)
    process.exitCode = 1
    return
  }
  for (const warning of warnings) opened.log.logger('server').warn(warning)
  await run(config, opened.log)
}

async function run(config: Config, log: Log): Promise<void> {
  const logger = log.logger('server')
  const end = (message: string, error?: unknown): never => {
    logger.error(message, error instanceof Error ? { error } : {})
    if (!isShownOnStderr(config)) process.stderr.write(`${message}\n`)
    log.close()
    process.exit(1)
  }
  // What nobody expected is a bug or a broken invariant: going on could make it worse.
  process.on('uncaughtException', (error) => end('the server ends on an unexpected error', error))
  process.on('unhandledRejection', (error) => end('the server ends on an unexpected error', error))
  const ending = new Ending(logger, log)
  const started = await Member.start(config, log, {
    onFatal: (error) => end(error.message),
    onRemoved: () => {
      if (ending.member === undefined)
        end('a member that was removed from its cluster cannot start')
      ending.begin()
    },
    onForeign: () =>
      end(
        'the data directory belongs to another cluster than the members that answer for its peers',
      ),
  })
  if (!started.ok) {
    end(started.message)
    return
  }
  ending.member = started.member
  if (process.stderr.isTTY) printFirstSteps(config, (text) => process.stderr.write(text))
}

/** Whoever starts a server looks at stderr for the reason why it ended. */
function isShownOnStderr({ logOutputs, logLevel }: Config): boolean {
  return logOutputs.includes('stderr') && logLevel !== 'panic' && logLevel !== 'fatal'
}

/**
 * How the process ends in good order. Listens for signals from now on: while the member starts
 * there is nothing to stop, because it has acknowledged nothing.
 */
class Ending {
  /** To be set when it has started. */
  member: Member | undefined
  readonly #logger: Logger
  readonly #log: Log
  #sinceMs: number | undefined

  constructor(logger: Logger, log: Log) {
    this.#logger = logger
    this.#log = log
    process.on('SIGTERM', (signal) => this.#onSignal(signal))
    process.on('SIGINT', (signal) => this.#onSignal(signal))
  }

  begin(): void {
    if (this.#sinceMs !== undefined) return
    this.#sinceMs = performance.now()
    setTimeout(() => this.#end(), STOP_LIMIT_MS)
    if (this.member === undefined) this.#end()
    else void this.member.stop().then(() => this.#end())
  }

  #onSignal(signal: NodeJS.Signals): void {
    if (this.#sinceMs !== undefined) {
      if (performance.now() - this.#sinceMs > SECOND_SIGNAL_MS) process.exit(1)
      return
    }
    this.#logger.info('received signal; shutting down', { signal })
    this.begin()
  }

  #end(): void {
    this.#logger.info('server stopped')
    this.#log.close()
    process.exit(0)
  }
}

await main()
