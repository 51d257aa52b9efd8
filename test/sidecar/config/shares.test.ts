// Shares of limits in the mounted directory: read with the rest, and taken apart from it.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type LimitShares, SHARES_FILE } from '../../../contract/limit-shares.ts'
import { CONFIG_FILE, LABELS_FILE } from '../../../contract/names.ts'
import { Configuration } from '../../../sidecar/config/configuration.ts'
import { readPublished } from '../../../sidecar/config/read.ts'
import { CredentialStanding } from '../../../sidecar/standing/credential-standing.ts'
import type { Upstream } from '../../../sidecar/upstream/upstream.ts'
import { provider, sidecarConfig } from '../../support/sidecar-config.ts'

const KEY_FILE = 'ai.openai.primary'
const openai = provider('ai/openai', 'OpenAI', ['gpt'], {
  credentials: [{ name: 'primary', file: KEY_FILE, weight: 1 }],
})

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'outrigger-shares-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function started(): { configuration: Configuration; told: string[] } {
  const told: string[] = []
  const configuration = new Configuration({
    podLabels: {},
    // Connections are not what this is about.
    upstream: { adopt: () => {} } as unknown as Upstream,
    createStanding: () =>
      new CredentialStanding(
        () => 0,
        () => {},
      ),
    wallClock: () => 0,
    events: {
      onAdopted: ({ runtime }) => void told.push(`adopted ${runtime.config.revision}`),
      onRejected: ({ message }) => void told.push(`rejected: ${message}`),
      onShares: (shares) => void told.push(`shares ${shares?.version}`),
      onSharesRejected: (message) => void told.push(`bad shares: ${message}`),
    },
  })
  return { configuration, told }
}

type Files = Readonly<Record<string, string>>

function document(revision: string): Files {
  return { [CONFIG_FILE]: JSON.stringify(sidecarConfig({ revision, providers: [openai] })), [KEY_FILE]: 'sk-1' }
}

function shares(version: number): Files {
  const granted: LimitShares = { instance: 'a', version, shares: { 'provider:ai/openai/rpm': 5 } }
  return { [SHARES_FILE]: JSON.stringify(granted) }
}

const FIRST = '1111111111111111'
const SECOND = '2222222222222222'

/** What is told of each publication, which holds all that is named. */
test.each<[name: string, published: Files[][], told: string[]]>([
  [
    'come before a document, and with it',
    [[shares(1)], [document(FIRST), shares(1)]],
    ['shares 1', `adopted ${FIRST}`],
  ],
  [
    'that change alone adopt nothing anew',
    [[document(FIRST)], [document(FIRST), shares(1)]],
    [`adopted ${FIRST}`, 'shares 1'],
  ],
  [
    'that change with the document are told beside it',
    [
      [document(FIRST), shares(1)],
      [document(SECOND), shares(2)],
    ],
    ['shares 1', `adopted ${FIRST}`, 'shares 2', `adopted ${SECOND}`],
  ],
  [
    'that change with a key only adopt the key',
    [
      [document(FIRST), shares(1)],
      [document(FIRST), shares(2), { [KEY_FILE]: 'sk-2' }],
    ],
    ['shares 1', `adopted ${FIRST}`, 'shares 2', `adopted ${FIRST}`],
  ],
  ['that are taken away are none', [[shares(1)], [{ [SHARES_FILE]: '' }]], ['shares 1', 'shares undefined']],
  [
    'that cannot be read leave the last ones, and the document alone',
    [
      [document(FIRST), shares(1)],
      [document(SECOND), { [SHARES_FILE]: '{"instance":"a"}' }],
    ],
    [
      'shares 1',
      `adopted ${FIRST}`,
      `bad shares: ${SHARES_FILE}: version: missing; ${SHARES_FILE}: shares: missing`,
      `adopted ${SECOND}`,
    ],
  ],
  [
    'that change beside a document that was rejected do not reject it again',
    [[{ [CONFIG_FILE]: '[]' }], [{ [CONFIG_FILE]: '[]' }, shares(1)]],
    ['rejected: document: expected an object', 'shares 1'],
  ],
  [
    'that change beside labels that cannot be read are told all the same',
    [
      [document(FIRST), { [LABELS_FILE]: 'x' }],
      [document(FIRST), { [LABELS_FILE]: 'x' }, shares(1)],
    ],
    [`rejected: ${LABELS_FILE}: line 1: expected key="value"`, 'shares 1'],
  ],
])('shares %s', async (_name, published, told) => {
  const it = started()
  for (const [index, sets] of published.entries()) {
    const directory = path.join(folder, String(index))
    await mkdir(directory)
    for (const [file, text] of Object.entries(Object.assign({}, ...sets) as Files))
      await writeFile(path.join(directory, file), text)
    it.configuration.adopt(await readPublished(directory))
  }
  expect(it.told).toEqual(told)
})

test('a directory that can be read again takes its error back, also when the shares changed with it', async () => {
  const it = started()
  const publish = async (files: Files): Promise<void> => {
    for (const [file, text] of Object.entries(files)) await writeFile(path.join(folder, file), text)
    it.configuration.adopt(await readPublished(folder))
  }
  await publish({ ...document(FIRST), ...shares(1) })
  it.configuration.reject('it cannot be read')
  await publish(shares(2))
  expect(it.configuration.rejection).toBeUndefined()
})
