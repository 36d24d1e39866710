/**
 * A history as JSON lines, so that a run can be judged again. Every line stands for itself, and a
 * watch is spread over several, so that a recorder writes as things happen and what a crashed run
 * has left can be read:
 *
 *     {"line":"operation","op":{"id":7,"client":"c1","member":"m2","from":12.5,"to":14,
 *       "q":{"t":"put","k":"a","v":"x","l":"42"},"o":{"t":"ok","r":9,"a":{"t":"put"}}}}
 *     {"line":"watch","watch":{"id":3,…}}  {"line":"told","watch":3,"response":{…}}
 *     {"line":"watch-end","watch":3,"end":{…}}  {"line":"final","final":{…}}
 *     {"line":"observation","observation":{"id":1,…}}  {"line":"leader","observation":1,"told":{…}}
 *     {"line":"options","options":{"converged":true,"leases":{"clockRateError":0.01}}}
 *
 * The fields are those of `history.ts`, shortened as SHORT below says. JSON has no 64-bit numbers,
 * so a lease id is decimal text, and becomes a bigint again because of its field's name; keys and
 * values are latin1 text, which JSON keeps byte for byte. An operation is written once, when its
 * outcome is known; one that is still open when the run ends is written as unknown.
 */

import type {
  FinalState,
  History,
  MemberLog,
  Observation,
  Operation,
  RevisionChanges,
  ToldLeader,
  Watch,
  WatchEnd,
  WatchResponse,
} from './history.ts'
import type { JudgeOptions } from './judge.ts'

export type HistoryLine =
  | { readonly line: 'operation'; readonly operation: Operation }
  | { readonly line: 'watch'; readonly watch: Omit<Watch, 'responses' | 'end'> }
  | { readonly line: 'told'; readonly watch: number; readonly response: WatchResponse }
  | { readonly line: 'watch-end'; readonly watch: number; readonly end: WatchEnd }
  | { readonly line: 'observation'; readonly observation: Omit<Observation, 'told'> }
  | { readonly line: 'leader'; readonly observation: number; readonly told: ToldLeader }
  | { readonly line: 'final'; readonly final: FinalState }
  | { readonly line: 'log'; readonly member: string; readonly changes: RevisionChanges }
  /** How the run wants to be judged; the last one holds. */
  | { readonly line: 'options'; readonly options: JudgeOptions }

const SHORT: Readonly<Record<string, string>> = {
  key: 'k',
  value: 'v',
  createRevision: 'c',
  modRevision: 'm',
  version: 'n',
  lease: 'l',
  revision: 'r',
  type: 't',
  calledAt: 'from',
  returnedAt: 'to',
  request: 'q',
  outcome: 'o',
  result: 'a',
  events: 'e',
  prevKv: 'p',
  operation: 'op',
}
const LONG = new Map(Object.entries(SHORT).map(([long, short]) => [short, long]))

/** One line, without its newline. */
export function encodeLine(line: HistoryLine): string {
  return JSON.stringify(shortened(line))
}

/** Throws on what is no line. */
export function decodeLine(text: string): HistoryLine {
  return lengthened(JSON.parse(text)) as HistoryLine
}

function shortened(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return value.map(shortened)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [SHORT[name] ?? name, shortened(field)]),
  )
}

function lengthened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lengthened)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([short, field]) => {
      const name = LONG.get(short) ?? short
      if (name === 'lease' && typeof field === 'string') return [name, BigInt(field)]
      if (name === 'leases' && Array.isArray(field)) return [name, field.map(BigInt)]
      return [name, lengthened(field)]
    }),
  )
}

export function* linesOf(history: History): Generator<string> {
  for (const operation of history.operations) yield encodeLine({ line: 'operation', operation })
  for (const { responses, end, ...watch } of history.watches) {
    yield encodeLine({ line: 'watch', watch })
    for (const response of responses) yield encodeLine({ line: 'told', watch: watch.id, response })
    if (end !== undefined) yield encodeLine({ line: 'watch-end', watch: watch.id, end })
  }
  for (const { told, ...observation } of history.observations) {
    yield encodeLine({ line: 'observation', observation })
    for (const one of told) {
      yield encodeLine({ line: 'leader', observation: observation.id, told: one })
    }
  }
  for (const final of history.finals) yield encodeLine({ line: 'final', final })
  for (const { member, changes } of history.logs) {
    for (const one of changes) yield encodeLine({ line: 'log', member, changes: one })
  }
}

type Growing<T> = { -readonly [Field in keyof T]: T[Field] }

/** Puts a history together from lines, in whatever order the recorders wrote them. */
export class HistoryReader {
  readonly #operations: Operation[] = []
  readonly #watches = new Map<number, Growing<Watch> & { responses: WatchResponse[] }>()
  readonly #observations = new Map<number, Observation & { readonly told: ToldLeader[] }>()
  readonly #finals: FinalState[] = []
  readonly #logs = new Map<string, RevisionChanges[]>()
  options: JudgeOptions = {}

  add(text: string): void {
    if (text.trim() === '') return
    const line = decodeLine(text)
    switch (line.line) {
      case 'operation':
        this.#operations.push(line.operation)
        return
      case 'watch':
        this.#watches.set(line.watch.id, { ...line.watch, responses: [] })
        return
      case 'told':
        this.#watch(line.watch).responses.push(line.response)
        return
      case 'watch-end':
        this.#watch(line.watch).end = line.end
        return
      case 'observation':
        this.#observations.set(line.observation.id, { ...line.observation, told: [] })
        return
      case 'leader':
        this.#observations.get(line.observation)?.told.push(line.told)
        return
      case 'final':
        this.#finals.push(line.final)
        return
      case 'options':
        this.options = line.options
        return
      case 'log': {
        const changes = this.#logs.get(line.member) ?? []
        this.#logs.set(line.member, changes)
        changes.push(line.changes)
      }
    }
  }

  history(): History {
    const logs = [...this.#logs].map(([member, changes]): MemberLog => ({ member, changes }))
    return {
      operations: this.#operations,
      watches: [...this.#watches.values()],
      observations: [...this.#observations.values()],
      finals: this.#finals,
      logs,
    }
  }

  #watch(id: number): Growing<Watch> & { responses: WatchResponse[] } {
    const watch = this.#watches.get(id)
    if (watch === undefined) throw new Error(`a line about watch ${id} before the watch`)
    return watch
  }
}

export function readHistory(text: string): History {
  const reader = new HistoryReader()
  for (const line of text.split('\n')) reader.add(line)
  return reader.history()
}
