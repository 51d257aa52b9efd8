// Objects that are wrong in one place: every field of the objects in complete/, replaced by everything that people and
// generators write there. No expectation stands beside them: the two admissions are held against each other.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { KubernetesObject } from './apiserver.ts'

export interface Mutation {
  /** `spec.models.0.name = ""`, with the name of the value. */
  name: string
  /** What stands at the place now. */
  value: ValueName | 'absent' | 'grown' | 'crowded'
  object: KubernetesObject
}

type Path = readonly (string | number)[]
type Place = Record<string | number, unknown>
type ValueName = keyof typeof VALUES

const FOLDER = join(import.meta.dirname, 'complete')

/** More than any list or map of ours may hold. */
const CROWD = 600

const VALUES = {
  null: null,
  'empty text': '',
  space: ' ',
  word: 'x',
  'two words': 'two words',
  'long text': 'x'.repeat(70_000),
  zero: 0,
  negative: -1,
  fraction: 1.5,
  large: 1e12,
  boolean: true,
  'empty list': [],
  'empty object': {},
  'list of null': [null],
  'list of a word': ['x'],
  'another object': { zzz: 1 },
}

export function completeObjects(): KubernetesObject[] {
  return readdirSync(FOLDER).flatMap((file) => {
    const documents = parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8'))
    return documents.map((document) => document.toJS() as KubernetesObject)
  })
}

export function mutationsOf(object: KubernetesObject): Mutation[] {
  const paths = pathsOf(object.spec, ['spec'])
  return paths.flatMap((path): Mutation[] => {
    const at = (value: Mutation['value'], change: (place: Place, key: string | number) => void): Mutation => ({
      name: `${object.kind} ${path.join('.')} = ${value}`,
      value,
      object: changed(object, path, change),
    })
    return [
      at('absent', remove),
      at('grown', grow),
      at('crowded', crowd),
      ...(Object.keys(VALUES) as ValueName[]).map((name) =>
        at(name, (place, key) => {
          place[key] = VALUES[name]
        }),
      ),
    ]
  })
}

/** Of the value and all that it holds. */
export function pathsOf(value: unknown, path: Path): Path[] {
  const members = typeof value === 'object' && value !== null ? Object.entries(value) : []
  const inner = members.map(([key, member]) => pathsOf(member, [...path, Array.isArray(value) ? Number(key) : key]))
  return [path, ...inner.flat()]
}

function changed(
  object: KubernetesObject,
  path: Path,
  change: (place: Place, key: string | number) => void,
): KubernetesObject {
  const copy = structuredClone(object)
  const parent = path.slice(0, -1).reduce((place, key) => place[key] as Place, copy as unknown as Place)
  change(parent, path.at(-1) ?? '')
  return copy
}

function remove(place: Place, key: string | number): void {
  if (Array.isArray(place)) place.splice(Number(key), 1)
  else delete place[key]
}

/** An object gets a member that nobody knows, a list its first item a second time. */
function grow(place: Place, key: string | number): void {
  const value = place[key]
  if (Array.isArray(value)) value.push(structuredClone(value[0]))
  else if (typeof value === 'object' && value !== null) (value as Place).zzz = 'x'
}

function crowd(place: Place, key: string | number): void {
  const value = place[key]
  if (Array.isArray(value)) place[key] = Array.from({ length: CROWD }, () => value[0])
  else if (typeof value === 'object' && value !== null) for (let i = 0; i < CROWD; i++) (value as Place)[`f${i}`] = 'x'
}
