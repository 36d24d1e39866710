/** Maximum matching of revisions and the calls that may have made them, by augmenting paths. */

/** `edges[i]` are the right-hand sides that fit left-hand side i. Undefined where none is left. */
export function maximumMatching<Right>(
  edges: readonly (readonly Right[])[],
): (Right | undefined)[] {
  const leftOf = new Map<Right, number>()
  for (const i of edges.keys()) augment(edges, leftOf, i, new Set())
  const matched: (Right | undefined)[] = edges.map(() => undefined)
  for (const [right, left] of leftOf) matched[left] = right
  return matched
}

function augment<Right>(
  edges: readonly (readonly Right[])[],
  leftOf: Map<Right, number>,
  left: number,
  tried: Set<Right>,
): boolean {
  for (const right of edges[left]!) {
    if (tried.has(right)) continue
    tried.add(right)
    const other = leftOf.get(right)
    if (other === undefined || augment(edges, leftOf, other, tried)) {
      leftOf.set(right, left)
      return true
    }
  }
  return false
}
