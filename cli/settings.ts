// Flags of the commands, beside the sidecar's own, and the process's environment: the only place that reads it.
import { type FlagTable, parseAddress, parseChoice } from '../process/flag.ts'
import { SIDECAR_FLAGS } from '../sidecar/settings.ts'
import type { Environment } from './flags.ts'

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

function parseNamespace(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) throw new Error(`expected a namespace's name, not "${text}"`)
  return text
}
