// The output of `helm template` as texts by object, to compare it with another output of the same chart.
import { diff } from 'node:util'
import { parse } from 'yaml'

export interface KubernetesObject {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
}

/** By `Kind namespace/name`, in Helm's order. The custom resource definitions are left out: they are copies. */
export function parseManifests(output: string): ReadonlyMap<string, string> {
  const texts = output.split(/^---\n/m).filter((text) => text.trim() !== '')
  const entries = texts.map((text) => [nameOf(parse(text) as KubernetesObject), text.trimEnd()] as const)
  return new Map(entries.filter(([name]) => !name.startsWith('CustomResourceDefinition ')))
}

/** Lines around a change that are shown with it. */
const CONTEXT = 2

/** Names of objects that are gone, new objects, and the lines of the others that are different, marked + and -. */
export function renderDifference(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string {
  const gone = [...before.keys()].filter((name) => !after.has(name)).map((name) => `# Gone: ${name}\n`)
  const others = [...after].map(([name, text]) => renderObject(name, before.get(name), text))
  return [...gone, ...others].join('')
}

function renderObject(name: string, before: string | undefined, after: string): string {
  if (before === after) return ''
  if (before === undefined) return `---\n${after}\n`
  return `# Different: ${name}\n${renderLines(before.split('\n'), after.split('\n'))}`
}

function renderLines(before: readonly string[], after: readonly string[]): string {
  const lines = diff(before, after)
  const changed = lines.flatMap(([what], index) => (what === 0 ? [] : [index]))
  const near = (index: number): boolean => changed.some((other) => Math.abs(other - index) <= CONTEXT)
  return lines
    .map(([what, line], index) => {
      if (near(index)) return `${{ '0': ' ', '1': '-', '-1': '+' }[what]}${line}\n`
      return near(index + 1) ? '…\n' : ''
    })
    .join('')
}

function nameOf({ kind, metadata: { namespace, name } }: KubernetesObject): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`
}
