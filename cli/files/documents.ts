import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseAllDocuments,
  type ScalarTag,
} from 'yaml'
import type { FieldPath } from './field-path.ts'
import type { FileProblem, Position } from './problem.ts'
import { isObject } from './structure.ts'

export interface SourceFile {
  /** As it shall appear in problems. */
  path: string
  text: string
}

/** One object of a file. */
export interface FileResource {
  value: unknown
  /** Where the field is written, or the nearest parent that is. */
  locate(path: FieldPath): Position
}

export interface FileDocuments {
  resources: FileResource[]
  problems: FileProblem[]
}

/** More references to anchors than this in one document is an attack or a slip. */
const ALIASES_MAX = 1000

/** kubectl reads these as YAML 1.1 does; taken for strings, they would pass here and be refused in a cluster. */
const YAML_1_1_BOOLEAN: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$/,
  resolve: (text) => /^(?:y|on)/i.test(text),
}

/** Reads YAML with any number of documents, or JSON. A document with a syntax error gives problems and no resource. */
export function parseDocuments(file: SourceFile): FileDocuments {
  const lines = new LineCounter()
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { file: file.path, line, column: col }
  }
  const documents = parseAllDocuments(file.text, {
    lineCounter: lines,
    // A pretty error quotes the source, which may be a Secret's.
    prettyErrors: false,
    merge: true,
    customTags: (tags) => [YAML_1_1_BOOLEAN, ...tags],
  })
  const parsed = Array.from(documents, (document) => readDocument(document, positionAt))
  return {
    resources: parsed.flatMap(({ resources }) => resources),
    problems: parsed.flatMap(({ problems }) => problems),
  }
}

function readDocument(document: Document.Parsed, positionAt: (offset: number) => Position): FileDocuments {
  const problems = [...document.errors, ...document.warnings].map(({ pos: [offset], message }) =>
    syntaxProblem(positionAt(offset), message),
  )
  if (problems.length > 0 || document.contents === null) return { resources: [], problems }
  const { contents } = document
  const locate = (path: FieldPath): Position => positionAt(offsetOf(document, contents, path))
  try {
    const value: unknown = document.toJS({ maxAliasCount: ALIASES_MAX })
    return { resources: value === null ? [] : expandList({ value, locate }), problems }
  } catch (error) {
    // toJS throws when an alias has no anchor or there are too many of them.
    return {
      resources: [],
      problems: [syntaxProblem(locate([]), error instanceof Error ? error.message : 'unreadable')],
    }
  }
}

/** Behind a colon the parser repeats the source, which may be a Secret's. */
function syntaxProblem(position: Position, message: string): FileProblem {
  return { ...position, reason: 'SyntaxError', message: `not valid YAML: ${message.split(': ')[0]}` }
}

/** A `kind: List`, as `kubectl get -o yaml` prints it, is its items. */
function expandList(resource: FileResource): FileResource[] {
  const { value, locate } = resource
  if (!isObject(value) || value.apiVersion !== 'v1' || value.kind !== 'List' || !Array.isArray(value.items)) {
    return [resource]
  }
  return value.items.map((item, index) => ({ value: item, locate: (path) => locate(['items', index, ...path]) }))
}

/** Of the key, in a map; of the item, in a list. */
function offsetOf(document: Document.Parsed, contents: ParsedNode, path: FieldPath): number {
  let offset = contents.range[0]
  let node: unknown = contents
  for (const segment of path) {
    const found = memberOf(isAlias(node) ? node.resolve(document) : node, segment)
    if (found === undefined) break
    offset = found.offset ?? offset
    node = found.value
  }
  return offset
}

function memberOf(node: unknown, segment: string | number): { offset: number | undefined; value: unknown } | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(segment)]
    return item === undefined ? undefined : { offset: startOf(item), value: item }
  }
  if (!isMap(node)) return undefined
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(segment))
  return isPair(pair) ? { offset: startOf(pair.key), value: pair.value } : undefined
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}
