/**
 * What one side of the bridge sends the other in one turn: entries of many calls in one buffer,
 * which is handed over and not shared.
 *
 *     count │ count × (kind, call, number, start, length) │ payloads
 *
 * The fields are 32 bits wide, in the machine's order: both sides are one process.
 */

const FIELDS = 5
const FIELD_BYTES = 4
const INITIAL_ENTRIES = 64
const NOTHING = Buffer.alloc(0)

/** Takes one entry of a parcel. `payload` is a view of it, the same one for entries that share it. */
export type OnEntry = (kind: number, call: number, number: number, payload: Buffer) => void

export class ParcelWriter {
  #fields = new Uint32Array(INITIAL_ENTRIES * FIELDS)
  #count = 0
  #payloads: Uint8Array[] = []
  #payloadBytes = 0
  #last: Uint8Array | undefined
  #lastStart = 0

  /** Of the payloads, so far. */
  get bytes(): number {
    return this.#payloadBytes
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** The payload must not change until the parcel is taken. */
  add(kind: number, call: number, number: number, payload: Uint8Array = NOTHING): void {
    const at = this.#count++ * FIELDS
    if (at === this.#fields.length) this.#grow()
    const fields = this.#fields
    fields[at] = kind
    fields[at + 1] = call
    fields[at + 2] = number
    fields[at + 3] = payload.length === 0 ? 0 : this.#place(payload)
    fields[at + 4] = payload.length
  }

  /** Everything since the last time. */
  take(): ArrayBuffer {
    const head = FIELD_BYTES + this.#count * FIELDS * FIELD_BYTES
    const bytes = Buffer.allocUnsafeSlow(head + this.#payloadBytes)
    const words = new Uint32Array(bytes.buffer, 0, head / FIELD_BYTES)
    words[0] = this.#count
    words.set(this.#fields.subarray(0, this.#count * FIELDS), 1)
    let at = head
    for (const payload of this.#payloads) {
      bytes.set(payload, at)
      at += payload.length
    }
    this.#count = 0
    this.#payloads = []
    this.#payloadBytes = 0
    this.#last = undefined
    return bytes.buffer
  }

  /** What goes to many calls, one after the other, is copied once. */
  #place(payload: Uint8Array): number {
    if (payload === this.#last) return this.#lastStart
    this.#last = payload
    this.#lastStart = this.#payloadBytes
    this.#payloads.push(payload)
    this.#payloadBytes += payload.length
    return this.#lastStart
  }

  #grow(): void {
    const fields = new Uint32Array(this.#fields.length * 2)
    fields.set(this.#fields)
    this.#fields = fields
  }
}

export function readParcel(parcel: ArrayBuffer, onEntry: OnEntry): void {
  const [count = 0] = new Uint32Array(parcel, 0, 1)
  const fields = new Uint32Array(parcel, FIELD_BYTES, count * FIELDS)
  const head = FIELD_BYTES + count * FIELDS * FIELD_BYTES
  let payload = NOTHING
  let start = 0
  for (let at = 0; at < fields.length; at += FIELDS) {
    const length = fields[at + 4] ?? 0
    if (length === 0) payload = NOTHING
    else if (payload.length !== length || start !== fields[at + 3]) {
      start = fields[at + 3] ?? 0
      payload = Buffer.from(parcel, head + start, length)
    }
    onEntry(fields[at] ?? 0, fields[at + 1] ?? 0, fields[at + 2] ?? 0, payload)
  }
}
