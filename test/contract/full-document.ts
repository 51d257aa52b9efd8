/** A document that uses every field once; cases break one thing of it. */
export function fullDocument() {
  return {
    format: 1,
    revision: '0123456789abcdef',
    namespace: 'shop',
    providers: [
      {
        id: 'ai/azure',
        type: 'AzureOpenAI',
        baseURL: 'https://example.openai.azure.com/openai',
        apiVersion: '2024-10-21',
        headers: [{ name: 'openai-project', value: 'search' }],
        streamUsage: 'Requested',
        credentials: [{ name: 'primary', file: 'ai.azure.primary', weight: 1 }],
        models: [
          {
            name: 'gpt-5-mini',
            upstreamName: 'mini',
            price: {
              inputPicoUsd: 250000,
              cachedInputPicoUsd: 25000,
              cacheWritePicoUsd: 250000,
              outputPicoUsd: 0,
              reasoningPicoUsd: 0,
              tiers: [
                {
                  aboveInputTokens: 200000,
                  inputPicoUsd: 500000,
                  cachedInputPicoUsd: 50000,
                  cacheWritePicoUsd: 500000,
                  outputPicoUsd: 0,
                  reasoningPicoUsd: 0,
                },
              ],
              perImagePicoUsd: 40000000000,
              perSecondPicoUsd: 0,
            },
            contextWindow: 400000,
          },
        ],
        timeouts: { connectMs: 5000, firstByteMs: 120000, idleMs: 60000, totalMs: 900000 },
        connections: { max: 256, idleMs: 60000 },
        circuitBreaker: {
          consecutiveFailures: 5,
          errorPercent: 50,
          minRequests: 20,
          windowMs: 30000,
          openForMs: 15000,
          probes: 1,
        },
        retryBudget: { percent: 20, minPerSecond: 10 },
        limits: [limit('provider:ai/azure/rpm', 'Cluster', [{ type: 'Model' }, { type: 'Provider' }])],
        healthCheck: {
          path: '/models',
          intervalMs: 30000,
          timeoutMs: 5000,
          unhealthyThreshold: 3,
          healthyThreshold: 1,
        },
        tls: {
          caBundle: '-----BEGIN CERTIFICATE-----',
          serverName: 'llm.example.com',
          clientCertificate: { certificateFile: 'crt', keyFile: 'key' },
        },
        egressProxy: { url: 'http://proxy.example:3128', credentialsFile: 'proxy' },
      },
    ],
    routes: [
      {
        id: 'shop/chat',
        workloads: {
          matchLabels: { app: 'shop' },
          matchExpressions: [{ key: 'tier', operator: 'In', values: ['web'] }],
        },
        limits: [open('route:shop/chat//open')],
        budgets: [budget('route:shop/chat//month')],
        rules: [
          {
            name: 'fast',
            matches: [
              {
                models: [{ type: 'Glob', value: 'gpt-*' }],
                headers: [{ name: 'x-team', type: 'Exact', value: 'search' }],
                operations: ['Chat', 'Other'],
              },
            ],
            backends: [{ provider: 'ai/azure', model: 'gpt-5-mini', weight: 1, priority: 0 }],
            balance: 'Weighted',
            retry: {
              attempts: 3,
              on: ['ConnectFailure', 'Timeout'],
              statuses: [409, 425],
              backoff: { initialMs: 200, maxMs: 5000 },
            },
            panicPercent: 0,
            limits: [
              limit('route:shop/chat/fast/rpm', 'Pod', [{ type: 'Header', name: 'x-user' }, { type: 'Pod' }]),
              open('route:shop/chat/fast/open'),
            ],
            budgets: [budget('route:shop/chat/fast/month'), rolling('route:shop/chat/fast/week')],
            unknownPrice: 'Reject',
            timeouts: { idleMs: 1 },
            defaults: [{ name: 'temperature', value: 0.2 }],
            overrides: [{ name: 'store', value: null }],
          },
          {
            name: 'closed',
            matches: [],
            backends: [],
            unavailable: 'ai/gone: ProviderNotFound',
            balance: 'Weighted',
            retry: { attempts: 1, on: [], statuses: [], backoff: { initialMs: 1, maxMs: 1 } },
            panicPercent: 100,
            limits: [],
            budgets: [],
            unknownPrice: 'AllowUnpriced',
            timeouts: {},
            defaults: [],
            overrides: [],
          },
        ],
      },
    ],
  }
}

interface Key {
  type: string
  name?: string
}

/** Its name is the end of its id. */
function row(id: string, scope: string, per: Key[] = []) {
  return { id, name: id.slice(id.lastIndexOf('/') + 1), scope, per, keysMax: 1000, mode: 'Enforce' }
}

function limit(id: string, scope: string, per: Key[]) {
  return { ...row(id, scope, per), what: 'Requests', limit: 600, windowMs: 60000, burst: 50 }
}

function open(id: string) {
  return { ...row(id, 'Namespace'), mode: 'Shadow', what: 'Concurrency', limit: 8 }
}

function budget(id: string) {
  return {
    ...row(id, 'Namespace'),
    amountPicoUsd: 1e18,
    period: { type: 'Calendar', unit: 'Month', timeZone: 'Europe/Berlin' },
    warnAtPercent: [80, 95],
    onExhausted: 'Reject',
  }
}

function rolling(id: string) {
  return { ...budget(id), period: { type: 'Rolling', windowMs: 604800000 }, warnAtPercent: [], onExhausted: 'Fallback' }
}
