// Files and folders as they lie on disk.
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { loadFiles } from '../../../cli/files/load.ts'
import { formatProblem } from '../../../cli/files/problem.ts'
import { readFiles } from '../../../cli/files/read.ts'

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'outrigger-read-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

test('a folder gives its YAML and JSON files by name, and nothing hidden or deeper', async () => {
  for (const name of ['b.yaml', 'a.yml', 'c.json', '.hidden.yaml', 'notes.txt', 'd.yaml.bak']) {
    await writeFile(join(folder, name), name)
  }
  await mkdir(join(folder, 'deeper.yaml'))
  await writeFile(join(folder, 'deeper.yaml/e.yaml'), 'e')
  expect(await readFiles([folder])).toEqual({
    files: ['a.yml', 'b.yaml', 'c.json'].map((name) => ({ path: join(folder, name), text: name })),
    problems: [],
  })
})

test('a folder that the kubelet projects gives each file once, before and after a swap', async () => {
  await mkdir(join(folder, '..2026_11_21'))
  await writeFile(join(folder, '..2026_11_21/providers.yaml'), 'old')
  await symlink('..2026_11_21', join(folder, '..data'))
  await symlink('..data/providers.yaml', join(folder, 'providers.yaml'))
  const path = join(folder, 'providers.yaml')
  expect(await readFiles([folder])).toEqual({ files: [{ path, text: 'old' }], problems: [] })

  await mkdir(join(folder, '..2026_11_22'))
  await writeFile(join(folder, '..2026_11_22/providers.yaml'), 'new')
  await symlink('..2026_11_22', join(folder, '..data_tmp'))
  await rename(join(folder, '..data_tmp'), join(folder, '..data'))
  expect(await readFiles([folder])).toEqual({ files: [{ path, text: 'new' }], problems: [] })
})

test('files come in the order in which they are named, whatever their extension, and once', async () => {
  await writeFile(join(folder, 'a.yaml'), 'a')
  await writeFile(join(folder, 'z.conf'), 'z')
  const paths = [join(folder, 'z.conf'), folder, join(folder, './a.yaml')]
  expect((await readFiles(paths)).files.map(({ text }) => text)).toEqual(['z', 'a'])
})

test('what cannot be read is a problem, and the rest is read', async () => {
  await writeFile(join(folder, 'a.yaml'), 'a')
  await symlink('gone.yaml', join(folder, 'b.yaml'))
  const missing = join(folder, 'missing.yaml')
  const { files, problems } = await readFiles([missing, folder])
  expect(files.map(({ text }) => text)).toEqual(['a'])
  expect(problems.map(formatProblem)).toEqual([
    `${missing}:1:1: does not exist`,
    `${join(folder, 'b.yaml')}:1:1: does not exist`,
  ])
})

test('an empty folder is no problem', async () => {
  const result = await loadFiles([folder], {}, { allowLoopback: 'Refuse', defaultNamespace: 'default' })
  expect(result).toMatchObject({
    objects: { providers: [], routes: [], secrets: [], namespaces: [] },
    problems: [],
    warnings: [],
  })
})

test('problems of reading come before those of the texts', async () => {
  await writeFile(join(folder, 'a.yaml'), 'kind: LLMRoute\n')
  const { problems } = await loadFiles(
    [folder, join(folder, 'missing.yaml')],
    {},
    {
      allowLoopback: 'Refuse',
      defaultNamespace: 'default',
    },
  )
  expect(problems.map(({ reason }) => reason)).toEqual(['Unreadable', 'FieldValueRequired'])
})
