// Objects with as much in every list as its bound allows, but for what would be larger than an API server takes (3 MB in a
// request, 1.5 MB in etcd): the cost of CEL rules is limited for an object as a whole, too.
import type { KubernetesObject } from './apiserver.ts'

const many = <Item>(count: number, item: (index: number) => Item): Item[] =>
  Array.from({ length: count }, (_, i) => item(i))
const padded = (index: number, length: number) => `${index}`.padEnd(length, 'x')

const DURATION = '00000h00000m00001s00999ms'.slice(1)
const LONGER_DURATION = DURATION.replace('00999ms', '09999ms')
const HOST = `${'a'.repeat(60)}.`.repeat(4)
const BASE_URL = `https://${HOST}example.com/`.padEnd(512, 'v')
const PRICE = '999999.999999'
const PRICE_EACH = '999.999999999999'

const WINDOW = '29d23h59m59s'

/** The names of limits and budgets differ, as they must. */
const limits = (keys: number) =>
  many(16, (i) => ({
    name: padded(i, 62),
    what: 'Tokens',
    limit: 1_000_000_000_000,
    burst: 1_000_000_000_000,
    window: WINDOW,
    per: many(keys, (key) => `Header:${padded(key, 128)}`),
  }))
const budgets = (keys: number) =>
  many(16, (i) => ({
    name: padded(i, 63),
    amount: '999999999.999999',
    window: 'Month',
    timeZone: 'Z'.repeat(64),
    per: many(keys, (key) => `Header:${padded(key, 128)}`),
    warnAtPercent: many(8, (percent) => percent + 1),
  }))

const selector = {
  matchLabels: Object.fromEntries(many(32, (i) => [`key-${i}`, padded(i, 63)])),
  matchExpressions: many(32, (i) => ({
    key: `key-${i}`,
    operator: 'NotIn',
    values: many(64, (value) => padded(value, 63)),
  })),
}

const timeouts = { connect: DURATION, firstByte: DURATION, idle: DURATION, total: DURATION }

export const LARGEST: readonly KubernetesObject[] = [
  {
    apiVersion: 'outrigger.dev/v1alpha1',
    kind: 'LLMProvider',
    metadata: { name: 'n'.repeat(63) },
    spec: {
      type: 'OpenAICompatible',
      openAICompatible: { baseURL: BASE_URL },
      credentials: many(16, (i) => ({
        name: padded(i, 63),
        secretRef: { name: 's'.repeat(63), key: 'k'.repeat(253) },
      })),
      models: many(512, (i) => ({
        name: padded(i, 256),
        upstreamName: padded(i, 256),
        price: {
          inputPerMillion: PRICE,
          cachedInputPerMillion: PRICE,
          cacheWritePerMillion: PRICE,
          outputPerMillion: PRICE,
          reasoningPerMillion: PRICE,
          tiers: many(4, (tier) => ({
            aboveInputTokens: 1_000_000 + tier,
            inputPerMillion: PRICE,
            cachedInputPerMillion: PRICE,
            cacheWritePerMillion: PRICE,
            outputPerMillion: PRICE,
            reasoningPerMillion: PRICE,
          })),
          perImage: PRICE_EACH,
          perSecond: PRICE_EACH,
        },
        contextWindow: 1_000_000_000,
      })),
      access: { namespaces: { from: 'Selector', selector } },
      timeouts,
      connections: { max: 10_000, idle: DURATION },
      circuitBreaker: { window: DURATION, openFor: DURATION, consecutiveFailures: 100_000, minRequests: 100_000 },
      limits: limits(8),
      healthCheck: { path: '/'.padEnd(512, 'p'), interval: LONGER_DURATION, timeout: DURATION },
      tls: { caBundle: '-----BEGIN CERTIFICATE-----'.padEnd(65_536, 'A') },
      egressProxy: { url: `http://${HOST}example.com:65535` },
    },
  },
  {
    apiVersion: 'outrigger.dev/v1alpha1',
    kind: 'LLMRoute',
    metadata: { name: 'n'.repeat(63) },
    spec: {
      workloads: selector,
      limits: limits(8),
      budgets: budgets(8),
      rules: many(64, (rule) => ({
        name: padded(rule, 63),
        matches: many(16, () => ({
          models: many(2, (i) => ({ type: 'Glob', value: padded(i, 100) })),
          headers: many(2, (i) => ({ name: padded(i, 100), value: 'v'.repeat(100) })),
          operations: ['Chat', 'Responses', 'Messages'],
        })),
        backends: many(16, (i) => ({
          provider: { name: padded(i, 63), namespace: 'n'.repeat(63) },
          model: padded(i, 256),
          weight: i === 15 ? 1 : 0,
          priority: 100,
        })),
        retry: {
          attempts: 10,
          statuses: many(32, (i) => 400 + i),
          backoff: { initial: DURATION, max: DURATION },
        },
        timeouts,
        limits: limits(rule % 32 === 0 ? 8 : 0),
        budgets: budgets(rule % 32 === 1 ? 8 : 0),
        defaults: Object.fromEntries(many(32, (i) => [`field-${i}`, 'x'.repeat(20)])),
        overrides: Object.fromEntries(many(32, (i) => [`field-${i}`, { nested: [1, 2, 3] }])),
      })),
    },
  },
]
