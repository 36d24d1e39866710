/**
 * Pre-encoded gRPC calls: a HEADERS frame and a DATA frame ready to be copied into a socket's
 * buffer, with only the stream id (and, between calls, some key bytes) left to fill in.
 *
 * The header block uses the static table and literals without indexing, so it needs no state of the
 * connection and is the same for every call. Messages here are smaller than one frame.
 */
import { assert } from '../../src/base/assert.js';
import { defaultMaxFrameBytes, encodeFrame, frameFlag, frameHeaderBytes, frameType, } from './frames.js';
/** gRPC's message prefix: compressed flag and 4 bytes of length. */
export const messagePrefixBytes = 5;
/** Indices into HPACK's static table. */
const staticIndex = { authority: 1, methodPost: 3, path: 4, schemeHttp: 6, contentType: 31 };
/** `path` like "/etcdserverpb.KV/Put"; `authority` like "127.0.0.1:2379". */
export function encodeRequest(path, authority, message) {
    const block = Buffer.concat([
        Buffer.from([0x80 | staticIndex.methodPost, 0x80 | staticIndex.schemeHttp]),
        literal(staticIndex.path, path),
        literal(staticIndex.authority, authority),
        literal(staticIndex.contentType, 'application/grpc'),
        literal('te', 'trailers'),
    ]);
    const headers = encodeFrame(frameType.headers, frameFlag.endHeaders, 0, block);
    const body = Buffer.alloc(messagePrefixBytes + message.length);
    body.writeUInt32BE(message.length, 1);
    body.set(message, messagePrefixBytes);
    assert(body.length <= defaultMaxFrameBytes, 'the request fits one frame');
    const data = encodeFrame(frameType.data, frameFlag.endStream, 0, body);
    return {
        frames: Buffer.concat([headers, data]),
        dataOffset: headers.length,
        messageOffset: headers.length + frameHeaderBytes + messagePrefixBytes,
        flowBytes: body.length,
    };
}
/** A literal field without indexing (RFC 7541 §6.2.2); `name` is text or a static index. */
function literal(name, value) {
    const nameBytes = typeof name === 'string'
        ? Buffer.concat([Buffer.from([0]), plainString(name)])
        : Buffer.from(name < 15 ? [name] : [15, name - 15]);
    return Buffer.concat([nameBytes, plainString(value)]);
}
function plainString(text) {
    const bytes = Buffer.from(text, 'latin1');
    assert(bytes.length < 127, 'the string has a one-octet length');
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
