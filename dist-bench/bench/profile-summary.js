/** Reads V8 CPU profiles (node --cpu-prof) and sums self time by function. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fixed, table } from './table.js';
const shownRows = 25;
/** The functions of one profile by self time, and their sum by place, idle time left out. */
export function summarizeProfile(profile) {
    const frameOf = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
    const byFunction = new Map();
    const byPlace = new Map();
    let busy = 0;
    let idle = 0;
    profile.samples.forEach((id, at) => {
        const frame = frameOf.get(id);
        const micros = profile.timeDeltas[at] ?? 0;
        if (frame === undefined || frame.functionName === '(idle)')
            idle += micros;
        else {
            busy += micros;
            add(byFunction, functionLabel(frame), micros);
            add(byPlace, placeLabel(frame), micros);
        }
    });
    return [
        `busy ${fixed(busy / 1e6, 1)} s, idle ${fixed(idle / 1e6, 1)} s`,
        topTable('function', byFunction, busy),
        topTable('place', byPlace, busy),
    ].join('\n\n');
}
function add(sums, name, micros) {
    sums.set(name, (sums.get(name) ?? 0) + micros);
}
function topTable(title, sums, busy) {
    const rows = [...sums]
        .sort((a, b) => b[1] - a[1])
        .slice(0, shownRows)
        .map(([name, micros]) => [
        name,
        fixed(micros / 1000, 0),
        `${fixed((micros / busy) * 100, 1)} %`,
    ]);
    return table([title, 'self ms', 'of busy'], rows, { names: 1 });
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
function functionLabel(frame) {
    const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
    return frame.url === '' ? name : `${name} ${shortUrl(frame)}:${frame.lineNumber + 1}`;
}
/** A folder of ours, a package, a part of Node, or V8's own "(garbage collector)" and the like. */
function placeLabel(frame) {
    if (frame.url === '')
        return frame.functionName.startsWith('(') ? frame.functionName : '(native)';
    const parts = shortUrl(frame).split('/');
    return parts.slice(0, parts.length > 2 || parts[0].startsWith('@') ? 2 : 1).join('/');
}
function shortUrl({ url }) {
    return url.replace(/^.*\/(dist|node_modules)\//, '').replace(/^file:\/\//, '');
}
