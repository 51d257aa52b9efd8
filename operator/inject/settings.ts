// What the platform team decides about injected pods: `injection.*` of the chart, which arrives here as a JSON file. Goes in:
// its text. Comes out: the settings, or every mistake in it with the field that it is in. Nothing has a default: the chart
// renders every field, and a default here would be a second place to change it.
import { isRecord, type RawObject } from './raw-object.ts'

export interface InjectionSettings {
  /** Of Outrigger: what the annotation on an injected pod says. */
  readonly version: string
  /** The sidecar's image, with a tag or a digest. */
  readonly image: string
  readonly imagePullPolicy: ImagePullPolicy
  /** The sidecar's, as in a container. Empty: none are asked for. */
  readonly resources: ResourceRequirements
  /** The sidecar's settings, e.g. `OUTRIGGER_LOG_LEVEL`. */
  readonly env: readonly EnvironmentVariable[]
}

export type ImagePullPolicy = (typeof PULL_POLICIES)[number]

/** Kubernetes quantities by resource name, e.g. `cpu: 10m`. */
export interface ResourceRequirements {
  readonly requests?: Readonly<Record<string, string>>
  readonly limits?: Readonly<Record<string, string>>
}

export interface EnvironmentVariable {
  readonly name: string
  readonly value: string
}

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'] as const

/** Injection decides these itself: the base URLs, the probes and the mount rely on them. */
export const OWN_VARIABLES: readonly string[] = [
  'OUTRIGGER_LISTEN',
  'OUTRIGGER_ADMIN',
  'OUTRIGGER_CONFIG_DIR',
  'OUTRIGGER_LABELS',
  'OUTRIGGER_LIMIT_SHARES',
  'OUTRIGGER_POD',
  'OUTRIGGER_WORKLOAD',
]

const FIELDS: readonly string[] = ['version', 'image', 'imagePullPolicy', 'resources', 'env']
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
/** As a Kubernetes API server reads quantities, e.g. `250m`, `128Mi`, `1e3`, but no negative ones. */
const QUANTITY = /^\+?(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/

export function parseInjectionSettings(text: string): { settings: InjectionSettings } | { problems: string[] } {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (error) {
    return { problems: [`not JSON: ${(error as Error).message}`] }
  }
  if (!isRecord(raw)) return { problems: ['expected a JSON object'] }
  const problems: string[] = []
  const note: Note = (field, expected) => void problems.push(`${field}: expected ${expected}`)
  for (const name of Object.keys(raw))
    if (!FIELDS.includes(name)) note(name, `no such field, only ${FIELDS.join(', ')}`)
  const settings = {
    version: parseText(raw, 'version', note),
    image: parseText(raw, 'image', note),
    imagePullPolicy: parsePullPolicy(raw, note),
    resources: parseResources(raw, note),
    env: parseEnvironment(raw, note),
  }
  return problems.length > 0 ? { problems } : { settings }
}

type Note = (field: string, expected: string) => void

function parseText(raw: RawObject, field: string, note: Note): string {
  const value = raw[field]
  if (typeof value === 'string' && /^\S+$/.test(value)) return value
  note(field, `a text without spaces, not ${shown(value)}`)
  return ''
}

function parsePullPolicy({ imagePullPolicy: value }: RawObject, note: Note): ImagePullPolicy {
  const found = PULL_POLICIES.find((policy) => policy === value)
  if (found !== undefined) return found
  note('imagePullPolicy', `one of ${PULL_POLICIES.join(', ')}, not ${shown(value)}`)
  return 'IfNotPresent'
}

function parseResources({ resources }: RawObject, note: Note): ResourceRequirements {
  if (!isRecord(resources)) {
    note('resources', `an object with requests and limits, not ${shown(resources)}`)
    return {}
  }
  const parsed: { requests?: Record<string, string>; limits?: Record<string, string> } = {}
  for (const [part, quantities] of Object.entries(resources)) {
    const field = `resources.${part}`
    if (part !== 'requests' && part !== 'limits') note(field, 'no such field, only requests and limits')
    else if (isRecord(quantities)) parsed[part] = parseQuantities(quantities, field, note)
    else note(field, `an object of quantities, not ${shown(quantities)}`)
  }
  return parsed
}

/** YAML in the chart makes a number of `cpu: 1`; in a pod both forms mean the same. */
function parseQuantities(quantities: RawObject, field: string, note: Note): Record<string, string> {
  const entries = Object.entries(quantities).map(([name, value]) => [name, String(value)] as const)
  for (const [name, value] of entries) {
    if (!QUANTITY.test(value))
      note(`${field}.${name}`, `a quantity such as 100m or 64Mi, not ${shown(quantities[name])}`)
  }
  return Object.fromEntries(entries)
}

function parseEnvironment({ env }: RawObject, note: Note): EnvironmentVariable[] {
  if (!Array.isArray(env)) {
    note('env', `a list of {name, value}, not ${shown(env)}`)
    return []
  }
  const seen = new Set<string>()
  return env.flatMap((item: unknown, index) => {
    const variable = parseVariable(item, `env[${index}]`, note)
    if (variable === undefined) return []
    if (seen.has(variable.name)) note(`env[${index}].name`, `each name once, not ${variable.name} again`)
    seen.add(variable.name)
    return [variable]
  })
}

function parseVariable(item: unknown, field: string, note: Note): EnvironmentVariable | undefined {
  const { name, value, ...others } = isRecord(item) ? item : {}
  const [other] = Object.keys(others)
  if (other !== undefined) note(`${field}.${other}`, 'no such field, only name and value')
  if (typeof name !== 'string' || !VARIABLE_NAME.test(name))
    note(`${field}.name`, `a variable's name, not ${shown(name)}`)
  else if (OWN_VARIABLES.includes(name)) note(`${field}.name`, `another variable: injection sets ${name} itself`)
  else if (typeof value !== 'string') note(`${field}.value`, `a text, not ${shown(value)}`)
  else return { name, value }
  return undefined
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}
