/**
 * `npm run cluster -- [--data-dir folder] [--port number] [flags]`: three members on this machine,
 * n1, n2 and n3, on the ports of etcd's own Procfile, with their logs in one stream.
 *
 *            clients        members
 *   n1   --port = 2379       2380     data in n1.etcd, in --data-dir or where it is started
 *   n2         22379        22380             n2.etcd
 *   n3         32379        32380             n3.etcd
 *
 * All other flags go to each of the members. Ctrl-C stops all of them; the next start goes on with
 * their data. A member that ends by itself leaves the others running.
 */

import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { checkNode, ensureBuild, ensurePackages, fail, say, SERVER } from './setup.mjs'

const DEFAULT_PORT = 2379
const PORT_STEPS = [0, 20_000, 30_000]
const HOST = '127.0.0.1'
const COLORS = [36, 33, 35]
const HEALTH_INTERVAL_MS = 200
/** Flags that differ from member to member, or that all three must agree on. */
const OWN_FLAGS = [
  'name',
  'listen-client-urls',
  'advertise-client-urls',
  'listen-peer-urls',
  'initial-advertise-peer-urls',
  'initial-cluster',
  'initial-cluster-state',
  'force-new-cluster',
  'config-file',
]

let stopping = false
const { dataDirectory, port, words } = readWords(process.argv.slice(2))
const members = PORT_STEPS.map((step, i) => ({
  name: `n${i + 1}`,
  color: COLORS[i],
  clientPort: port + step,
  peerPort: port + step + 1,
  clientUrl: `http://${HOST}:${port + step}`,
  peerUrl: `http://${HOST}:${port + step + 1}`,
  directory: join(dataDirectory, `n${i + 1}.etcd`),
}))
checkNode()
ensurePackages(false)
ensureBuild()
await checkPorts()
const children = members.map(start)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(signal))
const ends = Promise.all(children.map(ended))
void tellWhenReady()
process.exit(exitCode(await ends))

function readWords(argv) {
  const found = { 'data-dir': '', port: String(DEFAULT_PORT) }
  const words = []
  for (let i = 0; i < argv.length; i++) {
    const [, name = '', value] = /^--?([^=]+)(?:=(.*))?$/s.exec(argv[i]) ?? []
    if (OWN_FLAGS.includes(name)) fail(`--${name} is set for each member by itself`)
    if (!Object.hasOwn(found, name)) words.push(argv[i])
    else found[name] = value ?? argv[++i] ?? fail(`--${name} needs a value`)
  }
  const port = Number(found.port)
  const highest = 65_534 - Math.max(...PORT_STEPS)
  if (!Number.isInteger(port) || port < 1 || port > highest) {
    fail(`--port is the first client port, from 1 to ${highest}`)
  }
  return { dataDirectory: found['data-dir'], port, words }
}

/** Better one sentence now than three members that cannot find each other. */
async function checkPorts() {
  for (const { name, clientPort, peerPort } of members) {
    for (const port of [clientPort, peerPort]) {
      const problem = await problemWithPort(port)
      if (problem !== undefined) fail(`${name} needs port ${port}, but ${problem}; see --port`)
    }
  }
}

function problemWithPort(port) {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) =>
      resolve(error.code === 'EADDRINUSE' ? 'another program uses it' : error.message),
    )
    server.listen(port, HOST, () => server.close(() => resolve(undefined)))
  })
}

function start(member) {
  const child = spawn(process.execPath, [SERVER, ...words, ...flagsOf(member)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  copyLines(child.stdout, process.stdout, member)
  copyLines(child.stderr, process.stderr, member)
  return child
}

function flagsOf({ name, clientUrl, peerUrl, directory }) {
  const cluster = members.map((member) => `${member.name}=${member.peerUrl}`).join(',')
  const flags = {
    name,
    'data-dir': directory,
    'listen-client-urls': clientUrl,
    'advertise-client-urls': clientUrl,
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': cluster,
    // Behind a pipe a member takes its terminal for a file.
    ...(process.stderr.isTTY && !gives('log-format') ? { 'log-format': 'console' } : {}),
  }
  return Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)
}

function gives(flag) {
  return words.some((word) => word.replace(/^--?|=.*$/gs, '') === flag)
}

function copyLines(from, to, { name, color }) {
  const isPlain = !to.isTTY || (process.env.NO_COLOR ?? '') !== ''
  const prefix = isPlain ? `${name} |` : `\u001b[${color}m${name} |\u001b[39m`
  createInterface({ input: from, crlfDelay: Infinity }).on('line', (line) =>
    to.write(`${prefix} ${line}\n`),
  )
}

/** From a terminal each member gets a Ctrl-C of its own as well; it knows that it may come twice. */
function stop(signal) {
  stopping = true
  for (const child of children) child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal)
}

/** Resolves when the process has ended and all it wrote has been read. */
function ended(child, i) {
  const { name } = members[i]
  return new Promise((resolve) => {
    child.once('error', (error) => fail(`${name} cannot be started: ${error.message}`))
    child.once('close', (code, signal) => {
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`
      if (!stopping) say(`${name} ended ${how}`)
      resolve({ code: code ?? 1, wasAsked: stopping })
    })
  })
}

/** Who asks for the end wants to know how that went, not what became of a member before. */
function exitCode(ends) {
  const asked = ends.filter(({ wasAsked }) => wasAsked)
  const counting = asked.length > 0 ? asked : ends
  return counting.find(({ code }) => code !== 0)?.code ?? 0
}

async function tellWhenReady() {
  for (const { clientUrl } of members) {
    while (!(await isHealthy(clientUrl))) {
      await new Promise((resolve) => setTimeout(resolve, HEALTH_INTERVAL_MS))
    }
  }
  if (stopping) return
  const endpoints = members.map(({ clientUrl }) => clientUrl).join(',')
  say(`all members are ready; try: etcdctl --endpoints ${endpoints} endpoint status -w table`)
}

async function isHealthy(clientUrl) {
  try {
    return (await fetch(`${clientUrl}/health`)).ok
  } catch {
    return false
  }
}
