// Texts of files in, objects and problems out: places exact, messages whole.
import { inspect } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import type { SourceFile } from '../../../cli/files/documents.ts'
import { type LoadResult, parseFiles } from '../../../cli/files/parse.ts'
import { formatProblem } from '../../../cli/files/problem.ts'

const OPTIONS = { allowLoopback: 'Refuse', defaultNamespace: 'default' } as const

function parse(...files: SourceFile[]): LoadResult {
  return parseFiles(files, { OPENAI_API_KEY: 'sk-123', EMPTY: '' }, OPTIONS)
}

function file(path: string, text: string): SourceFile {
  return { path, text }
}

const PROVIDER = `apiVersion: outrigger.dev/v1alpha1
kind: LLMProvider
metadata: {name: openai}
spec: {type: OpenAI, openAI: {}}
`

const ROUTE = `apiVersion: outrigger.dev/v1alpha1
kind: LLMRoute
metadata:
  name: chat
  namespace: shop
spec:
  rules:
  - name: fast
    backends:
    - provider:
        name: openai
`

/** A text, and the problems that a user is shown, each with its place. */
const PROBLEMS: [name: string, text: string, problems: string[]][] = [
  [
    'a misspelt field, with what was meant',
    'apiVersion: outrigger.dev/v1alpha1\nkind: LLMProvider\nmetadata: {name: openai}\nspec:\n  type: OpenAI\n  openAI:\n    baseUrl: https://api.openai.com/v1\n',
    ['a.yaml:7:5: LLMProvider default/openai: spec.openAI.baseUrl: unknown field; did you mean baseURL?'],
  ],
  [
    'a field that nothing resembles, with what is known',
    PROVIDER.replace('openAI: {}', 'openAI: {timeout: 1s}'),
    [
      'a.yaml:4:31: LLMProvider default/openai: spec.openAI.timeout: unknown field; known here: baseURL, organization, project',
    ],
  ],
  [
    'a missing field, at its parent',
    'apiVersion: outrigger.dev/v1alpha1\nkind: LLMRoute\nmetadata:\n  name: chat\n  namespace: shop\nspec:\n  rules:\n  - name: fast\n    backends:\n    - weight: 1\n',
    ['a.yaml:10:7: LLMRoute shop/chat: spec.rules[0].backends[0].provider: is required'],
  ],
  [
    'a number where a decimal string belongs',
    PROVIDER.replace(
      'openAI: {}',
      'openAI: {}, models: [{name: m, price: {inputPerMillion: 0.25, outputPerMillion: "1"}}]',
    ),
    [
      'a.yaml:4:61: LLMProvider default/openai: spec.models[0].price.inputPerMillion: must be a string, not a fraction; put it in quotes',
    ],
  ],
  [
    'a value that is not among the allowed, with what was meant',
    PROVIDER.replace('type: OpenAI', 'type: OpenAi'),
    [
      'a.yaml:4:8: LLMProvider default/openai: spec.type: must be one of OpenAI, AzureOpenAI, Anthropic, Gemini, Bedrock, OpenAICompatible; did you mean OpenAI?',
    ],
  ],
  [
    'several problems of one object, in the order of the lines',
    ROUTE.replace('name: fast', 'name: Fast').replace('namespace: shop', 'namespace: Shop').concat('        key: x\n'),
    [
      'a.yaml:5:3: LLMRoute Shop/chat: metadata.namespace: write a name of a-z, 0-9 and -, with a letter or digit at both ends, such as my-name',
      'a.yaml:8:5: LLMRoute Shop/chat: spec.rules[0].name: write a name of a-z, 0-9 and -, with a letter or digit at both ends, such as my-name',
      'a.yaml:12:9: LLMRoute Shop/chat: spec.rules[0].backends[0].provider.key: unknown field; known here: name, namespace',
    ],
  ],
  [
    'a rule that is broken, at the member that it names',
    PROVIDER.replace(', openAI: {}', ''),
    [
      'a.yaml:4:1: LLMProvider default/openai: spec.openAI: set openAI when type is OpenAI, and only then; write {} to take its defaults',
    ],
  ],
  [
    'no rule while a type is wrong',
    PROVIDER.replace(', openAI: {}', ', timeouts: {idle: 5}'),
    ['a.yaml:4:33: LLMProvider default/openai: spec.timeouts.idle: must be a string, not a number; put it in quotes'],
  ],
  [
    'a rule as well as a pattern',
    PROVIDER.replace(', openAI: {}', ', models: [{name: a b}]'),
    [
      'a.yaml:4:1: LLMProvider default/openai: spec.openAI: set openAI when type is OpenAI, and only then; write {} to take its defaults',
      'a.yaml:4:32: LLMProvider default/openai: spec.models[0].name: write letters, digits and punctuation of ASCII, without spaces',
    ],
  ],
  [
    'the same name twice in a list map',
    ROUTE.concat('  - {name: fast, backends: [{provider: {name: openai}}]}\n'),
    ['a.yaml:12:5: LLMRoute shop/chat: spec.rules[1]: has the same name as item 0; each may occur once'],
  ],
  [
    'a key with a dot, in brackets',
    ROUTE.replace('rules:', 'workloads: {matchLabels: {app.kubernetes.io/name: a b}}\n  rules:'),
    [
      'a.yaml:7:29: LLMRoute shop/chat: spec.workloads.matchLabels[app.kubernetes.io/name]: write letters, digits, -, _ and ., with a letter or digit at both ends, such as my-app',
    ],
  ],
  ['an object without a name', PROVIDER.replace('{name: openai}', '{}'), ['a.yaml:3:1: metadata.name: is required']],
  ['an object without metadata', PROVIDER.replace(/metadata.*\n/, ''), ['a.yaml:1:1: metadata: is required']],
  [
    'a name that is too long',
    PROVIDER.replace('name: openai', `name: ${'a'.repeat(64)}`),
    [`a.yaml:3:12: LLMProvider default/${'a'.repeat(64)}: metadata.name: must have at most 63 characters, not 64`],
  ],
  [
    'a name that is no DNS name',
    PROVIDER.replace('name: openai', 'name: Open_AI'),
    [
      'a.yaml:3:12: LLMProvider default/Open_AI: metadata.name: write a name of a-z, 0-9, - and ., with a letter or digit at both ends of each part, such as my-name',
    ],
  ],
  [
    'a label that is no label',
    PROVIDER.replace('name: openai', 'name: openai, labels: {a b: c}'),
    ['a.yaml:3:35: LLMProvider default/openai: metadata.labels.a b: write the key like app or example.com/app'],
  ],
  [
    'an unknown field of metadata',
    PROVIDER.replace('name: openai', 'name: openai, nameSpace: ai'),
    ['a.yaml:3:26: LLMProvider default/openai: metadata.nameSpace: unknown field; did you mean namespace?'],
  ],
  [
    'an unknown kind of the group',
    PROVIDER.replace('LLMProvider', 'LLMProviders'),
    ['a.yaml:2:1: LLMProviders default/openai: kind: unknown kind; did you mean LLMProvider?'],
  ],
  [
    'an unknown version of the group',
    PROVIDER.replace('v1alpha1', 'v1'),
    ['a.yaml:1:1: LLMProvider default/openai: apiVersion: must be outrigger.dev/v1alpha1'],
  ],
  ['no apiVersion', 'kind: LLMRoute\n', ['a.yaml:1:1: apiVersion: is required, as a string']],
  ['no object', '- 1\n', ['a.yaml:1:1: expected an object with apiVersion, kind and metadata']],
  [
    'YAML errors',
    `${PROVIDER}  x: y: z\n`,
    [
      'a.yaml:5:1: not valid YAML: All mapping items must start at the same column',
      'a.yaml:5:6: not valid YAML: Nested mappings are not allowed in compact mappings',
    ],
  ],
  [
    'a key that is written twice',
    'apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  name: b\n',
    ['a.yaml:5:3: not valid YAML: Map keys must be unique'],
  ],
  [
    'an unset variable, with its name and its field',
    `apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData:\n  one: "\${OPENAI_API_KEY}"\n  two: "\${NOT_SET} \${OPENAI_API_KEY} \${NOT_SET}"\n`,
    ['a.yaml:6:3: Secret default/keys: stringData.two: the environment variable NOT_SET is not set'],
  ],
  [
    'data that is not base64, without repeating it',
    'apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\ndata: {api.key: sk-secret}\n',
    ['a.yaml:4:8: Secret default/keys: data[api.key]: must be base64; write plain text into stringData instead'],
  ],
  [
    'a misspelt field of a Secret',
    'apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringdata: {a: b}\n',
    ['a.yaml:4:1: Secret default/keys: stringdata: unknown field; did you mean stringData?'],
  ],
  [
    'a boolean as kubectl reads it',
    ROUTE.replace('name: chat', 'name: chat\n  labels: {live: yes}'),
    ['a.yaml:5:12: LLMRoute shop/chat: metadata.labels.live: must be a string, not a boolean; put it in quotes'],
  ],
]

test.each(PROBLEMS)('reports %s', (_, text, problems) => {
  const result = parse(file('a.yaml', text))
  expect(result.problems.map(formatProblem)).toEqual(problems)
  expect(result.objects).toEqual({ providers: [], routes: [], secrets: [], namespaces: [] })
})

test('an object that occurs twice is refused the second time, naming both places', () => {
  const again = PROVIDER.replace('{name: openai}', '{name: openai, namespace: default}')
  const { problems, objects } = parse(file('a.yaml', PROVIDER), file('b.yaml', `# again\n---\n${again}`))
  expect(problems.map(formatProblem)).toEqual([
    'b.yaml:5:12: LLMProvider default/openai: metadata.name: is defined a second time; the first is at a.yaml:3:12',
  ])
  expect(objects.providers).toHaveLength(1)
})

test('the same name in another namespace, or of another kind, is another object', () => {
  const elsewhere = PROVIDER.replace('{name: openai}', '{name: openai, namespace: ai}')
  const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: openai}\n'
  expect(parse(file('a.yaml', [PROVIDER, elsewhere, secret].join('---\n'))).problems).toEqual([])
})

test('problems stand in the order of files and documents, and good objects are still there', () => {
  const bad = PROVIDER.replace('openAI: {}', 'extra: 1')
  const { problems, objects } = parse(
    file('a.yaml', `${bad.replace('name: openai', 'name: one')}---\n${PROVIDER}`),
    file('b.yaml', bad.replace('name: openai', 'name: two')),
  )
  expect(problems.map((problem) => problem.object)).toEqual(['LLMProvider default/one', 'LLMProvider default/two'])
  expect(objects.providers.map(({ metadata }) => metadata.name)).toEqual(['openai'])
})

test('the items of a List are read, each at its own place', () => {
  const { objects, problems } = parse(
    file(
      'list.yaml',
      `apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Namespace
  metadata: {name: shop, labels: {ai: allowed}}
- apiVersion: outrigger.dev/v1alpha1
  kind: LLMRoute
  metadata: {name: chat}
  spec:
    rules: []
`,
    ),
  )
  expect(objects.namespaces).toEqual([{ name: 'shop', labels: { ai: 'allowed' } }])
  expect(problems.map(formatProblem)).toContain(
    'list.yaml:11:5: LLMRoute default/chat: spec.rules: must have at least 1 item',
  )
})

test('JSON is read, indented with tabs too', () => {
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }
  expect(parse(file('a.json', JSON.stringify(object, undefined, '\t'))).objects.namespaces).toEqual([
    { name: 'shop', labels: {} },
  ])
})

test('anchors, merge keys, empty documents and a byte order mark are no obstacle', () => {
  const text = `\ufeff---\n---\n# nothing\n---\n${ROUTE.replace('- provider:\n        name: openai', '- &one {provider: {name: openai}}\n    - {<<: *one, weight: 2}')}`
  const { objects, problems } = parse(file('a.yaml', text))
  expect(problems).toEqual([])
  expect(objects.routes[0]?.spec.rules[0]?.backends).toEqual([
    { provider: { name: 'openai' }, weight: 1, priority: 0 },
    { provider: { name: 'openai' }, weight: 2, priority: 0 },
  ])
})

test('a document that multiplies itself through aliases is refused', () => {
  const levels = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(', ')}]`)
  const { problems } = parse(file('bomb.yaml', ['a0: &a0 [x]', ...levels].join('\n')))
  expect(problems.map(formatProblem)).toEqual([
    'bomb.yaml:1:1: not valid YAML: Excessive alias count indicates a resource exhaustion attack',
  ])
})

test('fields named like members of every object are fields', () => {
  const text = ROUTE.concat('    defaults: {__proto__: {polluted: true}, constructor: 1}\n')
  const { objects, problems } = parse(file('a.yaml', text))
  expect(problems).toEqual([])
  expect(Object.keys(objects.routes[0]?.spec.rules[0]?.defaults ?? {})).toEqual(['__proto__', 'constructor'])
  expect({}).not.toHaveProperty('polluted')
  const unknown = parse(file('a.yaml', PROVIDER.replace('openAI: {}', 'openAI: {constructor: 1, __proto__: {}}')))
  expect(unknown.problems.map(({ field }) => field)).toEqual(['spec.openAI.constructor', 'spec.openAI.__proto__'])
})

test('what belongs to others is passed over with a warning', () => {
  const { warnings, problems } = parse(
    file(
      'a.yaml',
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\n---\napiVersion: v1\nkind: Service\n',
    ),
  )
  expect(problems).toEqual([])
  expect(warnings.map(formatProblem)).toEqual([
    'a.yaml:1:1: Deployment default/shop: apps/v1 Deployment means nothing to file mode and is passed over',
    'a.yaml:5:1: v1 Service means nothing to file mode and is passed over',
  ])
})

test('loopback base URLs pass where they are allowed', () => {
  const text = PROVIDER.replace('openAI: {}', 'openAI: {baseURL: "http://127.0.0.1:9000/v1"}')
  expect(parseFiles([file('a.yaml', text)], {}, OPTIONS).problems.map(({ reason }) => reason)).toEqual([
    'FieldValueForbidden',
  ])
  expect(parseFiles([file('a.yaml', text)], {}, { ...OPTIONS, allowLoopback: 'Allow' }).problems).toEqual([])
})

describe('a Secret', () => {
  const text = `apiVersion: v1
kind: Secret
metadata: {name: keys}
type: Opaque
data:
  encoded: c2stw7Y=
  both: b2xk
stringData:
  whole: \${OPENAI_API_KEY}
  inside: user:\${OPENAI_API_KEY}!
  both: new
  other: $OPENAI_API_KEY \${OPENAI-API-KEY}
`
  const { objects, problems } = parse(file('a.yaml', text))

  test('has its data decoded and the variables of its stringData replaced', () => {
    expect(problems).toEqual([])
    const [secret] = objects.secrets
    expect(secret).toMatchObject({ name: 'keys', namespace: 'default', type: 'Opaque' })
    expect(Object.entries(secret?.values ?? {}).map(([key, value]) => [key, value.reveal()])).toEqual([
      ['encoded', 'sk-ö'],
      ['both', 'new'],
      ['whole', 'sk-123'],
      ['inside', 'user:sk-123!'],
      ['other', `$OPENAI_API_KEY \${OPENAI-API-KEY}`],
    ])
  })

  test('shows none of its values when it is printed', () => {
    expect(JSON.stringify(objects) + inspect(objects, { depth: 9, showHidden: true })).not.toMatch(/sk-|user:|new/)
  })

  test('shows none of its text in syntax errors', () => {
    const values = [
      '*sk-secret',
      '!sk-secret x',
      '"sk-secret',
      '@sk-secret',
      '{sk-secret',
      'a: sk-secret: b',
      '`sk-secret',
    ]
    for (const value of values) {
      const { problems } = parse(file('a.yaml', `kind: Secret\nstringData:\n  key: ${value}\n`))
      expect(problems.length).toBeGreaterThan(0)
      expect(problems.map(formatProblem).join()).not.toContain('sk-secret')
    }
  })
})

test('a variable that is empty is as good as none: a key is never empty', () => {
  const text = `apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: "\${EMPTY}"}\n`
  const { problems } = parse(file('a.yaml', text))
  expect(problems.map(({ field, message }) => [field, message])).toEqual([
    ['stringData.a', 'the environment variable EMPTY is not set'],
  ])
})

test('variables are replaced in no other field', () => {
  const text = ROUTE.concat(`    defaults: {user: "\${OPENAI_API_KEY}"}\n`)
  expect(parse(file('a.yaml', text)).objects.routes[0]?.spec.rules[0]?.defaults).toEqual({ user: `\${OPENAI_API_KEY}` })
  const encoded = `apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: "\${OPENAI_API_KEY}"}\n`
  expect(parse(file('a.yaml', encoded)).problems.map(({ field }) => field)).toEqual(['data.a'])
})

const PLACES: [field: string, line: number, column: number][] = [
  ['spec.rules[0].backends[0].provider.name', 11, 9],
  ['spec.rules[0].backends[0].weight', 10, 7],
  ['spec.rules[0].backends[7]', 9, 5],
  ['spec.rules[0].name', 8, 5],
  ['spec.rules[0]', 8, 5],
  ['spec.workloads.matchLabels[app.kubernetes.io/name]', 6, 1],
  ['metadata.name', 4, 3],
  ['', 1, 1],
]

test.each(PLACES)('locates %s, or its nearest parent that is written', (field, line, column) => {
  const { locate } = parse(file('first.yaml', PROVIDER), file('routes.yaml', ROUTE))
  expect(locate('LLMRoute', 'shop', 'chat', field)).toEqual({ file: 'routes.yaml', line, column })
  expect(locate('LLMRoute', 'default', 'chat', field)).toBeUndefined()
})
