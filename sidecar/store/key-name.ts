// What counts are called in the store. All keys of one count share a hash tag (the part in braces), so that a cluster keeps them on one
// node and a script finds them there. Pod, workload and namespace, which one sidecar has one value of, are told apart here. The prefix of
// the store's address is not in it: the connection puts it in front, so that another address is no other count.
import { hash } from 'node:crypto'
import type { LimitScope } from '../../contract/limit-config.ts'
import type { CountedRow } from '../limits/limit-row.ts'

/** Who this sidecar is; '' where it is not known. */
export interface Identity {
  pod: string
  workload: string
  namespace: string
}

/** What is written as it is; anything else, and what is longer, as its hash: braces would end the hash tag. */
const PLAIN = /^[\w.:/@|-]{1,160}$/

/** `key`: the values of the row's keys that differ within this process. */
export function countName(row: CountedRow, key: string, identity: Identity): string {
  const own = row.per.flatMap(({ type }) => ownValue(type, identity) ?? [])
  const values = key === '' ? own : [...own, key]
  return `{${plain([row.id, ...values])}}:${row.what}`
}

/** Of the sidecars that meet in counts of this scope. */
export function presenceName(scope: LimitScope, { pod, workload, namespace }: Identity): string {
  switch (scope) {
    case 'Pod':
      return `{${plain(['sidecars', namespace, workload, pod])}}`
    case 'Workload':
      return `{${plain(['sidecars', namespace, workload])}}`
    case 'Namespace':
      return `{${plain(['sidecars', namespace])}}`
    case 'Cluster':
      return '{sidecars}'
  }
}

// A pod's or workload's name says something within its namespace only.
function ownValue(type: string, { pod, workload, namespace }: Identity): string | undefined {
  if (type === 'Pod') return `${namespace}/${pod}`
  if (type === 'Workload') return `${namespace}/${workload}`
  return type === 'Namespace' ? namespace : undefined
}

function plain(parts: readonly string[]): string {
  const text = parts.join('|')
  const isPlain = PLAIN.test(text) && !parts.some((part) => part.includes('|'))
  return isPlain ? text : `sha256:${hash('sha256', JSON.stringify(parts))}`
}
