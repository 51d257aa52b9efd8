// The image is described twice, for those with an engine and for those without: the two must say the same.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { VERSION } from '../../cli/version.ts'
import { containerSettings } from '../../scripts/image/archive.ts'
import { imageLabels } from '../../scripts/image/labels.ts'

const ROOT = path.join(import.meta.dirname, '../..')
const text = readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8')
const instructions = text
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line !== '')
const lastStage = instructions.slice(instructions.lastIndexOf('FROM scratch'))
const packageJson = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  license: string
  devDependencies: Record<string, string>
}

test('user, environment, entrypoint and folder are those of scripts/image.ts', () => {
  const { user, environment, entrypoint, workingDirectory } = containerSettings('outrigger.cjs')
  expect(valuesOf('USER')).toEqual([user])
  expect(pairsOf('ENV')).toEqual(environment)
  expect(valuesOf('ENTRYPOINT').map((value) => JSON.parse(value))).toEqual([entrypoint])
  expect(valuesOf('WORKDIR')).toEqual([workingDirectory])
})

test('the files are those that scripts/image.ts lays out, and nothing runs on top of them', () => {
  expect(instructions.some((line) => line.includes('node scripts/image.ts --rootfs /rootfs'))).toBe(true)
  expect(valuesOf('COPY')).toEqual(['--from=build /rootfs/runtime/ /', '--from=build /rootfs/app/ /'])
  const kinds = new Set(lastStage.map((line) => line.split(' ')[0]))
  expect([...kinds].sort()).toEqual(['ARG', 'COPY', 'ENTRYPOINT', 'ENV', 'FROM', 'LABEL', 'USER', 'WORKDIR'])
})

test('the labels are those of scripts/image.ts', () => {
  const project = { version: VERSION, license: packageJson.license, created: '', revision: 'commit' }
  const labels = imageLabels(project, 'Outrigger')
  const said = pairsOf('LABEL')
  expect(Object.keys(said).sort()).toEqual(Object.keys(labels).sort())
  const fixed = Object.entries(said).filter(([, value]) => !value.includes('$'))
  expect(fixed.filter(([name, value]) => labels[name] !== value)).toEqual([])
})

test('versions are pinned, to those of the project', () => {
  const args = Object.fromEntries(instructions.flatMap((line) => pairs(line, 'ARG')))
  expect(args.NODE_VERSION).toBe(packageJson.devDependencies.node)
  expect(args.VERSION).toBe(VERSION)
  const bases = instructions.filter((line) => line.startsWith('FROM ')).map((line) => line.split(' ')[1])
  expect(bases).toEqual([expect.stringMatching(/^[a-z]+:\S+$/), 'scratch'])
  expect(text).not.toMatch(/latest/)
})

test('the entrypoint starts Node as bin/outrigger does', () => {
  const script = readFileSync(path.join(ROOT, 'bin/outrigger'), 'utf8')
  const { environment, entrypoint } = containerSettings('outrigger.cjs')
  const [, flags] = /^exec "\$root\/node_modules\/\.bin\/node" (.*)"\$entry" "\$@"$/m.exec(script) ?? []
  expect(flags?.split(' ').filter((flag) => flag !== '')).toEqual(entrypoint.slice(1, -1))
  const exported = [...script.matchAll(/^export (\w+)="\$\{\1:-(.*)\}"$/gm)].map(([, name, value]) => [name, value])
  expect(exported).toEqual(Object.entries(environment).filter(([name]) => name !== 'PATH'))
})

function valuesOf(instruction: string): string[] {
  const lines = lastStage.filter((line) => line.startsWith(`${instruction} `))
  return lines.map((line) => line.slice(instruction.length + 1).trim())
}

function pairsOf(instruction: string): Record<string, string> {
  return Object.fromEntries(lastStage.flatMap((line) => pairs(line, instruction)))
}

function pairs(line: string, instruction: string): [string, string][] {
  if (!line.startsWith(`${instruction} `)) return []
  const found = line.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S*))/g)
  return [...found].map(([, name = '', quoted, plain]) => [name, quoted ?? plain ?? ''])
}
