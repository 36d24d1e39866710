/** Markdown tables that are readable as plain text, and the numbers in them. */
export function table(head, rows) {
    const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
    const line = (cells) => `| ${cells.map((cell, column) => pad(cell, widths[column], column)).join(' | ')} |`;
    const rule = widths.map((width, column) => '-'.repeat(width - 1) + (column < 2 ? '-' : ':'));
    return [line(head), line(rule), ...rows.map(line)].join('\n');
}
/** The first two columns are names, the others numbers. */
function pad(cell, width, column) {
    return column < 2 ? cell.padEnd(width) : cell.padStart(width);
}
export function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    if (sorted.length % 2 === 1)
        return sorted[middle];
    return (sorted[middle - 1] + sorted[middle]) / 2;
}
export function count(value) {
    return Math.round(value).toLocaleString('en-US');
}
export function fixed(value, digits) {
    return Number.isFinite(value) ? value.toFixed(digits) : '-';
}
