/** What an operator writes: the settings file, the command line and the URLs in both. */

import { readCommandLine } from '../../../src/server/command-line.ts'
import { readConfigFile } from '../../../src/server/config-file.ts'
import { readInitialCluster } from '../../../src/server/initial-cluster.ts'
import { parseUrls } from '../../../src/server/server-url.ts'
import { peerAddressOf } from '../../../src/peer/peer-address.ts'
import { hold, type Decoder } from '../decoder.ts'

const INPUTS = 100_000
/** The parser gathers every error of a file, at two kilobytes a byte: an operator's, not a stranger's. */
const YAML_BYTES = 16 * 1024 * 1024

export function textDecoders(): Decoder[] {
  return [configFileDecoder(), commandLineDecoder(), urlsDecoder()]
}

function configFileDecoder(): Decoder {
  const files = [
    'name: n1\ndata-dir: /tmp/x\nsnapshot-count: 100\nlog-outputs: [stderr, stdout]\n',
    '{"name": "n1", "pre-vote": true, "listen-client-urls": "http://h:2379"}',
    'client-transport-security:\n  cert-file: a\n  allowed-hostname: b\npeer-transport-security: {}\n',
    'name: &a n1\ndata-dir: *a\n',
    'name: |\n  more\n  lines\nquota-backend-bytes: 0x10\nheartbeat-interval: !!str 5\n',
  ]
  return {
    name: 'text/config-file',
    seeds: files.map((text) => Buffer.from(text)),
    inputs: INPUTS,
    form: 'text',
    freeBytes: YAML_BYTES,
    run: (bytes) => {
      const file = readConfigFile('file', bytes.toString())
      if (!file.ok) hold(file.message !== '', 'a refusal without words')
      return file.ok
    },
  }
}

/** Words are divided by bars. */
function commandLineDecoder(): Decoder {
  const lines = [
    '--name|n1|--data-dir=/tmp/x',
    '-name=n1|-pre-vote|--snapshot-count|100',
    '--help',
    '--version=false|--listen-client-urls|http://h:1',
    '--cert-file|x|gateway',
    '--nme|--|x',
  ]
  return {
    name: 'text/command-line',
    seeds: lines.map((text) => Buffer.from(text)),
    inputs: 20_000,
    form: 'text',
    run: (bytes) => {
      const line = readCommandLine(bytes.toString().split('|'))
      hold(line.type !== 'fail' || line.message !== '', 'a refusal without words')
      return line.type !== 'fail'
    },
  }
}

function urlsDecoder(): Decoder {
  const texts = [
    'http://10.0.0.1:2380,http://localhost:1',
    'http://[::1]:2380',
    'n1=http://10.0.0.1:2380,n2=http://10.0.0.2:2380,n1=http://10.0.0.3:2380',
    'https://a:1',
    'unix://x:1/path?q#f',
  ]
  const settings = { name: 'n1', state: 'new', advertisedPeerUrls: [] } as const
  return {
    name: 'text/urls',
    seeds: texts.map((text) => Buffer.from(text)),
    inputs: INPUTS,
    form: 'text',
    run: (bytes) => {
      const text = bytes.toString()
      readInitialCluster(text, '--initial-cluster', settings)
      peerAddressOf(text)
      const parsed = parseUrls(text)
      if (!parsed.ok) return false
      for (const { port } of parsed.urls) hold(port >= 0 && port <= 65_535, 'a port is none')
      return true
    },
  }
}
