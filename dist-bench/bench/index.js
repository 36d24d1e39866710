/** `npm run bench -- put | range | responsive`: see README.md here. */
import { writeFileSync } from 'node:fs';
import { comparisonTable } from './comparison.js';
import { describeMachine, machineLines } from './machine.js';
import { parseOptions, usage } from './options.js';
import { printProfiles } from './profile-summary.js';
import { benchPut, putCases } from './put.js';
import { benchRange, rangeCases } from './range.js';
import { benchResponsive, responsiveTable } from './responsive.js';
import { findTargets } from './targets.js';
const benchmarks = {
    async put(targets, options) {
        const samples = await benchPut(targets, options);
        return { samples, text: comparisonTable(targets, putCases(options), samples) };
    },
    async range(targets, options) {
        const samples = await benchRange(targets, options);
        return { samples, text: comparisonTable(targets, rangeCases(options), samples) };
    },
    async responsive(targets, options) {
        const samples = await benchResponsive(targets, options);
        return { samples, text: responsiveTable(samples) };
    },
};
/** Responsive's work has to be long; the others need fewer keys. */
const defaultKeys = { responsive: '200000' };
async function main([name = '', ...args]) {
    const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
    if (benchmark === undefined) {
        console.error(usage);
        process.exitCode = 2;
        return;
    }
    const options = parseOptions(['--keys', defaultKeys[name] ?? '100000', ...args]);
    const targets = findTargets(options);
    const machine = describeMachine(options.dataDir);
    const { text, samples } = await benchmark(targets, options);
    const labels = targets.map((target) => target.label);
    console.log(`${machineLines(machine, labels)}\n\n${text}`);
    if (options.json !== undefined) {
        const all = { benchmark: name, machine, servers: labels, options, samples };
        writeFileSync(options.json, `${JSON.stringify(all, undefined, 2)}\n`);
    }
    if (options.profileDir !== undefined)
        printProfiles(options.profileDir);
}
// An exit that servers notice: their 'exit' handlers run, which a bare signal would skip.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
await main(process.argv.slice(2));
