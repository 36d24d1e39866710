/** The rows of one run as a page: a picture for each etcd, and the table. No script, no network. */

import type { Machine } from './machine.ts'
import { figureText, isReached, ratioOf, type Row } from './rows.ts'
import { fixed } from './table.ts'

export interface Report {
  readonly machine: Machine
  /** Ours first. */
  readonly servers: readonly string[]
  readonly rows: readonly Row[]
}

const BAR_HEIGHT = 22
const NAMES_WIDTH = 330
const BARS_WIDTH = 520
/** Ratios from 1/8 to 8 have room; the scale is that of factors, so 1/2 is as far from 1 as 2. */
const FACTOR_MAX = 8

export function reportPage({ machine, servers, rows }: Report): string {
  const [ours = '', ...etcds] = servers
  const pictures = etcds.map((theirs) => picture(rows, ours, theirs))
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Quorate beside etcd</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
    color: #222; background: #fff }
  svg { max-width: 100%; height: auto; font-size: 13px } svg text { fill: #222 }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums }
  th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd }
  th:first-child, td:first-child { text-align: left }
  .reached { fill: #2a7d4f; color: #2a7d4f } .missed { fill: #b4602a; color: #b4602a }
  .one { stroke: #888 } .aim { stroke: #222; stroke-width: 2 }
  @media (prefers-color-scheme: dark) { body { color: #ddd; background: #161616 }
    svg text { fill: #ddd } .aim { stroke: #ddd } th, td { border-color: #333 }
    .reached { fill: #58b985; color: #58b985 } .missed { fill: #d98a55; color: #d98a55 } }
</style>
<h1>Quorate beside etcd</h1>
<p>${text(`${machine.date}, ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, node ${machine.node}, data on ${machine.fileSystem}`)}.
Ratios are this server’s figure divided by etcd’s. The dark mark is what is aimed at. Bars to the
right of the line are better than etcd.</p>
${pictures.join('\n')}
<h2>Figures</h2>
${figures(rows, ours, etcds)}
</html>
`
}

function picture(rows: readonly Row[], ours: string, theirs: string): string {
  const bars = rows.flatMap((row, i) => {
    const ratio = ratioOf(row, ours, theirs)
    return ratio === undefined ? [] : [bar(row, ratio, i * BAR_HEIGHT)]
  })
  const height = rows.length * BAR_HEIGHT
  const middle = NAMES_WIDTH + BARS_WIDTH / 2
  return `<h2>Against ${text(theirs)}</h2>
<svg viewBox="0 0 ${NAMES_WIDTH + BARS_WIDTH} ${height}" role="img" aria-label="ratios">
<line class="one" x1="${middle}" x2="${middle}" y1="0" y2="${height}"/>
${bars.join('\n')}
</svg>`
}

function bar(row: Row, ratio: number, y: number): string {
  const reached = isReached(row, ratio) ? 'reached' : 'missed'
  const middle = NAMES_WIDTH + BARS_WIDTH / 2
  const end = middle + offset(goodness(row, ratio))
  const aim = middle + offset(goodness(row, row.aim))
  const [from, to] = [Math.min(middle, end), Math.max(middle, end)]
  const labelAt = end >= middle ? `x="${to + 6}"` : `x="${from - 6}" text-anchor="end"`
  return `<text x="${NAMES_WIDTH - 8}" y="${y + 15}" text-anchor="end">${text(row.name)}</text>
<rect class="${reached}" x="${from}" y="${y + 4}" width="${to - from}" height="${BAR_HEIGHT - 8}"/>
<line class="aim" x1="${aim}" x2="${aim}" y1="${y + 2}" y2="${y + BAR_HEIGHT - 2}"/>
<text ${labelAt} y="${y + 15}">${fixed(ratio, 2)}</text>`
}

/** More is better. */
function goodness(row: Row, ratio: number): number {
  return row.isLessBetter ? 1 / ratio : ratio
}

function offset(factor: number): number {
  const share = Math.log(factor) / Math.log(FACTOR_MAX)
  return Math.round(Math.max(-1, Math.min(1, share)) * (BARS_WIDTH / 2 - 45))
}

function figures(rows: readonly Row[], ours: string, etcds: readonly string[]): string {
  const heads = ['', ours, 'aim', ...etcds.flatMap((label) => [label, 'ratio'])]
  const lines = rows.map((row) => {
    const cells = etcds.flatMap((label) => {
      const ratio = ratioOf(row, ours, label)
      const reached = ratio !== undefined && isReached(row, ratio) ? 'reached' : 'missed'
      const shown = ratio === undefined ? '-' : fixed(ratio, 2)
      return [cell(figureText(row, row.figures[label])), `<td class="${reached}">${shown}</td>`]
    })
    const aim = `${row.isLessBetter ? '≤' : '≥'} ${row.aim}`
    return `<tr>${cell(row.name)}${cell(figureText(row, row.figures[ours]))}${cell(aim)}${cells.join('')}</tr>`
  })
  const head = heads.map((title) => `<th>${text(title)}</th>`).join('')
  return `<table>\n<tr>${head}</tr>\n${lines.join('\n')}\n</table>`
}

function cell(content: string): string {
  return `<td>${text(content)}</td>`
}

function text(plain: string): string {
  return plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
