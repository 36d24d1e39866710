/** One whole unary call, for set-up and checks; the load itself does not go through here. */
import { encodeRequest, messagePrefixBytes } from './request.js';
/** Rejects when the call does not end with status OK. */
export function callOnce(connection, path, message, { keepBody = true } = {}) {
    const parts = [];
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
        connection.call(encodeRequest(path, 'bench', message), {
            onData(bytes, start, end) {
                if (keepBody)
                    parts.push(Buffer.from(bytes.subarray(start, end)));
            },
            onEnd(status, text, bytes, at) {
                if (status !== 0)
                    reject(new Error(`${path} failed with status ${status}: ${text}`));
                else {
                    const body = Buffer.concat(parts).subarray(messagePrefixBytes);
                    resolve({ message: body, bytes, elapsedMs: at - startedAt });
                }
            },
        });
    });
}
