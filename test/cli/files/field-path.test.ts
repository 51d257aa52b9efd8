import { expect, test } from '@jest/globals'
import { type FieldPath, parseFieldPath, renderFieldPath } from '../../../cli/files/field-path.ts'

const CASES: [path: FieldPath, text: string][] = [
  [[], ''],
  [['spec'], 'spec'],
  [['spec', 'rules', 0, 'backends', 12, 'weight'], 'spec.rules[0].backends[12].weight'],
  [['metadata', 'labels', 'app.kubernetes.io/name'], 'metadata.labels[app.kubernetes.io/name]'],
  [['data', 'tls.crt', 'x'], 'data[tls.crt].x'],
]

test.each(CASES)('%j is written %s, and read back', (path, text) => {
  expect(renderFieldPath(path)).toBe(text)
  expect(parseFieldPath(text)).toEqual(path.map(String))
})
