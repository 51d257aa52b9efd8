// Flags of the commands, beside the sidecar's own, and the process's environment: the only place that reads it.
import { type FlagTable, parseAddress, parseChoice, parseList } from '../process/flag.ts'
import { SIDECAR_FLAGS } from '../sidecar/settings.ts'
import type { Environment } from './flags.ts'
import type { UsageFormat } from './usage/render.ts'
import { parseSince } from './usage/since.ts'
import { DIMENSIONS, type Dimension } from './usage/totals.ts'

const NAMESPACE = {
  value: 'NAME',
  help: 'Namespace of the pod, and of objects that name none.',
  default: 'default',
  parse: parseNamespace,
}

export const RUN_FLAGS = { ...SIDECAR_FLAGS, namespace: NAMESPACE } satisfies FlagTable

export const COMPILE_FLAGS = { namespace: NAMESPACE } satisfies FlagTable

export const EXPLAIN_FLAGS = {
  output: {
    value: 'FORMAT',
    short: 'o',
    help: 'text for people, or json: the line of the access log itself.',
    default: 'text',
    parse: (text: string): 'text' | 'json' => parseChoice(text, ['text', 'json']),
  },
} satisfies FlagTable

export const USAGE_FLAGS = {
  from: {
    value: 'URL,…',
    help: 'Admin servers of sidecars; http://127.0.0.1:8788 where neither they nor a namespace is given.',
    form: 'List',
    default: '',
    parse: (text: string) => parseList(text).map(parseUrl),
  },
  namespace: {
    value: 'NAME',
    short: 'n',
    help: 'Asks the sidecars of this namespace, through the API server.',
    default: '',
    parse: (text: string) => (text === '' ? undefined : parseNamespace(text)),
  },
  allNamespaces: {
    value: '',
    short: 'A',
    form: 'Switch',
    help: 'Asks the sidecars of all namespaces, through the API server.',
    default: '',
    parse: (text: string) => (text === '' ? 'false' : parseChoice(text, ['true', 'false'])),
  },
  by: {
    value: 'NAME,…',
    help: `What a row is for: any of ${DIMENSIONS.join(', ')}.`,
    form: 'List',
    default: 'route,provider,model',
    parse: parseDimensions,
  },
  since: {
    value: 'DATE|DAYS',
    help: 'Leaves out what ended before this day (2026-11-21), or before so many (7d, today included); days are of UTC.',
    default: '',
    parse: parseSince,
  },
  output: {
    value: 'FORMAT',
    short: 'o',
    help: 'table, or json or csv, which have more columns.',
    default: 'table',
    parse: (text: string): UsageFormat => parseChoice(text, ['table', 'json', 'csv']),
  },
  kubeconfig: {
    value: 'FILE',
    help: 'How to reach the API server; else KUBECONFIG, ~/.kube/config, or the own ServiceAccount.',
    default: '',
    parse: (text: string) => text,
  },
} satisfies FlagTable

export const SERVE_FLAGS = {
  ...SIDECAR_FLAGS,
  configDir: {
    value: 'DIRECTORY',
    help: 'Mounted directory with the document and the credentials.',
    default: '/etc/outrigger',
    parse: (text: string) => text,
  },
} satisfies FlagTable

export const MOCK_FLAGS = {
  listen: { value: 'HOST:PORT', help: 'Where the mock listens.', default: '127.0.0.1:8789', parse: parseAddress },
} satisfies FlagTable

export function environment(): Environment {
  return process.env
}

function parseUrl(text: string): string {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new Error(`expected URLs such as http://127.0.0.1:8788, not "${text}"`)
  }
  return text
}

function parseDimensions(text: string): readonly Dimension[] {
  const names = new Set(parseList(text).map((name) => parseChoice<Dimension>(name, DIMENSIONS)))
  if (names.size === 0) throw new Error(`expected at least one of ${DIMENSIONS.join(', ')}`)
  return [...names]
}

function parseNamespace(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) throw new Error(`expected a namespace's name, not "${text}"`)
  return text
}
