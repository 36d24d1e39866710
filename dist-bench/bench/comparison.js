/**
 * The scheme that `put` and `range` share. Servers take turns (A B A B …), each turn on a fresh
 * server with a fresh data folder; a turn goes through every case. A row shows the medians over the
 * rounds, so one slow phase of a shared machine does not decide.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Load, runToEnd } from './load-generator/load.js';
import { ServerProcess } from './server-process.js';
import { count, fixed, median, table } from './table.js';
/** Writes every key once, from many clients. */
export async function fill(server, options, fill) {
    const { host, port } = server;
    const workload = { kind: 'fill', valueBytes: options.valueBytes, ...fill };
    await runToEnd({ host, port, clients: 256, workload });
}
/** `prepare` runs on every fresh server, before the cases. */
export async function compare(targets, cases, options, prepare) {
    const samples = [];
    for (let round = 1; round <= options.rounds; round++) {
        for (const target of targets) {
            const server = await ServerProcess.start(target, options.dataDir);
            try {
                await prepare(server);
                for (const it of cases) {
                    const sample = await measure(server, target, it, round, options);
                    report(sample);
                    samples.push(sample);
                }
            }
            finally {
                await server.stop();
            }
        }
    }
    return samples;
}
async function measure(server, target, { operation, clients, workload }, round, options) {
    const { host, port } = server;
    const { connections, workers } = options;
    const plan = {
        host,
        port,
        clients,
        workload,
        ...(connections === undefined ? {} : { connections: Math.min(connections, clients) }),
        ...(workers === undefined ? {} : { workers }),
    };
    const load = await Load.start(plan);
    await sleep(options.warmUpSeconds * 1000);
    load.mark();
    const before = server.usage();
    await sleep(options.seconds * 1000);
    const after = server.usage();
    const result = await load.finish();
    const serverCpuSeconds = after.cpuSeconds - before.cpuSeconds;
    return {
        ...result,
        target: target.label,
        operation,
        clients,
        round,
        serverCpuSecondsPerThousand: (serverCpuSeconds / result.completed) * 1000,
        serverRssBytes: after.rssBytes,
    };
}
/** Progress, on stderr so that stdout holds the result alone. */
function report(sample) {
    const { round, target, operation, clients, perSecond, p99Ms, errorCount, errors } = sample;
    console.error(`round ${round}  ${target}  ${operation}  ${clients} clients: ${count(perSecond)}/s, ` +
        `p99 ${fixed(p99Ms, 2)} ms${errorCount === 0 ? '' : `, ERRORS ${JSON.stringify(errors)}`}`);
}
/** One row per case and target; the ratio is ours to that row's throughput. */
export function comparisonTable(targets, cases, samples) {
    const rows = cases.flatMap(({ operation, clients }) => {
        const samplesOf = (target) => samples.filter((it) => it.target === target.label && it.operation === operation && it.clients === clients);
        const ours = targets.find((target) => target.kind === 'quorate');
        const oursPerSecond = ours === undefined ? NaN : median(samplesOf(ours).map((it) => it.perSecond));
        return targets.map((target) => row(operation, clients, target, samplesOf(target), oursPerSecond));
    });
    const head = ['operation', 'server', 'clients', 'ops/s', 'ours ÷ this'];
    return table([...head, ...columns.map(([title]) => title), 'errors'], rows, { names: 2 });
}
/** Columns that show a median over the rounds: title, digits, figure. */
const columns = [
    ['p50 ms', 2, (it) => it.p50Ms],
    ['p99 ms', 2, (it) => it.p99Ms],
    ['max ms', 1, (it) => it.maxMs],
    ['CPU s/1000', 3, (it) => it.serverCpuSecondsPerThousand],
    ['RSS MiB', 0, (it) => it.serverRssBytes / 2 ** 20],
    ['load CPU µs/op', 1, (it) => (it.generatorCpuSeconds / it.completed) * 1e6],
];
function row(operation, clients, target, samples, oursPerSecond) {
    const perSecond = median(samples.map((it) => it.perSecond));
    return [
        operation,
        target.label,
        String(clients),
        count(perSecond),
        target.kind === 'quorate' ? '' : fixed(oursPerSecond / perSecond, 2),
        ...columns.map(([, digits, pick]) => fixed(median(samples.map(pick)), digits)),
        count(samples.reduce((sum, it) => sum + it.errorCount, 0)),
    ];
}
