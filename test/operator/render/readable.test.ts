// The pair assertion of the mounted directory: what render writes, a sidecar reads, byte for byte. The objects are laid out as
// the kubelet lays them out (values of the objects, decoded, as files of one folder), and read by the sidecar's own watch.
import { expect, test } from '@jest/globals'
import { publish } from '../../../cli/publish.ts'
import { parseSidecarConfig } from '../../../contract/parse.ts'
import { type RenderedObjects, renderObjects } from '../../../operator/render/render.ts'
import { secretBody } from '../../../operator/render/secret-object.ts'
import type { Published } from '../../../sidecar/config/read.ts'
import { watchDirectory } from '../../../sidecar/config/watch.ts'
import { folderForTests } from '../../support/folder.ts'
import { below, seeded } from '../../support/random.ts'
import { type CompiledDocument, compiledDocument } from './documents.ts'

const KIB = 1024
/** What Kubernetes takes, which is not asked of the code under test. */
const VALUES_BYTES_MAX = 1024 * KIB

const folder = folderForTests()

/** Asserts on the way that an API server would take each object. */
function filesOf({ configMaps, secret }: RenderedObjects): Map<string, Uint8Array> {
  const objects = [
    ...configMaps.map(({ data = {}, binaryData = {} }) => [
      ...Object.entries(data).map(([file, text]) => [file, Buffer.from(text)] as const),
      ...decoded(binaryData),
    ]),
    decoded(secret === undefined ? {} : secretBody(secret).data),
  ]
  for (const files of objects) {
    expect(files.reduce((sum, [, bytes]) => sum + bytes.length, 0)).toBeLessThanOrEqual(VALUES_BYTES_MAX)
    expect(files.filter(([file]) => !/^(?!\.\.)[-._a-zA-Z0-9]{1,253}$/.test(file))).toEqual([])
  }
  const names = objects.flat().map(([file]) => file)
  expect(names).toEqual([...new Set(names)])
  return new Map(objects.flat())
}

function decoded(data: Readonly<Record<string, string>>): (readonly [string, Uint8Array])[] {
  return Object.entries(data).map(([file, base64]) => [file, Buffer.from(base64, 'base64')])
}

/** What a sidecar that starts now finds. */
async function readBack(files: ReadonlyMap<string, Uint8Array>): Promise<Published | undefined> {
  await publish(folder(), files)
  let published: Published | undefined
  const watch = watchDirectory({
    directory: folder(),
    pollMs: 3_600_000,
    onPublished: (found) => {
      published = found
    },
    onError: (error) => {
      throw error
    },
  })
  await watch.check()
  watch.close()
  return published
}

async function check(document: CompiledDocument): Promise<RenderedObjects> {
  const objects = renderObjects('shop', document, document.values)
  if (!('hash' in objects)) throw new Error(`not rendered: ${JSON.stringify(objects)}`)
  const published = await readBack(filesOf(objects))
  expect(published?.problems).toEqual([])
  expect(parseSidecarConfig(published?.document ?? '')).toEqual({ config: document.config })
  expect(revealed(published?.files)).toEqual(revealed(document.values))
  return objects
}

function revealed(values: Published['files'] | undefined): Record<string, string> {
  return Object.fromEntries([...(values ?? [])].map(([file, value]) => [file, value.reveal()]))
}

function formOf({ configMaps }: RenderedObjects): string {
  const head = configMaps.at(-1)
  const files = Object.keys({ ...head?.data, ...head?.binaryData })
  return files[0] === 'config.index.json' ? `${configMaps.length} pieces` : files.join(' ')
}

/** Around each limit, in KiB of random text; gzip leaves three quarters of it. */
const SIZES: [kib: number, form: string][] = [
  [0, 'config.json'],
  [890, 'config.json'],
  [905, 'config.json.gz'],
  [1180, 'config.json.gz'],
  [1220, '2 pieces'],
  [2350, '2 pieces'],
  [2450, '3 pieces'],
  [9300, '8 pieces'],
]

test.each(SIZES)('%s KiB of random text is read back from %s', async (kib, form) => {
  const document = compiledDocument(seeded(kib), kib * KIB, 'Random')
  expect(formOf(await check(document))).toBe(form)
})

test('a document that gzip makes small is read back whole', async () => {
  expect(formOf(await check(compiledDocument(seeded(1), 20 * 1024 * KIB, 'Even')))).toBe('config.json.gz')
})

test('random documents are read back, whatever their size and their credentials', async () => {
  const random = seeded(7)
  const forms = new Set<string>()
  for (let round = 0; round < 15; round++) {
    const kib = [below(random, 900), below(random, 2000), below(random, 9000)][round % 3] ?? 0
    const kind = below(random, 4) === 0 ? 'Even' : 'Random'
    forms.add(formOf(await check(compiledDocument(random, kib * KIB, kind, below(random, 17)))))
  }
  expect(forms.size).toBeGreaterThan(3)
})

test('a piece of another document is never taken for one of this', async () => {
  const [before, after] = [1, 2].map((seed) => {
    const document = compiledDocument(seeded(seed), 2000 * KIB, 'Random')
    return renderObjects('shop', document, document.values)
  })
  if (before === undefined || after === undefined || !('hash' in before) || !('hash' in after))
    throw new Error('no pieces')
  const mixed = new Map([
    ...filesOf(after),
    ['config.json.gz.1', filesOf(before).get('config.json.gz.1') ?? Buffer.of()],
  ])
  expect(await readBack(mixed)).toMatchObject({
    document: undefined,
    problems: ['config.json.gz.1 is of another document than config.index.json: their hashes differ'],
  })
})
