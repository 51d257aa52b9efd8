// Every file in golden/ is a case: values, then `# Output` with what the chart makes of them. That of default.yaml is whole,
// the others' are what is different from it. GOLDEN=write writes them anew; read the diff like code.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithHelm, KUBE_VERSION, template } from './helm.ts'
import { parseManifests, renderDifference } from './manifests.ts'

const FOLDER = path.join(import.meta.dirname, 'golden')
const OUTPUT = '---\n# Output\n'
const DEFAULT = 'default.yaml'
const files = readdirSync(FOLDER).sort()

describeWithHelm('helm template', () => {
  let folder = ''
  let byDefault: ReadonlyMap<string, string>

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'outrigger-charts-'))
    byDefault = await render('{}\n')
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('there are cases', () => {
    expect(files).toContain(DEFAULT)
    expect(files.length).toBeGreaterThan(8)
  })

  for (const file of files) {
    const text = readFileSync(path.join(FOLDER, file), 'utf8')
    const [values = ''] = text.split(OUTPUT)

    test(`${file}: ${values.slice(2, values.indexOf('\n'))}`, async () => {
      const kubeVersion = /^# Kubernetes (\S+)$/m.exec(values)?.[1] ?? KUBE_VERSION
      const manifests = await render(values, kubeVersion)
      const expected = `${values}${OUTPUT}${renderDifference(file === DEFAULT ? new Map() : byDefault, manifests)}`
      if (process.env.GOLDEN === 'write') writeFileSync(path.join(FOLDER, file), expected)
      else expect(text).toBe(expected)
    })
  }

  async function render(values: string, kubeVersion = KUBE_VERSION): Promise<ReadonlyMap<string, string>> {
    const file = path.join(folder, 'values.yaml')
    await writeFile(file, values)
    const { code, stdout, stderr } = await template(['--values', file], kubeVersion)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return parseManifests(stdout)
  }
})
