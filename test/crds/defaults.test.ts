// Every YAML file in defaults/ is a case: objects as users write them, then `# Output` with what admission makes of them.
// `make golden` (GOLDEN=write) writes the output anew.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { parseFiles } from '../../cli/files/parse.ts'

const FOLDER = join(import.meta.dirname, 'defaults')
const OUTPUT = '---\n# Output\n'

test.each(readdirSync(FOLDER))('%s is admitted with its defaults', (file) => {
  const path = join(FOLDER, file)
  const text = readFileSync(path, 'utf8')
  const [input = ''] = text.split(OUTPUT)
  const loaded = parseFiles([{ path: file, text: input }], {}, { allowLoopback: 'Refuse', defaultNamespace: 'shop' })
  expect(loaded.problems).toEqual([])
  const output = [...loaded.objects.providers, ...loaded.objects.routes]
    .map((object) => stringify(object))
    .join('---\n')
  const expected = `${input}${OUTPUT}${output}`
  if (process.env.GOLDEN === 'write') writeFileSync(path, expected)
  else expect(text).toBe(expected)
})
