import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { compileObjects } from '../../cli/file-mode.ts'
import { loadFiles } from '../../cli/files/load.ts'
import { formatProblem } from '../../cli/files/problem.ts'
import { CRDS } from './custom-resource-definitions.ts'

const EXAMPLES = join(CRDS, 'examples')
const files = readdirSync(EXAMPLES).sort()

const ENVIRONMENT = Object.fromEntries(
  [
    'OPENAI_API_KEY',
    'ANTHROPIC_API_KEY',
    'GEMINI_API_KEY',
    'AZURE_OPENAI_API_KEY',
    'AWS_BEARER_TOKEN_BEDROCK',
    'MISTRAL_API_KEY',
    'PROXY_USER',
    'PROXY_PASSWORD',
    'CLIENT_CERTIFICATE',
    'CLIENT_KEY',
  ].map((name) => [name, `value of ${name}`]),
)

test.each(files)('%s loads without problem or warning, and says what it shows', async (file) => {
  const options = { allowLoopback: 'Refuse', defaultNamespace: 'default' } as const
  const { problems, warnings, objects } = await loadFiles([join(EXAMPLES, file)], ENVIRONMENT, options)
  expect([...problems, ...warnings].map(formatProblem)).toEqual([])
  expect(objects.providers.length + objects.routes.length).toBeGreaterThan(0)
  expect(readFileSync(join(EXAMPLES, file), 'utf8')).toMatch(/^# .*\n# .*\n[^#]/)
})

// Together, since some use the Secret of quick-start.yaml.
test('all of them compile, without problem or warning', async () => {
  const options = { allowLoopback: 'Refuse', defaultNamespace: 'default' } as const
  const { objects } = await loadFiles([EXAMPLES], ENVIRONMENT, options)
  const namespaces = new Set(objects.routes.map(({ metadata }) => metadata.namespace))
  const told = [...namespaces].map((namespace) => {
    const { problems, warnings } = compileObjects(objects, namespace)
    return { namespace, told: [...problems, ...warnings] }
  })
  expect(told).toEqual([...namespaces].map((namespace) => ({ namespace, told: [] })))
  expect(namespaces.size).toBeGreaterThan(1)
})

// kubectl and Helm read 1.1, where a bare `on` is true; file mode reads 1.2.
test.each(files)('%s means the same in YAML 1.1 and 1.2', (file) => {
  const text = readFileSync(join(EXAMPLES, file), 'utf8')
  const documentsIn = (version: '1.1' | '1.2') => parseAllDocuments(text, { version }).map((one) => one.toJS())
  expect(documentsIn('1.1')).toEqual(documentsIn('1.2'))
})

test('every type of provider has an example', async () => {
  const options = { allowLoopback: 'Refuse', defaultNamespace: 'default' } as const
  const loaded = await Promise.all(files.map((file) => loadFiles([join(EXAMPLES, file)], ENVIRONMENT, options)))
  const types = new Set(loaded.flatMap(({ objects }) => objects.providers.map(({ spec }) => spec.type)))
  expect([...types].sort()).toEqual(['Anthropic', 'AzureOpenAI', 'Bedrock', 'Gemini', 'OpenAI', 'OpenAICompatible'])
})
