/**
 * The words of a command line, read as Go's flag package reads them (etcd's scripts rely on it):
 * one dash or two, `--name=n1` or `--name n1`, booleans without a value, the last one wins.
 */

import { Command, CommanderError, Option } from 'commander'
import {
  environmentNameOf,
  FLAGS,
  flagNames,
  isBooleanFlag,
  isFlagName,
  type Flag,
} from './flags.ts'
import { UNSUPPORTED_FLAGS } from './unsupported-flags.ts'

export type CommandLine =
  /** Flags that were given, by name, supported or not. */
  | { readonly type: 'flags'; readonly given: ReadonlyMap<string, string> }
  | { readonly type: 'help' }
  | { readonly type: 'version' }
  | { readonly type: 'fail'; readonly message: string }

const SUBCOMMANDS = ['gateway', 'grpc-proxy']

/** `words` are the arguments behind the program's name. */
export function readCommandLine(words: readonly string[]): CommandLine {
  const joined = joinValues(words)
  if (joined.type !== 'words') return joined
  const program = newProgram()
  try {
    program.parse(joined.words, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return { type: 'fail', message: sentenceOf(error) }
    throw error
  }
  if (joined.askedForVersion) return { type: 'version' }
  const [stray] = program.args
  if (stray !== undefined) return { type: 'fail', message: strayMessage(stray) }
  return { type: 'flags', given: givenFlags(program) }
}

export function helpText(): string {
  return newProgram().helpInformation() + EXAMPLES
}

type Joined =
  | { readonly type: 'words'; readonly words: string[]; readonly askedForVersion: boolean }
  | { readonly type: 'help' }
  | { readonly type: 'fail'; readonly message: string }

/** Brings every flag to the form `--name=value`, which leaves nothing to guess. */
function joinValues(words: readonly string[]): Joined {
  const joined: string[] = []
  let askedForVersion = false
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    const [, name, value] = /^--?([^-=][^=]*)(?:=([^]*))?$/.exec(word) ?? []
    if (name === undefined) {
      // A word that is no flag ends the flags, as does a lone --.
      joined.push(...words.slice(i))
      break
    }
    if (name === 'help' || name === 'h') return { type: 'help' }
    if (name === 'version') {
      askedForVersion = value === undefined || /^(1|t|true)$/i.test(value)
    } else if (!isFlagName(name) && !Object.hasOwn(UNSUPPORTED_FLAGS, name)) {
      joined.push(`--${name}`)
      break
    } else if (value !== undefined) {
      joined.push(`--${name}=${value}`)
    } else if (isBooleanFlag(name) || UNSUPPORTED_FLAGS[name]?.kind === 'boolean') {
      joined.push(`--${name}=true`)
    } else {
      i++
      const next = words[i]
      if (next === undefined) return { type: 'fail', message: `--${name} needs a value` }
      joined.push(`--${name}=${next}`)
    }
  }
  return { type: 'words', words: joined, askedForVersion }
}

function newProgram(): Command {
  const program = new Command('quorate')
    .description('A key-value server for etcd v3 clients, replicated by Raft.')
    .usage('[flags]')
    .helpOption(false)
    .allowExcessArguments()
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: ignore, writeErr: ignore, outputError: ignore })
    .configureHelp({ helpWidth: 100 })
  for (const name of flagNames()) program.addOption(optionOf(name, FLAGS[name]))
  program.addOption(new Option('--version', 'print the versions').helpGroup('Other:'))
  program.addOption(new Option('-h, --help', 'print this text').helpGroup('Other:'))
  for (const name of Object.keys(UNSUPPORTED_FLAGS)) {
    program.addOption(new Option(`--${name} <value>`).hideHelp())
  }
  return program
}

function optionOf(name: string, flag: Flag<unknown>): Option {
  const shown = flag.shownDefault ?? flag.default
  const facts = [...(shown === '' ? [] : [`default ${shown}`]), environmentNameOf(name)]
  const description = `${flag.description} (${facts.join(', ')})`
  return new Option(`--${name} <${flag.placeholder}>`, description).helpGroup(`${flag.group}:`)
}

function givenFlags(program: Command): ReadonlyMap<string, string> {
  const values = program.opts<Record<string, string | undefined>>()
  const given = new Map<string, string>()
  for (const option of program.options) {
    const value = values[option.attributeName()]
    if (value !== undefined) given.set(option.name(), value)
  }
  return given
}

/** commander's `error: unknown option '--nme'` and `(Did you mean --name?)` as one sentence. */
function sentenceOf(error: CommanderError): string {
  const [, flag] = /unknown option '([^']*)'/.exec(error.message) ?? []
  if (flag === undefined) return error.message.replace(/^error: /, '')
  const [, nearest] = /Did you mean (?:one of )?(--[a-z-]+)/.exec(error.message) ?? []
  const hint = nearest === undefined ? 'see --help' : `did you mean ${nearest}?`
  return `unknown flag ${flag}; ${hint}`
}

function strayMessage(word: string): string {
  if (SUBCOMMANDS.includes(word)) return `the command ${word} is not supported yet`
  return `"${word}" is not a valid flag`
}

function ignore(): void {}

const EXAMPLES = `
Every flag but --version and --help can be given by its environment variable instead, or as a key
of the YAML file named by --config-file.

Examples:
  quorate                                     # one node on http://localhost:2379
  quorate --name n1 --data-dir /var/lib/quorate
  quorate --listen-client-urls http://0.0.0.0:2379 --advertise-client-urls http://10.0.0.1:2379
  quorate --name n1 --listen-peer-urls http://10.0.0.1:2380 \\
    --initial-advertise-peer-urls http://10.0.0.1:2380 \\
    --initial-cluster n1=http://10.0.0.1:2380,n2=http://10.0.0.2:2380,n3=http://10.0.0.3:2380

Then, with any etcd client:
  etcdctl put greeting hello && etcdctl get greeting
`
