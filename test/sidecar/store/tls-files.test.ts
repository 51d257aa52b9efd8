import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { parseStoreAddress } from '../../../sidecar/store/store-address.ts'
import { readTlsFiles, type TlsFiles, withFilesBeside } from '../../../sidecar/store/tls-files.ts'
import { CERTIFICATE, KEY } from '../../mock/certificate.ts'
import { folderForTests } from '../../support/folder.ts'
import { OTHER_CERTIFICATE, OTHER_KEY } from './other-certificate.ts'

type Texts = Readonly<Record<string, string>>

const ALL: Texts = { 'store-ca.crt': OTHER_CERTIFICATE, 'store-tls.crt': CERTIFICATE, 'store-tls.key': KEY }

const folder = folderForTests()

async function write(texts: Texts): Promise<void> {
  for (const [name, text] of Object.entries(texts)) await writeFile(path.join(folder(), name), text)
}

/** Names of the files that the address then has. */
function checkBeside(name: string, url: string, texts: Texts, expected: (string | null)[]): void {
  test(`beside an address ${name}`, async () => {
    await write(texts)
    const { caFile, certificateFile, keyFile } = await withFilesBeside(parseStoreAddress(url), folder())
    const names = [caFile, certificateFile, keyFile].map((file) => (file === '' ? null : path.relative(folder(), file)))
    expect(names).toEqual(expected)
  })
}

const [CA, CERT, KEY_FILE] = ['store-ca.crt', 'store-tls.crt', 'store-tls.key']
checkBeside('all of them are taken', 'rediss://a', ALL, [CA, CERT, KEY_FILE])
checkBeside('there may be none', 'rediss://a', {}, [null, null, null])
checkBeside('an empty one is none', 'rediss://a', { ...ALL, [CA]: '\n' }, [null, CERT, KEY_FILE])
checkBeside('half of a pair is seen', 'rediss://a', { [KEY_FILE]: KEY }, [null, null, KEY_FILE])
checkBeside('without TLS none is looked for', 'redis://a', ALL, [null, null, null])

test('what the URL names itself comes first, and certificate and key stay together', async () => {
  await write(ALL)
  const named = async (query: string): Promise<string[]> => {
    const { caFile, certificateFile, keyFile } = await withFilesBeside(
      parseStoreAddress(`rediss://a?${query}`),
      folder(),
    )
    return [caFile, certificateFile, keyFile].map((file) => file.replace(`${folder()}/`, ''))
  }
  expect(await named('ca=/own.crt')).toEqual(['/own.crt', CERT, KEY_FILE])
  expect(await named('cert=/own.crt&key=/own.key')).toEqual([CA, '/own.crt', '/own.key'])
  expect(await named('key=/own.key')).toEqual([CA, '', '/own.key'])
})

async function readBeside(texts: Texts): Promise<TlsFiles> {
  await write(texts)
  return readTlsFiles(await withFilesBeside(parseStoreAddress('rediss://a'), folder()))
}

test.each<[string, Texts, TlsFiles]>([
  ['nothing', {}, {}],
  ['an authority', { [CA]: CERTIFICATE }, { ca: CERTIFICATE }],
  [
    'a bundle',
    { [CA]: `# two\n${OTHER_CERTIFICATE}${CERTIFICATE}` },
    { ca: `# two\n${OTHER_CERTIFICATE}${CERTIFICATE}` },
  ],
  ['a pair', { [CERT]: CERTIFICATE, [KEY_FILE]: KEY }, { cert: CERTIFICATE, key: KEY }],
  ['all', ALL, { ca: OTHER_CERTIFICATE, cert: CERTIFICATE, key: KEY }],
])('%s is handed on as it is', async (_name, texts, expected) => {
  expect(await readBeside(texts)).toEqual(expected)
})

test.each([
  ['an authority that is none', { [CA]: 'hunter2' }, 'store-ca.crt: expected a certificate in PEM'],
  ['an authority that is a key', { [CA]: KEY }, 'store-ca.crt: expected a certificate in PEM'],
  ['a certificate that is none', { ...ALL, [CERT]: 'hunter2' }, 'store-tls.crt: expected a certificate in PEM'],
  [
    'a key that is none',
    { ...ALL, [KEY_FILE]: 'hunter2' },
    'store-tls.key: expected a private key in PEM, without a passphrase',
  ],
  [
    'the key of another certificate',
    { ...ALL, [KEY_FILE]: OTHER_KEY },
    'store-tls.key: this is not the key of the certificate in FOLDER/store-tls.crt',
  ],
  ['no key', { [CERT]: CERTIFICATE }, 'store-tls.crt: the key that belongs to it is missing'],
  ['no certificate', { [KEY_FILE]: KEY }, 'store-tls.key: the certificate that belongs to it is missing'],
])('%s is an error that names the file, and repeats nothing of it', async (_name, texts, expected) => {
  const error: unknown = await readBeside(texts).catch((thrown) => thrown)
  expect(String(error).replaceAll(folder(), 'FOLDER')).toBe(`Error: FOLDER/${expected}`)
})

test('a file that the URL names and is not there is named, too', async () => {
  await expect(readTlsFiles(parseStoreAddress('rediss://a?ca=/nowhere.crt'))).rejects.toThrow(/ENOENT.*\/nowhere\.crt/)
})
