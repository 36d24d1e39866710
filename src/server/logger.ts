/**
 * The log: one line an event, written before the call returns, so that nothing is lost when the
 * process ends. On a terminal a line is made to be read:
 *
 *     12:30:01.123 INFO  ready to serve client requests  address=127.0.0.1:2379  (server)
 *
 * elsewhere it is a JSON object with etcd's names: level, ts, caller, msg, then the fields.
 */

import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { styleText } from 'node:util'
import { pino, type DestinationStream } from 'pino'
import type { LogFields, Logger } from '../base/ports.ts'
import type { Config } from './config.ts'

export type LogLevel = Config['logLevel']

export interface LogOptions {
  readonly level: LogLevel
  readonly format: Config['logFormat']
  /** `stderr`, `stdout` or paths of files, which are appended to. */
  readonly outputs: readonly string[]
  /** Whether a standard stream is a terminal. */
  readonly isTerminal: (stream: StandardStream) => boolean
  /** The environment variable NO_COLOR is set. */
  readonly noColor: boolean
}

const MAX_UNWRITTEN_BYTES = 1024 * 1024

export type StandardStream = 'stdout' | 'stderr'

export type OpenedLog =
  | { readonly ok: true; readonly log: Log }
  /** One sentence: an output cannot be opened. */
  | { readonly ok: false; readonly message: string }

/** The root of all loggers of the process. */
export interface Log {
  /** A logger whose lines carry `caller`, the part of the program that speaks: `server/raft-node`. */
  logger(caller: string): Logger
  /** Takes effect for every logger made by `logger`, at once. */
  setLevel(level: LogLevel): void
  /** Closes files. Lines logged afterwards go nowhere. */
  close(): void
}

/** Lines of an output go here. A failure to write one never reaches the caller: the server goes on. */
interface Sink {
  write(line: string): void
  close(): void
}

export function openLog(options: LogOptions): OpenedLog {
  const sinks: Sink[] = []
  for (const output of new Set(options.outputs)) {
    try {
      sinks.push(openSink(output, options))
    } catch (error) {
      for (const sink of sinks) sink.close()
      return { ok: false, message: `cannot open the log output ${output}: ${messageOf(error)}` }
    }
  }
  return { ok: true, log: newLog(options.level, sinks) }
}

function newLog(level: LogLevel, sinks: readonly Sink[]): Log {
  const destination: DestinationStream = {
    write: (line) => {
      for (const sink of sinks) sink.write(line)
    },
  }
  const root = pino(
    {
      level: pinoLevel(level),
      base: null,
      timestamp: () => `,"ts":"${timestamp()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  )
  return {
    logger: (caller) => {
      const record = (message: string, fields: LogFields | undefined): object => ({
        caller,
        msg: message,
        ...(fields === undefined ? {} : printable(fields, root.isLevelEnabled('debug'))),
      })
      return {
        debug: (message, fields) => {
          if (root.isLevelEnabled('debug')) root.debug(record(message, fields))
        },
        info: (message, fields) => {
          if (root.isLevelEnabled('info')) root.info(record(message, fields))
        },
        warn: (message, fields) => {
          if (root.isLevelEnabled('warn')) root.warn(record(message, fields))
        },
        error: (message, fields) => {
          if (root.isLevelEnabled('error')) root.error(record(message, fields))
        },
      }
    },
    setLevel: (next) => {
      root.level = pinoLevel(next)
    },
    close: () => {
      for (const sink of sinks) sink.close()
    },
  }
}

/** etcd's two highest levels are one here. */
function pinoLevel(level: LogLevel): string {
  return level === 'panic' ? 'fatal' : level
}

/** Microseconds, as etcd prints them; the clock of the wall has no more than milliseconds here. */
function timestamp(): string {
  return new Date().toISOString().replace('Z', '000Z')
}

/** Fields as a line can hold them. A key that the line itself uses gets a mark. */
function printable(fields: LogFields, withStacks: boolean): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) {
    const name = RESERVED_KEYS.has(key) ? `field-${key}` : key
    if (value instanceof Error) {
      result[name] = messageOf(value)
      if (withStacks) result[`${name}-stack`] = value.stack
    } else if (typeof value === 'bigint') {
      result[name] = String(value)
    } else if (value instanceof Uint8Array) {
      // Keys and values of clients do not belong in a log.
      result[name] = `<${value.length} bytes>`
    } else {
      result[name] = value
    }
  }
  return result
}

const RESERVED_KEYS = new Set(['level', 'ts', 'caller', 'msg'])

/** The message and those of the causes behind it. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`
}

function openSink(output: string, options: LogOptions): Sink {
  const standard = output === 'stdout' || output === 'stderr'
  const isTerminal = standard && options.isTerminal(output)
  const readable = options.format === 'console' || (options.format === 'auto' && isTerminal)
  const colored = isTerminal && !options.noColor
  const fd = standard ? (output === 'stdout' ? 1 : 2) : openFile(output)
  // Synchronous: a write waits while a pipe is full. What cannot be written, because the disk is
  // full, is kept up to a bound and tried again with the next line; a closed pipe is given up.
  const destination = pino.destination({ fd, sync: true, maxLength: MAX_UNWRITTEN_BYTES })
  destination.on('error', () => {})

  let isOpen = true
  return {
    write: (line) => {
      if (isOpen) destination.write(readable ? readableLine(line, colored) : line)
    },
    close: () => {
      isOpen = false
      if (!standard) closeSync(fd)
    },
  }
}

function openFile(path: string): number {
  mkdirSync(dirname(path), { recursive: true })
  return openSync(path, 'a', 0o600)
}

const COLORS: Readonly<Record<string, 'dim' | 'green' | 'yellow' | 'red'>> = {
  debug: 'dim',
  info: 'green',
  warn: 'yellow',
  error: 'red',
  fatal: 'red',
}

/** The JSON line again, for the eye. `colored` when the output is a terminal that takes it. */
export function readableLine(line: string, colored: boolean): string {
  const { level, ts, caller, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const paint = (color: 'dim' | 'green' | 'yellow' | 'red', text: string): string =>
    colored ? styleText(color, text, { validateStream: false }) : text
  const levelText = String(level).toUpperCase().padEnd(5)
  const parts = [
    `${paint('dim', String(ts).slice(11, 23))} ${paint(COLORS[String(level)] ?? 'red', levelText)} ${String(msg)}`,
    ...Object.entries(fields).map(([key, value]) => `${paint('dim', `${key}=`)}${asWord(value)}`),
    paint('dim', `(${String(caller)})`),
  ]
  return `${parts.join('  ')}\n`
}

/** Text that could be taken for several words, or could move the cursor, in quotes. */
function asWord(value: unknown): string {
  if (typeof value === 'string' && /^[\x21\x23-\x7e]+$/.test(value)) return value
  return JSON.stringify(value)
}
