/**
 * The load generator as the benchmarks use it: starts the workers, marks the measured window, and
 * adds up their reports.
 */
import { Worker } from 'node:worker_threads';
import { assert } from '../../src/base/assert.js';
import { Histogram } from './histogram.js';
export function connectionsFor(clients) {
    return Math.min(clients, 32);
}
export class Load {
    #workers;
    #cpuAtMark = process.cpuUsage();
    constructor(workers) {
        this.#workers = workers;
    }
    /** Resolves when every connection stands and the clients run. */
    static async start(plan) {
        const connections = plan.connections ?? connectionsFor(plan.clients);
        const count = Math.min(plan.workers ?? (plan.clients < 16 ? 1 : 2), connections);
        const workers = Array.from({ length: count }, (_, index) => {
            const { host, port, workload, paceMs } = plan;
            return new LoadWorker({
                host,
                port,
                workload,
                clients: share(plan.clients, index, count),
                connections: share(connections, index, count),
                share: { index, count },
                ...(paceMs === undefined ? {} : { paceMs }),
            });
        });
        await Promise.all(workers.map((worker) => worker.connected));
        for (const worker of workers)
            worker.send('start');
        return new Load(workers);
    }
    /** Begins the measured window: what was counted so far is forgotten. */
    mark() {
        this.#cpuAtMark = process.cpuUsage();
        for (const worker of this.#workers)
            worker.send('mark');
    }
    /** Resolves when a bounded workload has been used up. */
    async exhausted() {
        await Promise.all(this.#workers.map((worker) => worker.exhausted));
    }
    /** Ends the measured window and the load. */
    async finish() {
        const cpu = process.cpuUsage(this.#cpuAtMark);
        for (const worker of this.#workers)
            worker.send('finish');
        const reports = await Promise.all(this.#workers.map((worker) => worker.report));
        return sumOf(reports, (cpu.user + cpu.system) / 1e6);
    }
}
/** Runs a bounded workload to its end; rejects when a call failed. */
export async function runToEnd(plan) {
    const load = await Load.start(plan);
    await load.exhausted();
    const result = await load.finish();
    if (result.errorCount > 0)
        throw new Error(`load failed: ${JSON.stringify(result.errors)}`);
    return result;
}
class LoadWorker {
    connected;
    exhausted;
    report;
    #worker;
    constructor(plan) {
        this.#worker = new Worker(new URL('worker.js', import.meta.url), { workerData: plan });
        const next = (kind) => new Promise((resolve, reject) => {
            this.#worker.on('message', (message) => {
                if (message.kind === kind)
                    resolve(message);
                else if (message.kind === 'failed')
                    reject(new Error(message.reason));
            });
            this.#worker.once('error', reject);
            this.#worker.once('exit', () => reject(new Error('the load worker has ended')));
        });
        this.connected = next('connected').then(() => undefined);
        this.exhausted = next('exhausted').then(() => undefined);
        this.report = next('report').then((message) => message.report);
        // A failure is reported by whichever of them is awaited; the others must not crash the process.
        for (const promise of [this.connected, this.exhausted, this.report])
            promise.catch(() => { });
    }
    send(command) {
        this.#worker.postMessage(command);
    }
}
/** Part `index` when `total` is split evenly into `count` parts. */
function share(total, index, count) {
    return Math.floor(((index + 1) * total) / count) - Math.floor((index * total) / count);
}
function sumOf(reports, generatorCpuSeconds) {
    assert(reports.length > 0, 'a load has workers');
    const latency = new Histogram();
    const errors = {};
    let completed = 0;
    let bytes = 0;
    let perSecond = 0;
    let errorCount = 0;
    for (const report of reports) {
        latency.add(report.latency);
        completed += report.completed;
        bytes += report.bytes;
        perSecond += report.completed / (report.elapsedMs / 1000);
        for (const [error, count] of report.errors) {
            errors[error] = (errors[error] ?? 0) + count;
            errorCount += count;
        }
    }
    return {
        perSecond,
        completed,
        errorCount,
        errors,
        p50Ms: latency.quantileMicros(0.5) / 1000,
        p99Ms: latency.quantileMicros(0.99) / 1000,
        maxMs: latency.maxMicros / 1000,
        bytesPerAnswer: completed === 0 ? 0 : bytes / completed,
        generatorCpuSeconds,
    };
}
