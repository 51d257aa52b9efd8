import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type AddressFile, followAddressFile } from '../../../sidecar/store/address-file.ts'
import { describeStore, type StoreAddress } from '../../../sidecar/store/store-address.ts'
import { CERTIFICATE } from '../../mock/certificate.ts'
import { folderForTests } from '../../support/folder.ts'
import { OTHER_CERTIFICATE } from './other-certificate.ts'

const NEVER_MS = 3_600_000
const FIRST = 'redis://:hunter2@a'
const SECOND = 'redis://:hunter3@a'

const folder = folderForTests()
let file: string
let followed: AddressFile
/** What was told, in its order. */
let told: (string | undefined)[]
let unusable: string | undefined

beforeEach(() => {
  file = path.join(folder(), 'store-url')
  told = []
  unusable = undefined
  followed = followAddressFile({
    file,
    pollMs: NEVER_MS,
    async onAddress(address) {
      if (unusable !== undefined) throw new Error(unusable)
      told.push(shown(address))
    },
    onProblem: (problem) => told.push(problem?.replace(file, 'FILE')),
  })
})
afterEach(() => followed.close())

function shown(address: StoreAddress): string {
  return `${describeStore(address)} by ${address.credentials?.password.reveal()}`
}

/** Twice, since nothing is told twice. */
async function look(): Promise<(string | undefined)[]> {
  await followed.check()
  await followed.check()
  return told.splice(0)
}

test('a file that is not there yet is a problem, and its address comes when it is', async () => {
  expect(await look()).toEqual(['--store file:FILE: there is no such file yet'])
  await writeFile(file, `${FIRST}\n`)
  expect(await look()).toEqual(['Standalone a:6379 by hunter2', undefined])
})

test('another address is told once, and the same one written anew is not', async () => {
  await writeFile(file, FIRST)
  expect(await look()).toEqual(['Standalone a:6379 by hunter2'])
  await writeFile(file, `${FIRST}\n`)
  expect(await look()).toEqual([])
  await writeFile(file, SECOND)
  expect(await look()).toEqual(['Standalone a:6379 by hunter3'])
})

test.each([
  ['is gone', () => rm(file), 'there is no such file yet'],
  ['is empty', () => writeFile(file, '\n'), /^expected a URL that begins with redis:\/\//],
  ['holds something else', () => writeFile(file, 'hunter3'), /^expected a URL that begins with redis:\/\//],
  ['names another file', () => writeFile(file, 'file:hunter3'), /^expected a URL that begins with redis:\/\//],
  ['holds half a URL', () => writeFile(file, 'redis://hunter3@a'), /^expected USER:PASSWORD@/],
])('a file that %s takes nothing back, and is a problem until it is mended', async (_name, spoil, problem) => {
  await writeFile(file, FIRST)
  await look()
  await spoil()
  const [message, ...others] = await look()
  expect([message?.replace('--store file:FILE: ', ''), others]).toEqual([
    typeof problem === 'string' ? problem : expect.stringMatching(problem),
    [],
  ])
  expect(message).not.toContain('hunter')
  await writeFile(file, FIRST)
  expect(await look()).toEqual([undefined])
})

test('an address over TLS is another one with other certificates, beside its file or named by it', async () => {
  const [beside, named] = ['store-ca.crt', 'own.crt'].map((name) => path.join(folder(), name)) as [string, string]
  await writeFile(named, CERTIFICATE)
  await writeFile(file, `rediss://:hunter2@a`)
  expect(await look()).toEqual(['Standalone over TLS a:6379 by hunter2'])
  await writeFile(beside, CERTIFICATE)
  expect(await look()).toEqual([`Standalone over TLS a:6379 by hunter2`])
  await writeFile(beside, 'hunter3')
  expect(await look()).toEqual([`--store file:FILE: ${beside}: expected a certificate in PEM`])
  await writeFile(file, `rediss://:hunter2@a?ca=${encodeURIComponent(named)}`)
  expect(await look()).toEqual(['Standalone over TLS a:6379 by hunter2', undefined])
  await writeFile(named, OTHER_CERTIFICATE)
  expect(await look()).toEqual(['Standalone over TLS a:6379 by hunter2'])
  await rm(named)
  expect(await look()).toEqual([expect.stringMatching(/^--store file:FILE: ENOENT.*own\.crt/)])
})

test('an address that cannot be used is offered again with each look', async () => {
  unusable = 'no certificate'
  await writeFile(file, FIRST)
  expect(await look()).toEqual(['--store file:FILE: no certificate'])
  unusable = undefined
  expect(await look()).toEqual(['Standalone a:6379 by hunter2', undefined])
})

test('nothing is told any more once it is closed', async () => {
  await writeFile(file, FIRST)
  followed.close()
  expect(await look()).toEqual([])
})
