// What a source file imports, declares and touches: the facts that test/architecture.test.ts holds its rules against. Read from
// the syntax tree, so that a word in a comment or in a text is no finding.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseSync } from '@swc/core'

export interface SourceFacts {
  /** Relative to the repository, with `/`. */
  path: string
  text: string
  /** Lines of text. */
  lines: number
  imports: readonly Import[]
  /** `default` for a default export, `*` for `export *`. */
  exports: readonly string[]
  /** `object.property` of every member access on a plain name: `process.env`, `Date.now`. */
  members: ReadonlySet<string>
  /** Names that are called, or constructed without arguments: `setTimeout`, `new Date`, `test`. */
  calls: ReadonlySet<string>
  /** Names of functions, classes, interfaces and types. */
  declares: readonly string[]
}

export interface Import {
  /** As written: `./parse.ts`, `node:fs`, `yaml`. */
  from: string
  /** Gone at run time. */
  typeOnly: boolean
  /** Imported names; `*` for the whole module. */
  names: readonly string[]
}

const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', '.git', '.cache'])

/** All files of the repository, without what is installed or built; relative, with `/`, sorted. */
export function repositoryFiles(root: string): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter(({ name }) => !NOT_OURS.has(name))
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(root, entry.name) : [entry.name]))
    .sort()
}

function filesBelow(root: string, folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
}

export function readFacts(root: string, file: string): SourceFacts {
  return factsOf(file, readFileSync(path.join(root, file), 'utf8'))
}

/** Throws for what does not parse. */
export function factsOf(file: string, text: string): SourceFacts {
  const found = { imports: [] as Import[], exports: [] as string[], declares: [] as string[] }
  const members = new Set<string>()
  const calls = new Set<string>()
  visit(parseSync(text, { syntax: 'typescript', target: 'esnext' }), (node) => {
    found.imports.push(...importsOf(node))
    found.exports.push(...exportsOf(node))
    found.declares.push(...declarationsOf(node))
    for (const member of membersOf(node)) members.add(member)
    for (const call of callsOf(node)) calls.add(call)
  })
  return { path: file, text, lines: text.split('\n').length - 1, ...found, members, calls }
}

/** A node of swc's tree: only what is looked at. */
interface Node {
  type: string
  value?: unknown
  typeOnly?: boolean
  isTypeOnly?: boolean
  source?: Node | null
  specifiers?: Node[]
  imported?: Node | null
  local?: Node
  callee?: Node
  object?: Node
  property?: Node
  id?: Node
  identifier?: Node
  init?: Node | null
  arguments?: { expression: Node }[]
}

function visit(value: unknown, see: (node: Node) => void): void {
  if (typeof value !== 'object' || value === null) return
  if ('type' in value && typeof value.type === 'string') see(value as Node)
  for (const child of Object.values(value)) visit(child, see)
}

function importsOf(node: Node): Import[] {
  const { type, source, specifiers = [], typeOnly = false } = node
  if (type === 'CallExpression' && node.callee?.type === 'Import') {
    return [{ from: String(node.arguments?.[0]?.expression.value), typeOnly: false, names: ['*'] }]
  }
  if (!source || !/^(Import|ExportNamed|ExportAll)Declaration$/.test(type)) return []
  const allTypes = specifiers.length > 0 && specifiers.every(({ isTypeOnly }) => isTypeOnly === true)
  return [{ from: String(source.value), typeOnly: typeOnly || allTypes, names: specifiers.map(importedName) }]
}

function importedName({ type, imported, local }: Node): string {
  return type === 'ImportSpecifier' ? String((imported ?? local)?.value) : '*'
}

function exportsOf({ type }: Node): string[] {
  if (type === 'ExportDefaultDeclaration' || type === 'ExportDefaultExpression') return ['default']
  return type === 'ExportAllDeclaration' ? ['*'] : []
}

const DECLARATION = /^(Function|Class|TsInterface|TsTypeAlias)Declaration$/

function declarationsOf({ type, id, identifier }: Node): string[] {
  return DECLARATION.test(type) ? [String((identifier ?? id)?.value)] : []
}

function membersOf({ type, object, property, id, init }: Node): string[] {
  if (type === 'MemberExpression' && object?.type === 'Identifier') {
    return [`${object.value}.${property?.type === 'Identifier' ? property.value : '*'}`]
  }
  const takenApart = type === 'VariableDeclarator' && id?.type === 'ObjectPattern' && init?.type === 'Identifier'
  return takenApart ? [`${init.value}.*`] : []
}

function callsOf({ type, callee, arguments: given = [] }: Node): string[] {
  if (type === 'NewExpression') {
    return callee?.type === 'Identifier' && given.length === 0 ? [`new ${callee.value}`] : []
  }
  return type === 'CallExpression' && callee?.type === 'Identifier' ? [String(callee.value)] : []
}
