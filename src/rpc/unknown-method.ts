/** Calls of methods that are not served, answered in the words of Go's gRPC server. */

import { STATUS, StatusError } from './status.ts'

/** "/etcdserverpb.KV/Put" is ["etcdserverpb.KV", "Put"]. */
function splitPath(path: string): readonly [service: string, method: string] | undefined {
  const slash = path.lastIndexOf('/')
  const start = path.startsWith('/') ? 1 : 0
  return slash < start ? undefined : [path.slice(start, slash), path.slice(slash + 1)]
}

/** The services that the given method paths belong to. */
export function servicesOf(paths: Iterable<string>): Set<string> {
  return new Set([...paths].map((path) => splitPath(path)?.[0] ?? ''))
}

export function unknownMethod(path: string, services: ReadonlySet<string>): StatusError {
  return new StatusError(STATUS.UNIMPLEMENTED, unknownMethodText(path, services))
}

function unknownMethodText(path: string, services: ReadonlySet<string>): string {
  const parts = splitPath(path)
  if (parts === undefined) return `malformed method name: ${JSON.stringify(path)}`
  const [service, method] = parts
  if (services.has(service)) return `unknown method ${method} for service ${service}`
  return `unknown service ${service}`
}
