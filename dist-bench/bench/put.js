/** put: values of one size to random keys of a key space, by more and more clients. */
import { compare } from './comparison.js';
export function putCases({ clients, keys, valueBytes }) {
    return clients.map((count) => ({
        operation: 'put',
        clients: count,
        workload: { kind: 'put', keySpace: keys, valueBytes },
    }));
}
export function benchPut(targets, options) {
    return compare(targets, putCases(options), options, () => Promise.resolve());
}
