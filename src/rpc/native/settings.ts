/** SETTINGS frames of a client (RFC 9113 §6.5). */

import {
  ConnectionError,
  ERROR,
  MAX_MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  MIN_MAX_FRAME_BYTES,
  SETTING,
} from './protocol.ts'

const SETTING_BYTES = 6

/** What of it concerns a server that pushes nothing. */
export interface SettingsListener {
  onHeaderTableBytes(bytes: number): void
  onInitialWindow(bytes: number): void
  onMaxFrameBytes(bytes: number): void
}

/** Tells the listener the settings in bytes [start, end), in order. Throws a ConnectionError. */
export function readSettings(
  bytes: Buffer,
  start: number,
  end: number,
  listener: SettingsListener,
): void {
  if ((end - start) % SETTING_BYTES !== 0) {
    throw new ConnectionError(ERROR.FRAME_SIZE_ERROR, 'SETTINGS of a wrong size')
  }
  for (let at = start; at < end; at += SETTING_BYTES) {
    readSetting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2), listener)
  }
}

function readSetting(id: number, value: number, listener: SettingsListener): void {
  switch (id) {
    case SETTING.HEADER_TABLE_SIZE:
      return listener.onHeaderTableBytes(value)
    case SETTING.ENABLE_PUSH:
      if (value > 1) throw invalid('ENABLE_PUSH', value)
      return
    case SETTING.INITIAL_WINDOW_SIZE:
      if (value > MAX_WINDOW_BYTES) {
        throw new ConnectionError(ERROR.FLOW_CONTROL_ERROR, 'the initial window is too large')
      }
      return listener.onInitialWindow(value)
    case SETTING.MAX_FRAME_SIZE:
      if (value < MIN_MAX_FRAME_BYTES || value > MAX_MAX_FRAME_BYTES) {
        throw invalid('MAX_FRAME_SIZE', value)
      }
      return listener.onMaxFrameBytes(value)
    default: // unknown ones are ignored
  }
}

function invalid(name: string, value: number): ConnectionError {
  return new ConnectionError(ERROR.PROTOCOL_ERROR, `setting ${name} can not be ${value}`)
}
