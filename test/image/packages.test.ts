import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import type { Metafile } from 'esbuild'
import { readMetafile, readNpmPackages } from '../../scripts/image/packages.ts'
import { folderForTests } from '../support/folder.ts'

const ROOT = path.join(import.meta.dirname, '../..')
const folder = folderForTests()

test('names the packages that gave a bundle at least one byte, each once, by their own names', () => {
  const metafile = metafileWith({
    'cli/main.ts': 10,
    'node_modules/http-proxy/dist/index.js': 10,
    'node_modules/http-proxy/dist/other.js': 10,
    'node_modules/@bufbuild/cel/dist/index.js': 10,
    'node_modules/yaml/dist/index.js': 0,
  })
  const packages = readNpmPackages([metafile, metafileWith({ 'node_modules/ws/index.js': 5 })], ROOT)
  expect(packages.map(({ name }) => name)).toEqual(['@bufbuild/cel', 'http-proxy-3', 'ws'])
  for (const { version, license } of packages) {
    expect(version).toMatch(/^\d+\.\d+\.\d+/)
    expect(license).not.toBe('')
  }
})

test('a bundle without a metafile, or with that of another build, is refused', () => {
  const bundle = path.join(folder(), 'x.cjs')
  writeFileSync(bundle, 'bundle')
  expect(() => readMetafile(bundle)).toThrow('x.cjs has no metafile beside it, so its contents are unknown')
  const outputs = { 'dist/x.cjs': { bytes: 7, inputs: {}, imports: [], exports: [] } }
  writeFileSync(`${bundle}.meta.json`, JSON.stringify({ inputs: {}, outputs }))
  expect(() => readMetafile(bundle)).toThrow('x.cjs is of another build than the metafile beside it')
})

function metafileWith(bytes: Readonly<Record<string, number>>): Metafile {
  const inputs = Object.fromEntries(Object.entries(bytes).map(([file, bytesInOutput]) => [file, { bytesInOutput }]))
  return { inputs: {}, outputs: { 'dist/x.cjs': { bytes: 0, inputs, imports: [], exports: [] } } }
}
