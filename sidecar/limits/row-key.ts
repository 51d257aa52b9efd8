// Which of a row's counts a request or attempt belongs to.
//
// Pod, workload and namespace have one value within a sidecar, so only provider, model and headers tell counts of one process apart.
// A header's value is the client's to choose: how many there can be is bounded by the row (row-counts.ts), how long one is, here.
import { hash } from 'node:crypto'
import type { LimitKeyConfig } from '../../contract/limit-config.ts'
import { header, type RequestHead } from '../request/head.ts'

export interface KeyValues {
  /** Id of the provider that is about to be asked; '' for rows that are taken once per request. */
  readonly provider: string
  /** The configured name; '' for a model that only the client names, and for rows that are taken once per request. */
  readonly model: string
  readonly head: RequestHead
}

/** Different for different values: a value as it is when there is one, a JSON list of several. */
export type KeyOf = (values: KeyValues) => string

/** Longer ones are kept as their hash. */
const KEY_LENGTH_MAX = 256

/** Undefined when there is only one count in this process. */
export function compileKey(per: readonly LimitKeyConfig[]): KeyOf | undefined {
  const parts = per.flatMap((key) => compilePart(key) ?? [])
  const [first] = parts
  if (first === undefined) return undefined
  if (parts.length === 1) return (values) => short(first(values))
  return (values) => short(JSON.stringify(parts.map((part) => part(values))))
}

function compilePart(key: LimitKeyConfig): KeyOf | undefined {
  switch (key.type) {
    case 'Pod':
    case 'Workload':
    case 'Namespace':
      return undefined
    case 'Provider':
      return ({ provider }) => provider
    case 'Model':
      return ({ model }) => model
    case 'Header':
      return ({ head }) => header(head, key.name) ?? ''
  }
}

function short(key: string): string {
  return key.length <= KEY_LENGTH_MAX ? key : `sha256:${hash('sha256', key)}`
}
