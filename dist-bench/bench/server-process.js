/**
 * A server under measurement: a process of its own on random loopback ports, with a fresh data
 * folder on a real disk, and what Linux says it has used.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
const readyText = 'ready to serve client requests';
const readyTimeoutMs = 30_000;
const stopTimeoutMs = 20_000;
/** Linux reports process times in these ticks on every common architecture (USER_HZ). */
const clockTicksPerSecond = 100;
const keptLogBytes = 8192;
export class ServerProcess {
    host = '127.0.0.1';
    port;
    #child;
    #dataDir;
    #log = '';
    /** Nothing outlives this process, whatever ends it. */
    #onExit = () => {
        this.#child.kill('SIGKILL');
        rmSync(this.#dataDir, { recursive: true, force: true });
    };
    constructor(child, port, dataDir) {
        this.#child = child;
        this.port = port;
        this.#dataDir = dataDir;
        process.on('exit', this.#onExit);
    }
    /** Starts the server in a fresh folder below `parentDir`; resolves when it says it is ready. */
    static async start(target, parentDir) {
        const [port, peerPort] = await Promise.all([freePort(), freePort()]);
        const dataDir = mkdtempSync(path.join(parentDir, 'quorate-bench-'));
        const [program, ...leading] = target.command;
        const child = spawn(program, [...leading, ...flags(dataDir, port, peerPort)], {
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        const server = new ServerProcess(child, port, dataDir);
        try {
            await server.#untilReady();
        }
        catch (error) {
            await server.stop();
            throw error;
        }
        return server;
    }
    usage() {
        return readUsage(this.#child.pid);
    }
    /** Ends the process, by force if it takes too long, and removes its data. */
    async stop() {
        if (this.#child.exitCode === null && this.#child.signalCode === null) {
            const exited = once(this.#child, 'exit');
            this.#child.kill('SIGTERM');
            const force = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs);
            await exited;
            clearTimeout(force);
        }
        process.off('exit', this.#onExit);
        rmSync(this.#dataDir, { recursive: true, force: true });
    }
    #untilReady() {
        return new Promise((resolve, reject) => {
            const fail = (reason) => reject(new Error(`${reason}; it said:\n${this.#log}`));
            const timer = setTimeout(() => fail('the server was not ready in time'), readyTimeoutMs);
            const onOutput = (chunk) => {
                this.#log = (this.#log + chunk.toString()).slice(-keptLogBytes);
                if (!this.#log.includes(readyText))
                    return;
                clearTimeout(timer);
                resolve();
            };
            this.#child.stdout.on('data', onOutput);
            this.#child.stderr.on('data', onOutput);
            this.#child.once('error', (error) => fail(error.message));
            this.#child.once('exit', (code, signal) => {
                clearTimeout(timer);
                fail(`the server ended with ${code ?? signal}`);
            });
        });
    }
}
/** The same flags for every server: one member, room for the data that the benchmarks write. */
function flags(dataDir, port, peerPort) {
    const client = `http://127.0.0.1:${port}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    return [
        '--name=bench',
        `--data-dir=${path.join(dataDir, 'data')}`,
        `--listen-client-urls=${client}`,
        `--advertise-client-urls=${client}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=bench=${peer}`,
        '--quota-backend-bytes=8589934592',
    ];
}
async function freePort() {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
}
function readUsage(pid) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold spaces; utime and stime are fields 14 and 15 of the line.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    const rss = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return {
        cpuSeconds: ticks / clockTicksPerSecond,
        rssBytes: Number(rss?.[1] ?? 0) * 1024,
    };
}
