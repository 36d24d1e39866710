/** LevelDB's log files as the server leaves them: records, then zeros up to the length given ahead. */

const BLOCK_BYTES = 32 * 1024
const HEADER_BYTES = 7

/** The records of a log file without the zeros behind them. */
export function recordsOf(logFile: Buffer): Buffer {
  let offset = 0
  for (;;) {
    const leftInBlock = BLOCK_BYTES - (offset % BLOCK_BYTES)
    const header = leftInBlock < HEADER_BYTES ? offset + leftInBlock : offset
    const type = logFile[header + 6] ?? 0
    if (type === 0) return logFile.subarray(0, offset)
    offset = header + HEADER_BYTES + logFile.readUInt16LE(header + 4)
  }
}

/** How many zeros a test puts behind a record that is cut: some blocks of the format. */
export const ZEROS_BEHIND = 70_000

/** The first `length` bytes of a log file, as a process that was killed there leaves them. */
export function cutLog(logFile: Buffer, length: number, zerosBehind = 0): Buffer {
  return Buffer.concat([logFile.subarray(0, length), Buffer.alloc(zerosBehind)])
}
