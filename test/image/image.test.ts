// The whole way, with Node's real binary and this machine's libraries; the demo is packed, because it needs no build before.
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { architectureOf, platformOf } from '../../scripts/image/platform.ts'
import { folderForTests } from '../support/folder.ts'

const ROOT = path.join(import.meta.dirname, '../..')
const folder = folderForTests()
const MISSING = missing()
/** It reads and writes hundreds of megabytes. */
const PATIENCE_MS = 120_000

const onDebian = MISSING === undefined ? test : test.skip
if (MISSING !== undefined) console.warn(`No image is built here: ${MISSING}.`)

onDebian(
  'the same inputs give the same archive and the same bill of materials, byte for byte',
  async () => {
    const digests = await Promise.all(['one', 'other'].map(buildAndDigest))
    expect(digests[0]).toBe(digests[1])
  },
  PATIENCE_MS,
)

onDebian(
  'Node finds all its libraries inside the image',
  async () => {
    await image('--rootfs', folder())
    const root = path.join(folder(), 'runtime')
    const platform = platformOf(architectureOf(process.arch))
    const libraries = path.join(root, 'lib', platform.libraryFolder)
    const args = ['--inhibit-cache', '--library-path', libraries, '--list', path.join(root, 'usr/local/bin/node')]
    const listed = execFileSync(path.join(root, platform.loader), args, { encoding: 'utf8' })
    const found = [...listed.matchAll(/=> (\S+)/g)].map(([, file = '']) => path.relative(root, file))
    expect(found).toContain(path.join('lib', platform.libraryFolder, 'libc.so.6'))
    expect(found.filter((file) => file.startsWith('..') && !file.endsWith(platform.loader))).toEqual([])
    expect(listed).not.toMatch(/not found/)
  },
  PATIENCE_MS,
)

onDebian(
  'says which input is missing',
  async () => {
    const foreign = architectureOf(process.arch) === 'amd64' ? 'arm64' : 'amd64'
    await expect(image('--arch', foreign)).rejects.toThrow(/image: --node: name the unpacked npm package node-linux-/)
    await expect(image('--arch', 'riscv64')).rejects.toThrow('image: --arch: expected amd64 or arm64, not "riscv64"')
    await expect(image('--tag', 'Outrigger')).rejects.toThrow('image: --tag: expected NAME:TAG in lower case')
  },
  PATIENCE_MS,
)

async function buildAndDigest(name: string): Promise<string> {
  const [archive, bill] = [path.join(folder(), `${name}.tar`), path.join(folder(), `${name}.json`)]
  await image('--tag', 'outrigger-demo:0.0.1', '--out', archive, '--sbom', bill)
  const hash = createHash('sha256')
  for (const file of [archive, bill]) hash.update(readFileSync(file))
  return hash.digest('hex')
}

async function image(...args: readonly string[]): Promise<void> {
  const command = [path.join(ROOT, 'scripts/image.ts'), '--app', path.join(ROOT, 'demo/app.ts'), ...args]
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1700000000' }
  await promisify(execFile)(process.execPath, command, { cwd: folder(), env })
}

function missing(): string | undefined {
  if (process.platform !== 'linux') return 'it takes its libraries from Linux'
  try {
    execFileSync('dpkg-query', ['--version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'it takes its libraries from Debian packages'
  }
}
