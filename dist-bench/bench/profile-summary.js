/** Reads V8 CPU profiles (node --cpu-prof) and sums self time by function. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fixed, table } from './table.js';
const shownFunctions = 25;
/** The functions of one profile by self time, as a share of all but idle time. */
export function summarizeProfile(profile) {
    const nameOf = new Map(profile.nodes.map((node) => [node.id, frameName(node)]));
    const selfMicros = new Map();
    profile.samples.forEach((id, at) => {
        const name = nameOf.get(id) ?? '?';
        selfMicros.set(name, (selfMicros.get(name) ?? 0) + (profile.timeDeltas[at] ?? 0));
    });
    const idle = selfMicros.get('(idle)') ?? 0;
    selfMicros.delete('(idle)');
    const busy = [...selfMicros.values()].reduce((sum, micros) => sum + micros, 0);
    const rows = [...selfMicros]
        .sort((a, b) => b[1] - a[1])
        .slice(0, shownFunctions)
        .map(([name, micros]) => [
        name,
        fixed(micros / 1000, 0),
        `${fixed((micros / busy) * 100, 1)} %`,
    ]);
    const head = `busy ${fixed(busy / 1e6, 1)} s, idle ${fixed(idle / 1e6, 1)} s`;
    return `${head}\n${table(['function', 'self ms', 'of busy'], rows, { names: 1 })}`;
}
/** Prints every profile of a folder, the longest first: that is the main thread's. */
export function printProfiles(folder) {
    const files = readdirSync(folder).filter((file) => file.endsWith('.cpuprofile'));
    const profiles = files.map((file) => ({
        file,
        profile: JSON.parse(readFileSync(path.join(folder, file), 'utf8')),
    }));
    profiles.sort((a, b) => b.profile.samples.length - a.profile.samples.length);
    for (const { file, profile } of profiles) {
        console.log(`\n${file}: ${summarizeProfile(profile)}`);
    }
}
function frameName({ callFrame: { functionName, url, lineNumber } }) {
    const name = functionName === '' ? '(anonymous)' : functionName;
    if (url === '')
        return name;
    const place = url.replace(/^.*\/(dist|node_modules)\//, '').replace(/^file:\/\//, '');
    return `${name} ${place}:${lineNumber + 1}`;
}
