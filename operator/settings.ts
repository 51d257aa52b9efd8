// What is decided once, when the operator starts: a flag and an environment variable each, as for the sidecar. What may
// differ between clusters but not while the process runs; everything else is a custom resource.

import {
  type FlagTable,
  parseAddress,
  parseChoice,
  parseList,
  parseLogLevel,
  type SettingsOf,
} from '../process/flag.ts'
import type { CertificateMode } from './kube/certificates.ts'

export type InjectionMode = 'Webhook' | 'Policy' | 'Off'

export const OPERATOR_FLAGS = {
  admin: {
    value: 'HOST:PORT',
    help: 'Where health and metrics are served.',
    default: '0.0.0.0:8080',
    parse: parseAddress,
  },
  webhook: {
    value: 'HOST:PORT',
    help: 'Where the API server reaches the injection webhook.',
    default: '0.0.0.0:8443',
    parse: parseAddress,
  },
  namespace: {
    value: 'NAME',
    help: 'Namespace of the operator itself: its Lease and its certificate lie there.',
    default: 'outrigger',
    parse: parseName,
  },
  podName: { value: 'NAME', help: 'Name of this replica, unlike any other.', default: 'outrigger', parse: parseName },
  watchNamespaces: {
    value: 'NAME,…',
    help: 'Namespaces that are served; without any, all.',
    default: '',
    parse: (text: string) => parseList(text).map(parseName),
  },
  storeSecret: {
    value: 'NAME/KEY',
    help: 'Secret in the operator’s own namespace, and its key, with the URL of the store in which sidecars count limits together.',
    default: '',
    parse: parseSecretKey,
  },
  injectionMode: {
    value: 'MODE',
    help: 'Webhook, Policy (a MutatingAdmissionPolicy of the chart injects) or Off.',
    default: 'Webhook',
    parse: (text: string) => parseChoice<InjectionMode>(text, ['Webhook', 'Policy', 'Off']),
  },
  injectionFile: {
    value: 'FILE',
    help: 'JSON with the image, resources and settings of sidecars.',
    default: '/etc/outrigger-operator/injection.json',
    parse: (text: string) => text,
  },
  certificates: {
    value: 'MODE',
    help: 'Who makes the webhook’s certificate: SelfSigned (the operator), CertManager or Secret (you).',
    default: 'SelfSigned',
    parse: (text: string) => parseChoice<CertificateMode>(text, ['SelfSigned', 'CertManager', 'Secret']),
  },
  certificateSecret: {
    value: 'NAME',
    help: 'Secret with the webhook’s certificate, in the operator’s namespace.',
    default: 'outrigger-webhook-tls',
    parse: parseName,
  },
  webhookService: {
    value: 'NAME',
    help: 'Service of the webhook, which its certificate names.',
    default: 'outrigger',
    parse: parseName,
  },
  webhookConfiguration: {
    value: 'NAME',
    help: 'MutatingWebhookConfiguration whose caBundle the operator keeps.',
    default: 'outrigger-injection',
    parse: parseName,
  },
  nudgeRate: {
    value: 'NUMBER',
    help: 'Pods that are told of a change per second, at most.',
    default: '100',
    parse: parseCount,
  },
  nudgePodsMax: {
    value: 'NUMBER',
    help: 'A change that concerns more pods of one namespace is left to the kubelets, which take a minute or two.',
    default: '1000',
    parse: parseCount,
  },
  kubeconfig: {
    value: 'FILE',
    help: 'How to reach the API server from outside a cluster; inside, the ServiceAccount’s own way.',
    default: '',
    parse: (text: string) => text,
  },
  logLevel: { value: 'LEVEL', help: 'error, warn, info or debug.', default: 'info', parse: parseLogLevel },
} satisfies FlagTable

export type OperatorSettings = SettingsOf<typeof OPERATOR_FLAGS>

function parseName(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(text))
    throw new Error(`expected a name such as outrigger, not "${text}"`)
  return text
}

/** The empty text is none. */
function parseSecretKey(text: string): { name: string; key: string } | undefined {
  if (text === '') return undefined
  const [name = '', key = '', ...others] = text.split('/')
  if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key) || others.length > 0)
    throw new Error(`expected NAME/KEY such as redis/url, not "${text}"`)
  return { name: parseName(name), key }
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d{1,6}$/.test(text) || count < 1) throw new Error(`expected a whole number from 1 to 999999, not "${text}"`)
  return count
}
