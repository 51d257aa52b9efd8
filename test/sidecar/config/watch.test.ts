// The watch on real directories, changed in every way in which they are changed.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, open, rename, rm, rmdir, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { publish } from '../../../cli/publish.ts'
import type { Published } from '../../../sidecar/config/read.ts'
import { type Watch, watchDirectory } from '../../../sidecar/config/watch.ts'
import { until } from '../../support/client.ts'

/** So long that no test passes by it. */
const NO_POLL_MS = 3_600_000
const KEY_FILE = 'ai.openai.primary'

let parent = ''
let directory = ''
let watch: Watch | undefined

beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'outrigger-watch-'))
  directory = path.join(parent, 'mounted')
  await mkdir(directory)
})

afterEach(async () => {
  watch?.close()
  await rm(parent, { recursive: true, force: true })
})

/** What was handed on, as `document key labels`, and the errors. */
interface Seen {
  published: string[]
  errors: string[]
}

async function follow(pollMs = NO_POLL_MS): Promise<Seen> {
  const seen: Seen = { published: [], errors: [] }
  watch = watchDirectory({
    directory,
    pollMs,
    onPublished: (published) => void seen.published.push(described(published)),
    onError: ({ message }) => void seen.errors.push(message),
  })
  await watch.check()
  return seen
}

function described({ document, files, labels, problems }: Published): string {
  const keys = [...files].map(([name, key]) => (name === KEY_FILE ? key.reveal() : name))
  const told = labels === undefined ? [] : [JSON.stringify(labels)]
  return [document ?? 'no document', ...keys, ...told, ...problems].join(' ')
}

/** A set of files that belong together. */
function set(name: string | number): ReadonlyMap<string, string> {
  return new Map([
    ['config.json', `document-${name}`],
    [KEY_FILE, `key-${name}`],
  ])
}

async function last({ published }: Seen, expected: string): Promise<void> {
  await until(
    () => published.at(-1),
    (newest) => newest === expected,
  )
}

async function writePlainly(name: string | number): Promise<void> {
  for (const [file, text] of set(name)) await writeFile(path.join(directory, file), text)
}

test('a directory without a document is handed on as such', async () => {
  expect(await follow()).toEqual({ published: ['no document'], errors: [] })
})

test("the kubelet's swap is noticed at once, without the poll", async () => {
  await publish(directory, set(1))
  const seen = await follow()
  await publish(directory, set(2))
  await last(seen, 'document-2 key-2')
  expect(seen).toEqual({ published: ['document-1 key-1', 'document-2 key-2'], errors: [] })
})

test("labels alone are noticed in the kubelet's swap, and in a plain directory", async () => {
  await publish(directory, new Map([...set(1), ['labels', 'app="shop"']]))
  const seen = await follow()
  await publish(directory, new Map([...set(1), ['labels', 'app="cart"']]))
  await last(seen, 'document-1 key-1 {"app":"cart"}')
  watch?.close()
  await rm(directory, { recursive: true })
  await mkdir(directory)
  await writePlainly(2)
  const plain = await follow()
  await writeFile(path.join(directory, 'labels'), 'app="shop"')
  await last(plain, 'document-2 key-2 {"app":"shop"}')
})

test('in a plain directory, folders, hidden files and backups of an editor are no part of it', async () => {
  await writePlainly(1)
  await mkdir(path.join(directory, 'folder'))
  await writeFile(path.join(directory, '.config.json.swp'), 'x')
  await writeFile(path.join(directory, 'config.json~'), 'x')
  expect((await follow()).published).toEqual(['document-1 key-1'])
})

test('what is told of the store beside the credentials is none of them', async () => {
  const names = ['store-url', 'store-ca.crt', 'store-tls.crt', 'store-tls.key']
  await publish(directory, new Map([...set(1), ...names.map((name): [string, string] => [name, 'redis://redis'])]))
  expect((await follow()).published).toEqual(['document-1 key-1'])
})

test('what is there and cannot be read as what it is, is handed on as a problem, once', async () => {
  await publish(
    directory,
    new Map([
      ['config.json.gz', 'no gzip'],
      ['labels', 'app=shop'],
    ]),
  )
  const seen = await follow()
  await watch?.check()
  expect(seen).toEqual({
    published: ['no document config.json.gz: not gzip: incorrect header check labels: line 1: expected key="value"'],
    errors: [],
  })
})

test('what has not changed is not handed on again', async () => {
  await publish(directory, set(1))
  const seen = await follow()
  await watch?.check()
  await watch?.check()
  expect(seen.published).toEqual(['document-1 key-1'])
})

const PLAIN_CHANGES: [how: string, change: () => Promise<void>, expected: string][] = [
  ['edited', () => writeFile(path.join(directory, 'config.json'), 'edited'), 'edited key-1'],
  [
    'replaced',
    async () => {
      await writeFile(path.join(directory, 'config.json.tmp'), 'replaced')
      await rename(path.join(directory, 'config.json.tmp'), path.join(directory, 'config.json'))
    },
    'replaced key-1',
  ],
  ['removed', () => rm(path.join(directory, 'config.json')), 'no document key-1'],
]

test.each(PLAIN_CHANGES)(
  'in a plain directory, a document that is %s is noticed at once',
  async (_, change, expected) => {
    await writePlainly(1)
    const seen = await follow()
    expect(seen.published).toEqual(['document-1 key-1'])
    await change()
    await last(seen, expected)
    expect(seen.errors).toEqual([])
  },
)

test('in a plain directory, a key that is replaced is found by the poll', async () => {
  await writePlainly(1)
  const seen = await follow(20)
  await writeFile(path.join(directory, KEY_FILE), 'key-2')
  await last(seen, 'document-1 key-2')
})

test('a plain directory may become one that is swapped', async () => {
  await writePlainly(1)
  const seen = await follow()
  await rm(directory, { recursive: true })
  await mkdir(directory)
  await publish(directory, set(2))
  await watch?.check()
  expect(seen.published.at(-1)).toBe('document-2 key-2')
})

test('a directory that appears later is found by the poll, and watched from then on', async () => {
  await rmdir(directory)
  const seen = await follow()
  expect(seen).toEqual({ published: ['no document'], errors: [] })
  await mkdir(directory)
  await publish(directory, set(1))
  // Stands for the poll, so that it cannot be the poll that finds what comes next.
  await watch?.check()
  expect(seen.published.at(-1)).toBe('document-1 key-1')
  await publish(directory, set(2))
  await last(seen, 'document-2 key-2')
})

test('a directory that is removed and made anew is found by the poll, and watched from then on', async () => {
  await publish(directory, set(1))
  const seen = await follow()
  await rm(directory, { recursive: true })
  await mkdir(directory)
  await publish(directory, set(2))
  await watch?.check()
  // Past what the removal itself has caused.
  await sleep(50)
  await publish(directory, set(3))
  await last(seen, 'document-3 key-3')
})

test('the poll alone finds what a lost watcher missed', async () => {
  await publish(directory, set(1))
  const seen = await follow(20)
  // The kernel drops the watch with the inode.
  await rename(directory, `${directory}-old`)
  await mkdir(directory)
  await publish(directory, set(2))
  await last(seen, 'document-2 key-2')
})

test('hundreds of swaps in a row: the last one is adopted, and none is mixed with another', async () => {
  const seen = await follow()
  for (let i = 1; i <= 300; i++) await publish(directory, set(i))
  await last(seen, 'document-300 key-300')
  const mixed = seen.published.slice(1).filter((text) => !/^document-(\d+) key-\1$/.test(text))
  expect({ mixed, errors: seen.errors }).toEqual({ mixed: [], errors: [] })
})

test('swaps under a reader that never rests: nothing is mixed, and nothing counts as unreadable', async () => {
  const seen = await follow()
  let swapping = true
  const swaps = (async () => {
    for (let i = 1; i <= 300; i++) await publish(directory, set(i))
    swapping = false
  })()
  while (swapping) await watch?.check()
  await swaps
  await last(seen, 'document-300 key-300')
  const mixed = seen.published.slice(1).filter((text) => !/^document-(\d+) key-\1$/.test(text))
  expect({ mixed, errors: seen.errors }).toEqual({ mixed: [], errors: [] })
})

test('a set that is swapped away while it is read is not handed on', async () => {
  await publish(directory, set(1))
  const seen = await follow()
  // A pipe holds the reader where it is until somebody writes.
  const slow = path.join(directory, '..set-slow')
  await mkdir(slow)
  await writeFile(path.join(slow, 'config.json'), 'document-2')
  await promisify(execFile)('mkfifo', [path.join(slow, KEY_FILE)])
  await symlink('..set-slow', path.join(directory, '..data_tmp'))
  await rename(path.join(directory, '..data_tmp'), path.join(directory, '..data'))
  const reading = watch?.check()
  // Opens when the reader has opened its end.
  const pipe = await open(path.join(slow, KEY_FILE), 'w')
  await publish(directory, set(3))
  await pipe.writeFile('key-2')
  await pipe.close()
  await reading
  await last(seen, 'document-3 key-3')
  expect(seen).toEqual({ published: ['document-1 key-1', 'document-3 key-3'], errors: [] })
})

test('what cannot be read is told once, and is new again when it can be read', async () => {
  await writePlainly(1)
  const document = path.join(directory, 'config.json')
  const seen = await follow()
  await rename(document, path.join(parent, 'aside'))
  await mkdir(document)
  for (let i = 0; i < 5; i++) await watch?.check()
  expect(seen.errors).toEqual([expect.stringContaining('EISDIR')])
  await rmdir(document)
  await rename(path.join(parent, 'aside'), document)
  await watch?.check()
  expect(seen.published).toEqual(['document-1 key-1', 'document-1 key-1'])
})

test('after close nothing is handed on any more', async () => {
  await publish(directory, set(1))
  const seen = await follow(20)
  watch?.close()
  await publish(directory, set(2))
  await watch?.check()
  expect(seen.published).toEqual(['document-1 key-1'])
})
