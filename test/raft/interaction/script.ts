/**
 * The text format of interaction scripts: blocks of command lines, a line of four dashes, and the
 * expected output, with a blank line between blocks. Lines that begin with # are comments.
 *
 *   # A single voter commits alone.
 *   campaign 1
 *   ----
 *   1: candidate term=2
 */

export interface ScriptBlock {
  /** Comments and blank lines before the commands, kept when the file is rewritten. */
  readonly preamble: readonly string[]
  readonly commands: readonly string[]
  readonly expected: readonly string[]
}

const SEPARATOR = '----'

export function parseScript(source: string): ScriptBlock[] {
  const lines = source.trimEnd().split('\n')
  const blocks: ScriptBlock[] = []
  let at = 0
  const takeWhile = (keep: (line: string) => boolean): string[] => {
    const from = at
    while (at < lines.length && keep(lines[at] as string)) at++
    return lines.slice(from, at)
  }
  while (at < lines.length) {
    const preamble = takeWhile((line) => line === '' || line.startsWith('#'))
    const commands = takeWhile((line) => line !== SEPARATOR && line !== '')
    const hasOutput = lines[at] === SEPARATOR
    if (hasOutput) at++
    const expected = hasOutput ? takeWhile((line) => line !== '') : []
    if (commands.length > 0) blocks.push({ preamble, commands, expected })
  }
  return blocks
}

export function formatScript(blocks: readonly ScriptBlock[]): string {
  const lines = blocks.flatMap(({ preamble, commands, expected }) => [
    ...preamble,
    ...commands,
    SEPARATOR,
    ...expected,
  ])
  return `${lines.join('\n')}\n`
}
