// `outrigger compile`: the document, or every problem with its place.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { compileFiles } from '../../cli/compile.ts'
import { parseSidecarConfig } from '../../contract/parse.ts'
import { folderForTests } from '../support/folder.ts'

const folder = folderForTests()

const SECRET = `apiVersion: v1
kind: Secret
metadata: {name: openai}
stringData: {api-key: "\${SHOP_KEY}"}
`

const PROVIDER = `apiVersion: outrigger.dev/v1alpha1
kind: LLMProvider
metadata: {name: openai}
spec:
  type: OpenAI
  openAI: {baseURL: http://127.0.0.1:4010/v1}
  credentials:
  - {name: primary, secretRef: {name: openai, key: api-key}}
  models:
  - name: gpt-5-mini
`

const ROUTE = `apiVersion: outrigger.dev/v1alpha1
kind: LLMRoute
metadata: {name: chat}
spec:
  rules:
  - name: all
    backends:
    - provider: {name: openai}
      model: gpt-5-mini
`

const ENV = { SHOP_KEY: 'sk-canary-of-compile' }

/** Compiles these files of the folder; its path is left out of the messages. */
async function compiled(
  files: Readonly<Record<string, string>>,
  env: Record<string, string> = ENV,
  namespace = 'default',
) {
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder(), name), text)
  const { messages, ...rest } = await compileFiles([folder()], namespace, env)
  return { ...rest, messages: messages.map((message) => message.replaceAll(`${folder()}/`, '')) }
}

test('valid files give a document that a sidecar reads, the same each time, and without the key', async () => {
  const files = { 'a.yaml': SECRET, 'b.yaml': PROVIDER, 'c.yaml': ROUTE }
  const { exitCode, output, messages } = await compiled(files)
  expect([exitCode, messages]).toEqual([0, []])
  expect(parseSidecarConfig(output)).toMatchObject({
    config: {
      namespace: 'default',
      providers: [{ id: 'default/openai', baseURL: 'http://127.0.0.1:4010/v1' }],
      routes: [{ id: 'default/chat' }],
    },
  })
  expect(output).not.toContain('canary')
  expect((await compiled(files)).output).toBe(output)
})

test('an empty folder is no mistake: its document is empty', async () => {
  const { exitCode, output } = await compiled({})
  expect([exitCode, JSON.parse(output)]).toMatchObject([0, { providers: [], routes: [] }])
})

test('objects that name no namespace are in the one that is asked for', async () => {
  const { output } = await compiled({ 'all.yaml': [SECRET, PROVIDER].join('---\n') }, ENV, 'shop')
  expect(JSON.parse(output)).toMatchObject({ namespace: 'shop', providers: [{ id: 'shop/openai' }] })
})

test('what is passed over is a warning', async () => {
  const deployment = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\n'
  const { exitCode, messages } = await compiled({ 'a.yaml': [SECRET, PROVIDER, deployment].join('---\n') })
  expect(exitCode).toBe(0)
  expect(messages).toEqual([
    'warning: a.yaml:17:1: Deployment default/shop: apps/v1 Deployment means nothing to file mode and is passed over',
  ])
})

test('what is served in part only is a warning with its place', async () => {
  const budget = '  budgets:\n  - {name: month, amount: "500", window: Month}\n'
  const priced = `${PROVIDER}  - {name: gpt-5, price: {inputPerMillion: "1.25", outputPerMillion: "10"}}\n`
  const both = ROUTE.replace('      model: gpt-5-mini\n', '')
  const { exitCode, messages } = await compiled({ 'a.yaml': SECRET, 'b.yaml': priced, 'c.yaml': both + budget })
  expect([exitCode, messages]).toEqual([
    0,
    [
      expect.stringMatching(
        /^warning: c\.yaml:8:7: LLMRoute default\/chat: spec\.rules\[0\]\.backends\[0\]: .* "month" /,
      ),
    ],
  ])
})

const PROBLEMS: [what: string, files: Record<string, string>, env: Record<string, string>, messages: string[]][] = [
  [
    'a variable that is not set',
    { 'a.yaml': SECRET },
    {},
    ['a.yaml:4:14: Secret default/openai: stringData.api-key: the environment variable SHOP_KEY is not set'],
  ],
  [
    'a field with a slip',
    { 'a.yaml': SECRET, 'b.yaml': PROVIDER.replace('  models:', '  modells:') },
    ENV,
    ['b.yaml:9:3: LLMProvider default/openai: spec.modells: unknown field; did you mean models?'],
  ],
  [
    'text that is no YAML',
    { 'a.yaml': 'a: [' },
    ENV,
    [expect.stringMatching(/^a\.yaml:1:\d+: not valid YAML: /) as unknown as string],
  ],
  [
    'a reference to a provider that is not there',
    { 'c.yaml': ROUTE },
    ENV,
    [
      'c.yaml:8:7: LLMRoute default/chat: spec.rules[0].backends[0].provider: ' +
        'LLMProvider default/openai does not exist; open to namespace default: none',
      'c.yaml:7:5: LLMRoute default/chat: spec.rules[0].backends: ' +
        'Requests that rule "all" matches are answered with 503. default/openai: ProviderNotFound',
    ],
  ],
  [
    'a budget over a model without a price',
    {
      'a.yaml': SECRET,
      'b.yaml': PROVIDER,
      'c.yaml': `${ROUTE}    budgets: [{name: month, amount: "500", window: Month}]\n`,
    },
    ENV,
    [
      'c.yaml:8:7: LLMRoute default/chat: spec.rules[0].backends[0]: LLMProvider default/openai has no price for gpt-5-mini, ' +
        'and budget "month" cannot count without one: declare models[].price of the LLMProvider, or set unknownPrice: ' +
        'AllowUnpriced in the rule. Until then such requests are refused with 403 price_unknown',
    ],
  ],
  [
    'a reference to a Secret that is not there',
    { 'b.yaml': PROVIDER },
    ENV,
    [
      'b.yaml:8:33: LLMProvider default/openai: spec.credentials[0].secretRef.name: ' +
        'Secret default/openai does not exist; create it in namespace default',
      'b.yaml:4:1: LLMProvider default/openai: spec: ' +
        'No sidecar is given this provider until its other problems are mended: SecretNotFound',
    ],
  ],
]

test.each(PROBLEMS)('%s is named by file, line, column, object and field, and there is no document', async (...row) => {
  const [, files, env, messages] = row
  expect(await compiled(files, env)).toEqual({ exitCode: 1, output: '', messages })
})

test('a file that does not exist is named', async () => {
  const missing = path.join(folder(), 'missing.yaml')
  expect(await compileFiles([missing], 'default', {})).toEqual({
    exitCode: 1,
    output: '',
    messages: [`${missing}:1:1: does not exist`],
  })
})
