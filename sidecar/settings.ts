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
