// What is decided once, when the process starts. Each row is a flag and an environment variable (`--drain-timeout` is
// `OUTRIGGER_DRAIN_TIMEOUT`); a flag wins. Everything that can change while running is in the SidecarConfig document.
import {
  type FlagTable,
  parseAddress,
  parseArrivalTime,
  parseBytes,
  parseChoice,
  parseDuration,
  parseLabels,
  parseList,
  parseLogLevel,
  type SettingsOf,
} from '../process/flag.ts'
import type { OnStoreFailure } from './store/failure-policy.ts'
import { parseStore } from './store/store-address.ts'

export const SIDECAR_FLAGS = {
  listen: {
    value: 'HOST:PORT',
    help: 'Where applications reach the data plane.',
    default: '127.0.0.1:8787',
    parse: parseAddress,
  },
  admin: {
    value: 'HOST:PORT',
    help: 'Where health, metrics, status and config are served (read-only).',
    default: '127.0.0.1:8788',
    parse: parseAddress,
  },
  labels: {
    value: 'KEY=VALUE,…',
    help: 'Labels of the pod, which decide the LLMRoutes that concern it; in a pod they come with the mounted directory.',
    default: '',
    parse: parseLabels,
  },
  workload: {
    value: 'KIND/NAME',
    help: 'What the pod belongs to, such as Deployment/shop, for limits and usage by workload.',
    default: '',
    parse: parseIdentity,
  },
  pod: { value: 'NAME', help: 'Name of the pod, for limits and usage by pod.', default: '', parse: parseIdentity },
  limitShares: {
    value: 'whole|assigned',
    help: 'Without a store: whole, this process alone counts a limit that several share; assigned, it counts the share that the operator grants.',
    default: 'whole',
    parse: (text: string) => parseChoice(text, ['whole', 'assigned']),
  },
  allowHost: {
    value: 'NAME,…',
    help: 'Host names served besides loopback ones; * allows every host.',
    default: '',
    parse: (text: string) => parseList(text.toLowerCase()),
  },
  allowOrigin: {
    value: 'ORIGIN,…',
    help: 'Origins of web pages that may send requests; * allows every origin.',
    default: '',
    parse: parseList,
  },
  connectionsMax: {
    value: 'COUNT',
    help: 'Connections of clients at the same time; beyond it they are closed with 503.',
    default: '10000',
    parse: parseCount,
  },
  requestsMax: {
    value: 'COUNT',
    help: 'Requests at the same time; beyond it they are refused with 503, before their bodies are read.',
    default: '1024',
    parse: parseCount,
  },
  bodyMax: {
    value: 'SIZE',
    help: 'Largest request body, also after its content-encoding is undone.',
    default: '64MiB',
    parse: parseBytes,
  },
  bodyTotalMax: {
    value: 'SIZE',
    help: 'Request bodies held at the same time; beyond it requests are refused with 503.',
    default: '512MiB',
    parse: parseBytes,
  },
  answersMax: {
    value: 'SIZE',
    help: 'Bytes of answers that wait for slow clients; beyond it new requests are refused with 503.',
    default: '128MiB',
    parse: parseBytes,
  },
  headersMax: { value: 'SIZE', help: 'Largest request head.', default: '32KiB', parse: parseBytes },
  headersTimeout: {
    value: 'DURATION',
    help: 'How long a request head may take to arrive.',
    default: '15s',
    parse: parseArrivalTime,
  },
  requestTimeout: {
    value: 'DURATION',
    help: 'How long a whole request may take to arrive.',
    default: '5m',
    parse: parseArrivalTime,
  },
  tokenizer: {
    value: 'on|off',
    help: "Counts the input of small requests to OpenAI's models by their vocabulary (60 MB), not by what was learnt per byte.",
    default: 'off',
    parse: (text: string) => parseChoice(text, ['on', 'off']),
  },
  streamKeepAlive: {
    value: 'DURATION',
    help: 'Silence after which a stream whose first token is awaited gets a comment.',
    default: '15s',
    parse: parseDuration,
  },
  drainTimeout: {
    value: 'DURATION',
    help: 'How long open requests may go on after SIGTERM; new ones are taken for half of it at most.',
    default: '30s',
    parse: parseDuration,
  },
  store: {
    value: 'URL',
    help: 'Redis or Valkey that limits and budgets are shared in: redis://, rediss://, redis+sentinel:// or redis+cluster://, with [USER:PASSWORD@]HOST:PORT; or file:PATH, a file that holds such a URL and is followed.',
    default: '',
    parse: parseStore,
  },
  storeTimeout: {
    value: 'DURATION',
    help: 'The longest that a request waits for the store.',
    default: '20ms',
    parse: parseStoreTimeout,
  },
  onStoreFailure: {
    value: 'POLICY',
    help: 'While the store is away: local-share (each sidecar counts by itself, up to its part of the limit), allow or deny.',
    default: 'local-share',
    parse: parseStorePolicy,
  },
  logLevel: { value: 'LEVEL', help: 'error, warn, info or debug.', default: 'info', parse: parseLogLevel },
  accessLog: {
    value: 'on|off',
    help: 'One JSON line per request on standard output.',
    default: 'on',
    parse: (text: string) => parseChoice(text, ['on', 'off']),
  },
} satisfies FlagTable

export type SidecarSettings = SettingsOf<typeof SIDECAR_FLAGS>

/** A limit of 0 would serve nobody. */
function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d{1,6}$/.test(text) || count < 1) throw new Error(`expected a whole number from 1 to 999999, not "${text}"`)
  return count
}

/** Names of Kubernetes objects, a kind before them; they become parts of keys and labels of metrics. */
function parseIdentity(text: string): string {
  if (!/^[-.\w]*(\/[-.\w]+)?$/.test(text)) throw new Error(`expected names of letters, digits, - and ., not "${text}"`)
  return text
}

/** Leases of a store live at least as long as requests wait for them, and no longer than a second. */
function parseStoreTimeout(text: string): number {
  const ms = parseDuration(text)
  if (ms < 1 || ms > 1000) throw new Error(`expected a duration from 1ms to 1s, not "${text}"`)
  return ms
}

const STORE_POLICIES = { 'local-share': 'LocalShare', allow: 'Allow', deny: 'Deny' } as const

function parseStorePolicy(text: string): OnStoreFailure {
  return STORE_POLICIES[parseChoice(text, ['local-share', 'allow', 'deny'])]
}
