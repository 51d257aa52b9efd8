// What the charts, their documentation and the code must say alike. Needs no helm.
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { MOUNT_PATH, STORE_URL_FILE } from '../../contract/names.ts'
import { OWN_VARIABLES } from '../../operator/inject/settings.ts'
import { OPERATOR_FLAGS } from '../../operator/settings.ts'
import { renderTemplate } from '../../scripts/copy-crds.ts'
import { SIDECAR_FLAGS } from '../../sidecar/settings.ts'
import { ROOT } from './helm.ts'

type Values = Readonly<Record<string, unknown>>

interface Schema {
  $ref?: string
  additionalProperties?: boolean | object
  properties?: Readonly<Record<string, Schema>>
  definitions?: Readonly<Record<string, Schema>>
}

const CHART = 'charts/outrigger'
const values = parse(read(`${CHART}/values.yaml`)) as Values
const schema = JSON.parse(read(`${CHART}/values.schema.json`)) as Schema
const templates = globSync(`${CHART}/templates/*`, { cwd: ROOT }).map(read).join('\n')

describe('versions', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string }

  test.each([CHART, 'charts/outrigger-crds'])('%s has the version of package.json', (chart) => {
    const { version: chartVersion, appVersion, dependencies = [] } = parse(read(`${chart}/Chart.yaml`)) as ChartFile
    expect([chartVersion, appVersion, ...dependencies.map((each) => each.version)]).toEqual(
      [chartVersion, appVersion, ...dependencies].map(() => version),
    )
  })
})

describe('custom resource definitions', () => {
  test('in the charts are those of crds/', () => {
    execFileSync(process.execPath, [path.join(ROOT, 'scripts/copy-crds.ts'), '--check'])
  })

  test('are copied as they are, with a condition in front of the name', () => {
    const template = renderTemplate('kind: X\nmetadata:\n  name: a\nspec: {}\n', 'crds/a.yaml')
    expect(template.split('\n')).toEqual([
      '# Copied from crds/a.yaml by scripts/copy-crds.ts; do not edit.',
      'kind: X',
      'metadata:',
      '  {{- if .Values.keep }}',
      '  annotations:',
      '    helm.sh/resource-policy: keep',
      '  {{- end }}',
      '  name: a',
      'spec: {}',
      '',
    ])
  })

  test('that Helm would read as a template, or that have annotations, are not copied', () => {
    expect(() => renderTemplate('metadata:\n  name: a\n# {{ x }}\n', 'crds/a.yaml')).toThrow('crds/a.yaml: holds "{{"')
    expect(() => renderTemplate('metadata:\n  annotations: {}\n  name: a\n', 'crds/a.yaml')).toThrow(
      'with its name first',
    )
  })
})

describe('environment variables', () => {
  const deployment = read(`${CHART}/templates/deployment.yaml`)

  test('of the operator are its flags, all but the one for use outside a cluster', () => {
    const set = [...deployment.matchAll(/^ +- name: (OUTRIGGER_\w+)$/gm)].map(([, name]) => name)
    const { kubeconfig: _, ...flags } = OPERATOR_FLAGS
    expect(set.sort()).toEqual(Object.keys(flags).map(variableOf).sort())
  })

  test('of the sidecar are its flags, and none that injection sets itself', () => {
    const known = Object.keys(SIDECAR_FLAGS).map(variableOf)
    const set = [...read(`${CHART}/templates/_injection.tpl`).matchAll(/"(OUTRIGGER_\w+)"/g)].map(
      ([, name = '']) => name,
    )
    expect(set.filter((name) => !known.includes(name) || OWN_VARIABLES.includes(name))).toEqual([])
    expect(set.length).toBeGreaterThan(0)
  })

  test('of the store names the file that the operator publishes', () => {
    expect(read(`${CHART}/templates/_injection.tpl`)).toContain(`\nfile:${MOUNT_PATH}/${STORE_URL_FILE}\n`)
  })

  test('that injection sets itself are refused among the values', () => {
    const checks = read(`${CHART}/templates/_checks.tpl`)
    expect(OWN_VARIABLES.filter((name) => !checks.includes(`"${name}"`))).toEqual([])
  })
})

describe('values', () => {
  const paths = leaves(values)

  test('are all in the schema, and the schema has no others', () => {
    expect(schemaLeaves(schema).sort()).toEqual([...paths, 'global', 'crds.global'].sort())
  })

  test('are all read by a template', () => {
    const unread = paths.filter((name) => !name.startsWith('crds.') && !isRead(name))
    expect(unread).toEqual([])
  })

  test('are all in the README, with their defaults', () => {
    const rows = [...read(`${CHART}/README.md`).matchAll(/^\| `([\w.]+)` \| (.*?) \|/gm)].map(([, name, value]) => [
      name,
      value,
    ])
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(paths.map((name) => [name, `\`${shown(at(name))}\``])))
  })

  function at(name: string): unknown {
    return name.split('.').reduce<unknown>((value, key) => (value as Values)[key], values)
  }
})

interface ChartFile {
  version: string
  appVersion: string
  dependencies?: { version: string }[]
}

function read(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8')
}

function variableOf(flag: string): string {
  return `OUTRIGGER_${flag.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/** Values that are passed on whole: what is in them is Kubernetes' business. */
function isWhole(name: string): boolean {
  return /(^|\.)(resources|podSecurityContext|securityContext|nodeSelector)$/.test(name)
}

function leaves(object: Values, prefix = ''): string[] {
  return Object.entries(object).flatMap(([key, value]) => {
    const name = prefix + key
    const inner = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
    return inner && !isWhole(name) ? leaves(value as Values, `${name}.`) : [name]
  })
}

/** Of objects whose members are listed; `issuerRef` is one by its schema and none by its value, which is empty. */
function schemaLeaves({ properties = {} }: Schema, prefix = ''): string[] {
  return Object.entries(properties).flatMap(([key, member]) => {
    const name = prefix + key
    const listed = member.properties !== undefined && key !== 'issuerRef'
    return listed ? schemaLeaves(member, `${name}.`) : [name]
  })
}

/** Templates reach a value by its path, or by its last part from an object around it. */
function isRead(name: string): boolean {
  return new RegExp(`\\.${name.split('.').at(-1)}\\b`).test(templates)
}

function shown(value: unknown): string {
  return JSON.stringify(value)
}
