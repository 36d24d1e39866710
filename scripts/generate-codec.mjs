/**
 * Writes src/rpc/codec/*.ts from proto/*.proto: `node scripts/generate-codec.mjs`.
 *
 * The output is checked in, and a test fails when it is not what this program writes. protobufjs
 * reads the .proto files; nothing of it is needed at run time. How a field looks inside the program
 * is decided in one place, `mappingOf`.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as prettier from 'prettier'
import protobuf from 'protobufjs'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')

/** .proto file to the module generated from it. */
const MODULES = new Map([
  ['kv.proto', 'mvccpb'],
  ['auth.proto', 'authpb'],
  ['rpc.proto', 'etcdserverpb'],
  ['v3lock.proto', 'v3lockpb'],
  ['v3election.proto', 'v3electionpb'],
  ['health.proto', 'health'],
  ['quorate.proto', 'quoratepb'],
])

/** Bytes that are keys or prefixes of keys, by field name, in the packages where they are. */
const KEY_FIELDS = new Set(['key', 'range_end', 'keys'])
const KEY_PREFIX_PACKAGES = new Set(['v3lockpb', 'v3electionpb'])

/** Integers that a client may mint and gets back as they are. */
const BIGINT_FIELDS = new Set(['lease', 'watch_id'])
const LEASE_ID_MESSAGES = /^Lease/

/** Ids of members and clusters. */
const HEX_ID_FIELDS = new Set(['cluster_id', 'member_id', 'memberID', 'targetID', 'proposer'])
const MEMBER_ID_MESSAGES = /^Member/

/** Messages that stay encoded where another message holds them. */
const OPAQUE_MESSAGES = new Set(['.mvccpb.KeyValue'])

const MAPPINGS = {
  key: { type: 'Key', zero: "'' as Key", read: 'key', wireType: 2, present: isNotEmpty },
  bytes: { type: 'Uint8Array', zero: 'NO_BYTES', read: 'view', wireType: 2, present: isNotEmpty },
  string: { type: 'string', zero: "''", read: 'string', wireType: 2, present: isNotEmpty },
  bigint: {
    type: 'bigint',
    zero: '0n',
    read: 'bigint',
    wireType: 0,
    present: (v) => `${v} !== 0n`,
  },
  hexId: {
    type: 'string',
    zero: "''",
    read: 'hexId',
    wireType: 0,
    present: (v) => `!isNoId(${v})`,
  },
  bool: { type: 'boolean', zero: 'false', read: 'bool', wireType: 0, present: (v) => v },
  int32: number('int32'),
  uint32: number('uint32'),
  int64: number('int64'),
  uint64: number('uint64'),
}

function number(read) {
  return { type: 'number', zero: '0', read, wireType: 0, present: (v) => `${v} !== 0` }
}

function isNotEmpty(value) {
  return `${value}.length !== 0`
}

/** The table of rules from a field in the .proto to its type in the program. */
function mappingOf(field) {
  const { name, type, parent } = field
  const inPackage = parent.fullName.split('.')[1]
  if (field.resolvedType instanceof protobuf.Enum) {
    return { ...MAPPINGS.int32, type: typeName(field.resolvedType), enumType: field.resolvedType }
  }
  if (field.resolvedType instanceof protobuf.Type) return messageMapping(field.resolvedType)
  switch (type) {
    case 'bytes':
      if (KEY_FIELDS.has(name)) return MAPPINGS.key
      return KEY_PREFIX_PACKAGES.has(inPackage) && name === 'name' ? MAPPINGS.key : MAPPINGS.bytes
    case 'int64':
      if (BIGINT_FIELDS.has(name)) return MAPPINGS.bigint
      return name === 'ID' && LEASE_ID_MESSAGES.test(parent.name) ? MAPPINGS.bigint : MAPPINGS.int64
    case 'uint64':
      if (HEX_ID_FIELDS.has(name)) return MAPPINGS.hexId
      if (name === 'ID' && MEMBER_ID_MESSAGES.test(parent.name)) return MAPPINGS.hexId
      return name === 'leader' && parent.name === 'StatusResponse'
        ? MAPPINGS.hexId
        : MAPPINGS.uint64
    default: {
      const mapping = MAPPINGS[type]
      if (mapping === undefined) throw new Error(`${field.fullName}: no rule for ${type}`)
      return mapping
    }
  }
}

function messageMapping(message) {
  if (OPAQUE_MESSAGES.has(message.fullName)) {
    return { ...MAPPINGS.bytes, zero: 'undefined', isMessage: true, isOpaque: true }
  }
  return { type: typeName(message), zero: 'undefined', wireType: 2, isMessage: true, message }
}

// Names.

/** "RangeRequest.SortOrder" is RangeRequest_SortOrder. */
function typeName(type) {
  const parent = type.parent
  return parent instanceof protobuf.Type ? `${typeName(parent)}_${type.name}` : type.name
}

/** prev_kv is prevKv, peerURLs is peerUrls, ID is id. */
function fieldName(name) {
  return name
    .replace(/URL/g, 'Url')
    .replace(/ID/g, 'Id')
    .replace(/TTL/g, 'Ttl')
    .replace(/_(\w)/g, (_, letter) => letter.toUpperCase())
    .replace(/^\w/, (letter) => letter.toLowerCase())
}

// One module.

class Module {
  #name
  #imports = new Map()

  constructor(name) {
    this.#name = name
  }

  use(module, name) {
    if (module === this.#name) return
    const path = module.startsWith('.') ? module : `./${module}.ts`
    if (!this.#imports.has(path)) this.#imports.set(path, new Set())
    this.#imports.get(path).add(name)
  }

  /** The imports of the body: what of the wire functions appears in it, and what `use` collected. */
  imports(body) {
    const wordOf = (name) => new RegExp(`\\b${name}\\b`)
    for (const name of WIRE_NAMES) if (wordOf(name).test(body)) this.use('wire', name)
    for (const name of HEX_ID_NAMES) if (wordOf(name).test(body)) this.use('hex-id', name)
    if (/\bKey\b/.test(body)) this.use('../../base/key.ts', 'type Key')
    return [...this.#imports]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, names]) => importCode(path, [...names]))
      .join('')
  }
}

function importCode(path, names) {
  const bare = (name) => name.replace('type ', '')
  const sorted = names.toSorted((a, b) => (bare(a) < bare(b) ? -1 : 1))
  const isTypes = sorted.every((name) => name.startsWith('type '))
  const list = isTypes ? sorted.map(bare) : sorted
  return `import ${isTypes ? 'type ' : ''}{ ${list.join(', ')} } from '${path}'\n`
}

const HEX_ID_NAMES = ['isNoId', 'sizeOfHexId', 'writeHexId']

const WIRE_NAMES = [
  'LOG_NESTING_MAX',
  'Reader',
  'NO_BYTES',
  'finish',
  'sizeOfBigint',
  'sizeOfBytes',
  'sizeOfDelimited',
  'sizeOfInt',
  'sizeOfKey',
  'sizeOfLength',
  'sizeOfString',
  'writeBigint',
  'writeBytes',
  'writeInt',
  'writeKey',
  'writeLength',
  'writeString',
]

function generateModule(file, types) {
  const name = MODULES.get(file)
  const module = new Module(name)
  const parts = types.map((type) => {
    if (type instanceof protobuf.Enum) return enumCode(type)
    return type instanceof protobuf.Service ? serviceCode(type) : messageCode(type, module)
  })
  const services = types.filter((type) => type instanceof protobuf.Service)
  if (services.length > 0) parts.push(serviceNamesCode(services))
  const body = parts.join('\n')
  return (
    `// Generated from proto/${file} by scripts/generate-codec.mjs. Do not edit.\n\n` +
    `${module.imports(body)}\n${body}`
  )
}

function enumCode(type) {
  const name = typeName(type)
  const values = Object.entries(type.values).map(([key, value]) => `${key}: ${value},`)
  return `export const ${name} = {\n${values.join('\n')}\n} as const
    /** One of the constants, or a number that this version does not know. */
    export type ${name} = number\n`
}

function serviceCode(service) {
  const packageName = service.parent.fullName.slice(1)
  const methods = service.methodsArray.map((method) => {
    const [request, response] = [method.resolvedRequestType, method.resolvedResponseType]
    return `${fieldName(method.name)}: {
      path: '/${packageName}.${service.name}/${method.name}',
      codec: { decode: decode${typeName(request)}, encode: encode${typeName(response)} },
    },`
  })
  return `/** Paths and codecs of ${packageName}.${service.name}. */
    export const ${service.name}Service = {\n${methods.join('\n')}\n} as const\n`
}

function serviceNamesCode(services) {
  const names = services.map(({ fullName }) => `'${fullName.slice(1)}',`)
  return `/** The names of the package's services. */
    export const SERVICES = [\n${names.join('\n')}\n] as const\n`
}

function messageCode(message, module) {
  const fields = fieldsOf(message, module)
  return [
    interfaceCode(message, fields, ''),
    interfaceCode(message, fields, 'Input'),
    readCode(message, fields),
    sizeCode(message, fields),
    writeCode(message, fields),
    topLevelCode(message),
  ].join('\n')
}

/** Fields in the order of their numbers, with what the code for each needs to know. */
function fieldsOf(message, module) {
  return message.fieldsArray
    .toSorted((a, b) => a.id - b.id)
    .map((field) => {
      const mapping = mappingOf(field)
      importType(mapping, module)
      const oneof = field.partOf === null ? undefined : fieldName(field.partOf.name)
      const tag = field.id * 8 + (field.repeated && mapping.wireType === 0 ? 2 : mapping.wireType)
      return {
        name: fieldName(field.name),
        mapping,
        oneof,
        tag,
        repeated: field.repeated,
        id: field.id,
      }
    })
}

function importType({ message, enumType }, module) {
  const type = message ?? enumType
  if (type === undefined) return
  const from = MODULES.get(type.filename)
  const name = typeName(type)
  module.use(from, `type ${name}`)
  if (message === undefined) return
  module.use(from, `type ${name}Input`)
  module.use(from, `read${name}`)
  module.use(from, `sizeOf${name}`)
  module.use(from, `write${name}`)
}

// Types.

function interfaceCode(message, fields, suffix) {
  const name = `${typeName(message)}${suffix}`
  if (fields.length === 0) return `export type ${name} = Readonly<Record<never, never>>\n`
  const lines = []
  for (const [key, members] of groupOneofs(fields)) {
    const type =
      members[0].oneof === undefined ? plainType(members[0], suffix) : unionType(members, suffix)
    lines.push(suffix === '' ? `readonly ${key}: ${type}` : `${key}?: ${type}`)
  }
  return `export interface ${name} {\n${lines.join('\n')}\n}\n`
}

/** Property name to the fields that share it: more than one for a oneof. */
function groupOneofs(fields) {
  const groups = new Map()
  for (const field of fields) {
    const key = field.oneof ?? field.name
    groups.set(key, [...(groups.get(key) ?? []), field])
  }
  return groups
}

function valueType({ mapping }, suffix) {
  return mapping.message === undefined ? mapping.type : `${mapping.type}${suffix}`
}

function plainType(field, suffix) {
  const type = valueType(field, suffix)
  const optional = suffix === '' ? '' : ' | undefined'
  if (field.repeated) return `readonly ${type}[]${optional}`
  return field.mapping.isMessage ? `${type} | undefined` : `${type}${optional}`
}

function unionType(members, suffix) {
  const cases = members.map(
    (field) => `| { readonly case: '${field.name}'; readonly value: ${valueType(field, suffix)} }`,
  )
  return `\n${cases.join('\n')}\n| undefined`
}

// Reading.

function readCode(message, fields) {
  const name = typeName(message)
  if (fields.length === 0) {
    return `export function read${name}(reader: Reader): ${name} {
      while (reader.pos < reader.end) reader.skip(reader.tag())
      return {}
    }\n`
  }
  const groups = [...groupOneofs(fields)]
  const locals = groups.map(([key, members]) => localCode(key, members[0], name))
  const cases = fields.map((field) => caseCode(field))
  return `export function read${name}(reader: Reader): ${name} {
    ${locals.join('\n')}
    while (reader.pos < reader.end) {
      const tag = reader.tag()
      switch (tag) {
        ${cases.join('\n')}
        default:
          reader.skip(tag)
      }
    }
    return { ${groups.map(([key]) => key).join(', ')} }
  }\n`
}

function localCode(key, field, messageName) {
  if (field.oneof !== undefined) return `let ${key}: ${messageName}['${key}']`
  if (field.repeated) return `const ${key}: ${field.mapping.type}[] = []`
  if (field.mapping.isMessage) return `let ${key}: ${field.mapping.type} | undefined`
  const { type, zero } = field.mapping
  const annotation = type === 'Uint8Array' || field.mapping.enumType ? `: ${type}` : ''
  return `let ${key}${annotation} = ${zero}`
}

function caseCode(field) {
  const { mapping, tag, name } = field
  const packed = field.repeated && mapping.wireType === 0
  if (packed) {
    return `case ${hex(tag)}: {
        const outer = reader.enter()
        while (reader.pos < reader.end) ${name}.push(reader.${mapping.read}())
        reader.leave(outer)
        break
      }
      case ${hex(tag - 2)}:
        ${name}.push(reader.${mapping.read}())
        break`
  }
  if (mapping.message === undefined) {
    return `case ${hex(tag)}:\n${assignCode(field, `reader.${mapping.read}()`)}\nbreak`
  }
  return `case ${hex(tag)}: {
      const outer = reader.enter()
      ${assignCode(field, `read${mapping.type}(reader)`)}
      reader.leave(outer)
      break
    }`
}

function assignCode(field, value) {
  if (field.oneof !== undefined)
    return `${field.oneof} = { case: '${field.name}', value: ${value} }`
  return field.repeated ? `${field.name}.push(${value})` : `${field.name} = ${value}`
}

// Sizes.

function sizeCode(message, fields) {
  const name = typeName(message)
  if (fields.length === 0) {
    return `export function sizeOf${name}(_message: ${name}Input): number {\nreturn 0\n}\n`
  }
  const groups = [...groupOneofs(fields)]
  const parts = groups.map(([key, members]) => {
    const [field] = members
    if (field.oneof !== undefined)
      return unionCode(key, members, (one, value) => `size += ${sizeOfField(one, value)}`)
    if (!field.repeated) return ifPresent(field, `size += ${sizeOfField(field, field.name)}`)
    if (field.mapping.wireType === 0) {
      return `if (${key} !== undefined && ${key}.length !== 0) {
        let packed = 0
        for (const value of ${key}) packed += ${valueSize(field.mapping, 'value')}
        size += ${tagBytes(field).length} + sizeOfDelimited(packed)
      }`
    }
    return `if (${key} !== undefined) {\nfor (const value of ${key}) size += ${sizeOfField(field, 'value')}\n}`
  })
  return `export function sizeOf${name}(message: ${name}Input): number {
    const { ${groups.map(([key]) => key).join(', ')} } = message
    let size = 0
    ${parts.join('\n')}
    return size
  }\n`
}

function sizeOfField(field, value) {
  return `${tagBytes(field).length} + ${valueSize(field.mapping, value)}`
}

function valueSize(mapping, value) {
  if (mapping.message !== undefined) return `sizeOfDelimited(sizeOf${mapping.type}(${value}))`
  switch (mapping.read) {
    case 'key':
    case 'view':
      return `sizeOfDelimited(${value}.length)`
    case 'bool':
      return '1'
    default:
      return `sizeOf${writerOf(mapping)}(${value})`
  }
}

/** The part of the wire functions' names that tells the encoding. */
function writerOf({ read }) {
  const writers = { key: 'Key', view: 'Bytes', string: 'String', bigint: 'Bigint', hexId: 'HexId' }
  return writers[read] ?? 'Int'
}

function ifPresent(field, code) {
  const { name, mapping } = field
  const present = mapping.isMessage ? '' : ` && ${mapping.present(name)}`
  if (mapping.read === 'bool') return `if (${name} === true) ${block(code)}`
  return `if (${name} !== undefined${present}) ${block(code)}`
}

function block(code) {
  return `{\n${code}\n}`
}

function unionCode(key, members, code) {
  const cases = members.map(
    (field) => `case '${field.name}':\n${code(field, `${key}.value`)}\nbreak`,
  )
  return `switch (${key}?.case) {\n${cases.join('\n')}\n}`
}

// Writing: everything in reverse, because it goes backwards.

function writeCode(message, fields) {
  const name = typeName(message)
  if (fields.length === 0) {
    return `export function write${name}(_buffer: Buffer, end: number, _message: ${name}Input): number {
      return end
    }\n`
  }
  const groups = [...groupOneofs(fields)]
  const parts = groups.toReversed().map(([key, members]) => {
    const [field] = members
    checkNeighbours(message, members, fields)
    if (field.oneof !== undefined) return unionCode(key, members, writeField)
    if (!field.repeated) return ifPresent(field, writeField(field, field.name))
    if (field.mapping.wireType === 0) return writePacked(field)
    return `if (${key} !== undefined) {
      for (let i = ${key}.length - 1; i >= 0; i--) {
        const value = ${key}[i]!
        ${writeField(field, 'value')}
      }
    }`
  })
  return `export function write${name}(buffer: Buffer, end: number, message: ${name}Input): number {
    const { ${groups.map(([key]) => key).join(', ')} } = message
    let pos = end
    ${parts.join('\n')}
    return pos
  }\n`
}

/** One switch writes a oneof, which is in the order of numbers only if its members are neighbours. */
function checkNeighbours(message, members, fields) {
  const first = fields.indexOf(members[0])
  const together = members.every((field, i) => fields[first + i] === field)
  if (!together) throw new Error(`${message.fullName}: other numbers lie inside a oneof's`)
}

function writePacked(field) {
  const { name, mapping } = field
  return `if (${name} !== undefined && ${name}.length !== 0) {
    const packedEnd = pos
    for (let i = ${name}.length - 1; i >= 0; i--) ${writeValue(mapping, `${name}[i]!`)}
    pos = writeLength(buffer, pos, packedEnd - pos)
    ${writeTag(field)}
  }`
}

function writeField(field, value) {
  const { mapping } = field
  if (mapping.message === undefined) return `${writeValue(mapping, value)}\n${writeTag(field)}`
  return `{
    const start = write${mapping.type}(buffer, pos, ${value})
    pos = writeLength(buffer, start, pos - start)
    ${writeTag(field)}
  }`
}

function writeValue(mapping, value) {
  // A false is never written, except inside a oneof or a list, where no bool is.
  if (mapping.read === 'bool') return 'buffer[--pos] = 1'
  return `pos = write${writerOf(mapping)}(buffer, pos, ${value})`
}

function writeTag(field) {
  return tagBytes(field)
    .toReversed()
    .map((byte) => `buffer[--pos] = ${hex(byte)}`)
    .join('\n')
}

function tagBytes({ tag }) {
  const bytes = []
  let rest = tag
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return [...bytes, rest]
}

function hex(value) {
  return `0x${value.toString(16).padStart(2, '0')}`
}

// What the rest of the program calls.

function topLevelCode(message) {
  const name = typeName(message)
  const isOurs = message.parent.name === 'quoratepb'
  return `export function decode${name}(bytes: Uint8Array): ${name} {
    return read${name}(new Reader(bytes${isOurs ? ', LOG_NESTING_MAX' : ''}))
  }

  export function encode${name}(message: ${name}Input): Uint8Array {
    const size = sizeOf${name}(message)
    const buffer = Buffer.allocUnsafe(size)
    return finish(buffer, write${name}(buffer, size, message))
  }\n`
}

// The whole.

/** The messages, enums and services of each file, nested ones after their parents. */
function loadProtos() {
  const root = new protobuf.Root()
  const byFile = new Map()
  for (const file of MODULES.keys()) {
    protobuf.parse.filename = file
    const before = new Set(allTypes(root))
    protobuf.parse(readFileSync(join(ROOT, 'proto', file), 'utf8'), root, { keepCase: true })
    const types = allTypes(root).filter((type) => !before.has(type))
    for (const type of types) type.filename = file
    byFile.set(file, types)
  }
  root.resolveAll()
  return byFile
}

function allTypes(namespace) {
  return namespace.nestedArray.flatMap((type) => {
    const isNamespace =
      type instanceof protobuf.Namespace && type.constructor === protobuf.Namespace
    const below = type instanceof protobuf.Namespace ? allTypes(type) : []
    return isNamespace ? below : [type, ...below]
  })
}

/** Module name to the text of its file. */
export async function generate() {
  const byFile = loadProtos()
  const options = await prettier.resolveConfig(join(ROOT, 'package.json'))
  const files = new Map()
  for (const [file, types] of byFile) {
    const text = generateModule(file, types)
    const path = `src/rpc/codec/${MODULES.get(file)}.ts`
    files.set(path, await prettier.format(text, { ...options, parser: 'typescript' }))
  }
  return files
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of await generate()) writeFileSync(join(ROOT, path), text)
}
