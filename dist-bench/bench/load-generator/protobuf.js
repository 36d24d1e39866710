/** The few protobuf primitives that the benchmarks need: fields out, one varint field back in. */
const wireVarint = 0;
const wireFixed64 = 1;
const wireBytes = 2;
const wireFixed32 = 5;
function varint(value) {
    const octets = [];
    let rest = value;
    while (rest >= 0x80) {
        octets.push((rest % 0x80) | 0x80);
        rest = Math.floor(rest / 0x80);
    }
    octets.push(rest);
    return octets;
}
export function bytesField(field, value) {
    const head = [...varint(field * 8 + wireBytes), ...varint(value.length)];
    return Buffer.concat([Buffer.from(head), value]);
}
/** `value` is a whole number ≥ 0; booleans are 0 and 1. */
export function varintField(field, value) {
    return Buffer.from([...varint(field * 8 + wireVarint), ...varint(value)]);
}
function readVarint(bytes, start) {
    let value = 0;
    let scale = 1;
    for (let offset = start; offset < bytes.length; offset++) {
        value += (bytes[offset] & 0x7f) * scale;
        scale *= 0x80;
        if (bytes[offset] < 0x80)
            return { value, next: offset + 1 };
    }
    throw new Error('protobuf message is cut short');
}
/**
 * Every value of one top-level field: numbers for varints (inexact above 2^53), Buffers for bytes
 * and messages. Other wire types are skipped.
 */
export function readField(message, wanted) {
    const found = [];
    let offset = 0;
    while (offset < message.length) {
        const tag = readVarint(message, offset);
        const wire = tag.value % 8;
        const isWanted = Math.floor(tag.value / 8) === wanted;
        offset = tag.next;
        if (wire === wireFixed64)
            offset += 8;
        else if (wire === wireFixed32)
            offset += 4;
        else if (wire === wireVarint || wire === wireBytes) {
            const { value, next } = readVarint(message, offset);
            offset = wire === wireBytes ? next + value : next;
            if (isWanted)
                found.push(wire === wireBytes ? message.subarray(next, offset) : value);
        }
        else
            throw new Error(`unexpected wire type ${wire}`);
    }
    return found;
}
