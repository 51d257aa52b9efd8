import { expect, test } from '@jest/globals'
import { parseSidecarConfig } from '../../contract/parse.ts'
import { documentWith, remove } from './changed-document.ts'
import { fullDocument } from './full-document.ts'

function problemsOf(text: string): string[] {
  const parsed = parseSidecarConfig(text)
  return 'problems' in parsed ? parsed.problems : []
}

function check(path: string, value: unknown, ...expected: string[]): void {
  const what = value === remove ? 'removed' : JSON.stringify(value)
  test(`${path} ${what} is refused`, () => {
    expect(problemsOf(JSON.stringify(documentWith(path, value)))).toEqual(expected)
  })
}

function checkText(
  name: string,
  text: string,
  ...expected: (string | ReturnType<typeof expect.stringMatching>)[]
): void {
  test(`${name} is refused`, () => {
    expect(problemsOf(text)).toEqual(expected)
  })
}

test('a document with every field parses to itself', () => {
  const document = fullDocument()
  expect(parseSidecarConfig(JSON.stringify(document))).toEqual({ config: document })
})

test('a document without providers and routes parses', () => {
  const document = { ...fullDocument(), providers: [], routes: [] }
  expect(parseSidecarConfig(JSON.stringify(document))).toEqual({ config: document })
})

test('what was parsed cannot be changed, down to the values of body fields', () => {
  const text = JSON.stringify(documentWith('routes[0].rules[0].defaults[0].value', { stop: [{ at: 'end' }] }))
  const parsed = parseSidecarConfig(text)
  const unfrozen: string[] = []
  const visit = (value: unknown, at: string): void => {
    if (typeof value !== 'object' || value === null) return
    if (!Object.isFrozen(value)) unfrozen.push(at)
    for (const [key, member] of Object.entries(value)) visit(member, `${at}.${key}`)
  }
  visit('config' in parsed ? parsed.config : undefined, 'config')
  expect('config' in parsed).toBe(true)
  expect(unfrozen).toEqual([])
})

test('a body field that nests deeper than the stack does not throw', () => {
  const marker = '"deep"'
  const text = JSON.stringify(documentWith('routes[0].rules[0].defaults[0].value', 'deep'))
  const depth = 200_000
  const parsed = parseSidecarConfig(text.replace(marker, '['.repeat(depth) + ']'.repeat(depth)))
  expect('config' in parsed).toBe(true)
})

checkText('an empty file', '', expect.stringMatching(/^document: not JSON: /))
checkText('half a document', '{"format":1,', expect.stringMatching(/^document: not JSON: /))
checkText('a list', '[]', 'document: expected an object')
checkText('null', 'null', 'document: expected an object')
checkText(
  'a newer format, whatever else it holds,',
  '{"format":2,"plans":[]}',
  'format: this sidecar reads format 1, the document has format 2; update the sidecar',
)
checkText(
  'an older format',
  '{"format":0}',
  'format: this sidecar reads format 1, the document has format 0; update the operator',
)
checkText(
  'an empty object',
  '{}',
  'format: missing',
  'revision: missing',
  'namespace: missing',
  'providers: missing',
  'routes: missing',
)

check('format', '1', 'format: expected 1')
check('revision', '0123456789ABCDEF', 'revision: expected 16 lower-case hex digits')
check('namespace', '', 'namespace: expected a non-empty string')
check('limits', [], 'limits: unknown field')
check('__proto__', {}, '__proto__: unknown field')
check('providers', {}, 'providers: expected a list')
check('providers[0]', 'ai/azure', 'providers[0]: expected an object')
check('providers[0].id', 'azure', 'providers[0].id: expected namespace/name')
check('providers[0].budget', {}, 'providers[0].budget: unknown field')
check(
  'providers[0].type',
  'Mistral',
  'providers[0].type: expected one of OpenAI, AzureOpenAI, Anthropic, Gemini, Bedrock, OpenAICompatible',
)
check('providers[0].type', 'OpenAI', 'providers[0].apiVersion: allowed for AzureOpenAI only')

for (const url of [
  'api.openai.com/v1',
  'ftp://api.openai.com',
  'https://api.openai.com/',
  'https://api.openai.com/v1?key=1',
  'https://api.openai.com/v1#top',
  'https://user:key@api.openai.com',
  'https://api.openai .com',
  'https://[1::2::3]',
  'https://',
]) {
  check(
    'providers[0].baseURL',
    url,
    'providers[0].baseURL: expected an http(s) URL without credentials, query, fragment or trailing slash',
  )
}

check(
  'providers[0].headers[0].name',
  'OpenAI-Project',
  'providers[0].headers[0].name: expected a lower-case header name',
)
check(
  'providers[0].headers[0].value',
  'a\r\nhost: evil',
  'providers[0].headers[0].value: expected a header value of visible ASCII',
)
check('providers[0].streamUsage', true, 'providers[0].streamUsage: expected one of Requested, AsSent')

const LONG = 'x'.repeat(254)
for (const file of ['/etc/passwd', '../token', 'keys/key', './key', '..data', '.key', 'a\\b', 'a b', '', LONG]) {
  check(
    'providers[0].credentials[0].file',
    file,
    'providers[0].credentials[0].file: expected a file name of letters, digits, -, _ and .',
  )
}

check('providers[0].credentials[0].weight', 0, 'providers[0].credentials[0].weight: expected an integer ≥ 1')
check(
  'providers[0].credentials[0].weight',
  1e6 + 1,
  'providers[0].credentials[0].weight: expected an integer ≤ 1000000',
)
check('providers[0].credentials[0].value', 'sk-123', 'providers[0].credentials[0].value: unknown field')
for (const name of ['', 'a b', 'a\r\nx-injected: yes', 'mö']) {
  check('providers[0].models[0].name', name, 'providers[0].models[0].name: expected visible ASCII')
}
check('providers[0].models[0].upstreamName', remove, 'providers[0].models[0].upstreamName: missing')
check('providers[0].models[0].contextWindow', 0, 'providers[0].models[0].contextWindow: expected an integer ≥ 1')
check('providers[0].models[0].price', null, 'providers[0].models[0].price: expected an object')
check(
  'providers[0].models[0].price.outputPicoUsd',
  0.5,
  'providers[0].models[0].price.outputPicoUsd: expected an integer ≥ 0',
)
check(
  'providers[0].models[0].price.inputPicoUsd',
  2 ** 53,
  'providers[0].models[0].price.inputPicoUsd: expected an integer ≤ 9007199254740991',
)
check('providers[0].timeouts.connectMs', 0, 'providers[0].timeouts.connectMs: expected an integer ≥ 1')
check('providers[0].timeouts.connectMs', '5s', 'providers[0].timeouts.connectMs: expected an integer ≥ 1')
check('providers[0].timeouts.totalMs', 86400001, 'providers[0].timeouts.totalMs: expected an integer ≤ 86400000')
check('providers[0].timeouts.idleMs', remove, 'providers[0].timeouts.idleMs: missing')
check('providers[0].connections.max', 0, 'providers[0].connections.max: expected an integer ≥ 1')
check(
  'providers[0].circuitBreaker.consecutiveFailures',
  -1,
  'providers[0].circuitBreaker.consecutiveFailures: expected an integer ≥ 0',
)
check(
  'providers[0].circuitBreaker.errorPercent',
  101,
  'providers[0].circuitBreaker.errorPercent: expected an integer ≤ 100',
)
check('providers[0].circuitBreaker.windowMs', 0, 'providers[0].circuitBreaker.windowMs: expected an integer ≥ 1')
check('providers[0].circuitBreaker.probes', 0, 'providers[0].circuitBreaker.probes: expected an integer ≥ 1')
check('providers[0].circuitBreaker', remove, 'providers[0].circuitBreaker: missing')
check('providers[0].retryBudget.percent', 0.2, 'providers[0].retryBudget.percent: expected an integer ≥ 0')
check('providers[0].retryBudget.minPerSecond', remove, 'providers[0].retryBudget.minPerSecond: missing')
for (const path of ['models', '', '/a b', '/models#top', '/models\r\nhost: evil', '/ö']) {
  check(
    'providers[0].healthCheck.path',
    path,
    'providers[0].healthCheck.path: expected a path of visible ASCII that begins with / and has no #',
  )
}
check('providers[0].healthCheck.timeoutMs', 30000, 'providers[0].healthCheck.timeoutMs: expected less than intervalMs')
check(
  'providers[0].healthCheck.unhealthyThreshold',
  0,
  'providers[0].healthCheck.unhealthyThreshold: expected an integer ≥ 1',
)
check('providers[0].tls.insecureSkipVerify', true, 'providers[0].tls.insecureSkipVerify: unknown field')
check(
  'providers[0].tls.clientCertificate.keyFile',
  '/key',
  'providers[0].tls.clientCertificate.keyFile: expected a file name of letters, digits, -, _ and .',
)
check(
  'providers[0].egressProxy.url',
  'https://proxy.example:3128',
  'providers[0].egressProxy.url: expected http://host:port',
)
check('providers[0].egressProxy.url', 'http://proxy.example', 'providers[0].egressProxy.url: expected http://host:port')

check('routes[0].workloads.matchLabels.app', 1, 'routes[0].workloads.matchLabels["app"]: expected a string')
check('routes[0].workloads.matchExpressions', remove, 'routes[0].workloads.matchExpressions: missing')
check(
  'routes[0].workloads.matchExpressions[0].operator',
  'Gt',
  'routes[0].workloads.matchExpressions[0].operator: expected one of In, NotIn, Exists, DoesNotExist',
)
check(
  'routes[0].workloads.matchExpressions[0].operator',
  'Exists',
  'routes[0].workloads.matchExpressions[0].values: not allowed with Exists',
)
check(
  'routes[0].workloads.matchExpressions[0].values',
  [],
  'routes[0].workloads.matchExpressions[0].values: required with In',
)
check(
  'routes[0].rules[0].matches[0].models[0].type',
  'Regex',
  'routes[0].rules[0].matches[0].models[0].type: expected one of Exact, Prefix, Glob',
)
check(
  'routes[0].rules[0].matches[0].headers[0].name',
  'X-Team',
  'routes[0].rules[0].matches[0].headers[0].name: expected a lower-case header name',
)
check(
  'routes[0].rules[0].matches[0].operations[1]',
  'Batches',
  'routes[0].rules[0].matches[0].operations[1]: expected one of Chat, Completions, Responses, Messages, Embeddings, Images, Audio, Rerank, Models, Other',
)
check(
  'routes[0].rules[0].backends[0].provider',
  'ai/openai',
  'routes[0].rules[0].backends[0].provider: no provider has the id ai/openai',
)
check(
  'routes[0].rules[0].backends[0].model',
  'gpt-9',
  'routes[0].rules[0].backends[0].model: ai/azure has no model "gpt-9"',
)
check('routes[0].rules[0].backends[0].weight', 0, 'routes[0].rules[0].backends: expected one with a weight above 0')
check('routes[0].rules[0].backends[0].weight', -1, 'routes[0].rules[0].backends[0].weight: expected an integer ≥ 0')
check('routes[0].rules[0].backends', [], 'routes[0].rules[0].unavailable: missing; a rule without backends says why')
check('routes[0].rules[0].unavailable', 'why', 'routes[0].rules[0].unavailable: not allowed beside backends')
check(
  'routes[0].rules[0].backends[0].priority',
  101,
  'routes[0].rules[0].backends[0].priority: expected an integer ≤ 100',
)
check(
  'routes[0].rules[0].balance',
  'Random',
  'routes[0].rules[0].balance: expected one of Weighted, LeastInFlight, Fastest, Cheapest',
)
check('routes[0].rules[0].panicPercent', 101, 'routes[0].rules[0].panicPercent: expected an integer ≤ 100')
check('routes[0].rules[0].retry', remove, 'routes[0].rules[0].retry: missing')
check('routes[0].rules[0].retry.attempts', 0, 'routes[0].rules[0].retry.attempts: expected an integer ≥ 1')
check('routes[0].rules[0].retry.attempts', 11, 'routes[0].rules[0].retry.attempts: expected an integer ≤ 10')
check(
  'routes[0].rules[0].retry.on[1]',
  'Always',
  'routes[0].rules[0].retry.on[1]: expected one of ConnectFailure, Timeout, RateLimited, ServerError, ProviderRefused',
)
for (const reason of ['ConnectFailure', 'RateLimited']) {
  check(
    'routes[0].rules[0].retry.on',
    ['RateLimited', reason],
    'routes[0].rules[0].retry.on[1]: expected more than the one before it',
  )
}
check('routes[0].rules[0].retry.statuses[0]', 399, 'routes[0].rules[0].retry.statuses[0]: expected an integer ≥ 400')
check('routes[0].rules[0].retry.statuses[1]', 600, 'routes[0].rules[0].retry.statuses[1]: expected an integer ≤ 599')
check(
  'routes[0].rules[0].retry.statuses[1]',
  409,
  'routes[0].rules[0].retry.statuses[1]: expected more than the one before it',
)
check(
  'routes[0].rules[0].retry.backoff.initialMs',
  5001,
  'routes[0].rules[0].retry.backoff.initialMs: expected at most maxMs',
)
check('routes[0].rules[1].unavailable', '', 'routes[0].rules[1].unavailable: expected a non-empty string')
check('routes[0].rules[1].name', 'fast', 'routes[0].rules[1].name: "fast" is there already')
check(
  'routes[0].rules[0].timeouts.firstByteMs',
  null,
  'routes[0].rules[0].timeouts.firstByteMs: expected an integer ≥ 1',
)
check('routes[0].rules[0].defaults[0].value', remove, 'routes[0].rules[0].defaults[0].value: missing')
check(
  'routes[0].rules[0].overrides[1]',
  { name: 'store', value: true },
  'routes[0].rules[0].overrides[1].name: "store" is there already',
)

test('the same provider twice is refused', () => {
  const document = fullDocument()
  document.providers.push(...fullDocument().providers)
  expect(problemsOf(JSON.stringify(document))).toEqual(['providers[1].id: "ai/azure" is there already'])
})

test('every problem is told at once, in the order of the fields', () => {
  const document = fullDocument()
  const text = JSON.stringify({ ...document, revision: '', routes: [{ rules: [null] }], providers: [{}] })
  expect(problemsOf(text.replace('"namespace":"shop"', '"namespace":1'))).toEqual([
    'revision: expected 16 lower-case hex digits',
    'namespace: expected a non-empty string',
    ...[
      'id',
      'type',
      'baseURL',
      'headers',
      'streamUsage',
      'credentials',
      'models',
      'timeouts',
      'connections',
      'circuitBreaker',
      'retryBudget',
      'limits',
      'tls',
    ].map((field) => `providers[0].${field}: missing`),
    'routes[0].id: missing',
    'routes[0].workloads: missing',
    'routes[0].limits: missing',
    'routes[0].budgets: missing',
    'routes[0].rules[0]: expected an object',
  ])
})
