// The rules that keep the code's shape, each a row: what it says, how a file breaks it, and planted files that it must find,
// because a rule that cannot fail guards nothing.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { factsOf, type Import, readFacts, repositoryFiles, type SourceFacts } from './support/source-facts.ts'

const ROOT = path.join(import.meta.dirname, '..')
const FILES = repositoryFiles(ROOT)
const SOURCES = new Map(FILES.filter((file) => /\.[jt]s$/.test(file)).map((file) => [file, readFacts(ROOT, file)]))
const RUN = listedByTheRunner()

/** Who may import whom. A layer that is not here may import everything. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  contract: ['contract'],
  process: ['process'],
  operator: ['operator', 'contract', 'process'],
  sidecar: ['sidecar', 'contract', 'process'],
  mock: ['mock'],
  cli: ['cli', 'contract', 'process', 'operator', 'sidecar', 'mock'],
}

/** Where each dependency has its role. In scripts/ and test/ all are allowed. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@bufbuild/cel': ['cli/files/'],
  '@kubernetes/client-node': ['operator/kube/'],
  '@peculiar/x509': ['operator/kube/'],
  express: ['process/admin/'],
  'gpt-tokenizer/encoding/o200k_base': ['sidecar/vocabulary.ts'],
  'http-proxy': ['sidecar/upgrade/upgrade.ts'],
  ioredis: ['sidecar/store/'],
  'prom-client': ['process/admin/', 'sidecar/telemetry/', 'operator/metrics.ts'],
  winston: ['process/log.ts'],
  ws: ['mock/'],
  yaml: ['cli/files/'],
}

const PURE = [
  'contract/',
  'operator/api/',
  'operator/resolve/',
  'operator/compile/',
  'operator/render/',
  'operator/rollout/',
  'operator/shares/',
  'operator/status/',
  'operator/inject/',
  'operator/leader/',
  'operator/certificates/',
  'operator/reconcile.ts',
  'process/flag.ts',
  'sidecar/limits/',
  'sidecar/request/',
  'sidecar/standing/',
  'sidecar/stream/',
  'sidecar/providers/',
  'sidecar/translate/',
  'sidecar/config/runtime.ts',
  'sidecar/attempt/advice.ts',
  'sidecar/attempt/failed-attempt.ts',
  'sidecar/attempt/our-refusals.ts',
  'sidecar/attempt/turns.ts',
  'sidecar/store/amount-span.ts',
  'sidecar/store/denial.ts',
  'sidecar/store/key-name.ts',
  'sidecar/store/lease-ledger.ts',
  'sidecar/store/use-rate.ts',
  'sidecar/telemetry/attempt-record.ts',
  'sidecar/telemetry/cost.ts',
  'sidecar/errors.ts',
  'cli/explain/',
  'cli/file-mode.ts',
  'cli/files/',
  'cli/flags.ts',
  'cli/quick-start.ts',
  'cli/usage/',
]

/** The two files of cli/files that read. */
const NOT_PURE = ['cli/files/read.ts', 'cli/files/load.ts']

/** Node modules without I/O, clock or chance. An empty list of names: all of them. */
const PURE_MODULES: Readonly<Record<string, readonly string[]>> = {
  'node:buffer': [],
  'node:crypto': ['createHash', 'hash', 'X509Certificate', 'createPrivateKey'],
  'node:path': [],
  'node:url': [],
  'node:util': ['parseArgs'],
  'node:zlib': ['gzipSync', 'crc32'],
}

const AMBIENT = /^(process\..+|Date\.now|Math\.random|performance\..+|crypto\..+)$/
const AMBIENT_CALLS = /^(new Date|setTimeout|setInterval|setImmediate|queueMicrotask|fetch|require)$/

const VAGUE_FILE = /^(utils?|helpers?|common|misc|manager|service|impl)$/i
const VAGUE_NAME = /(Utils?|Helpers?|Common|Manager|Service|Impl)$/

const STORIES = ['sidecar/handle.ts', 'operator/reconcile.ts']
const STORY_LINES_MAX = 80
const FILE_LINES_MAX = 400
const GENERATED = ['cli/files/schemas.ts', 'operator/api/llm-provider.ts', 'operator/api/llm-route.ts']

/** Homes and workspaces of somebody's machine. */
const MACHINE_PATH = /(?<![\w.$}])(\/(home|Users|root|work|workspace)\/[\w.]|[A-Z]:\\Users\\)/

interface Rule {
  says: string
  /** What is wrong with the file; none when it keeps the rule. `files` finds what it imports. */
  broken(file: SourceFacts, files: ReadonlyMap<string, SourceFacts>): string[]
  /** Files that break it, a path and a text each. */
  planted: readonly (readonly [path: string, text: string])[]
}

const RULES: readonly Rule[] = [
  {
    says: 'contract imports nothing; operator and sidecar never meet; mock stands alone; nothing imports tests',
    broken: (file) => {
      const allowed = LAYERS[layerOf(file.path)]
      if (allowed === undefined) return []
      return locals(file).filter((target) => !allowed.includes(layerOf(target)))
    },
    planted: [
      ['contract/x.ts', "import { resolve } from '../operator/resolve/resolve.ts'"],
      ['operator/x.ts', "import type { Runtime } from '../sidecar/config/runtime.ts'"],
      ['sidecar/x.ts', "export { compile } from '../operator/compile/compile.ts'"],
      ['sidecar/admin/x.ts', "await import('../../cli/main.ts')"],
      ['mock/x.ts', "import { HEADER_REASON } from '../contract/names.ts'"],
      ['cli/x.ts', "import '../test/support/resources.ts'"],
    ],
  },
  {
    says: 'a package is imported where its role is',
    broken: (file) => {
      if (LAYERS[layerOf(file.path)] === undefined) return []
      const packages = file.imports.map(({ from }) => from).filter((from) => !/^(\.|node:)/.test(from))
      return packages.filter((from) => !(PACKAGES[from] ?? []).some((place) => file.path.startsWith(place)))
    },
    planted: [
      ['contract/x.ts', "import { parse } from 'yaml'"],
      ['sidecar/handle.ts', "import express from 'express'"],
      ['cli/x.ts', "import lodash from 'lodash'"],
      ['sidecar/x.ts', "import type { V1Pod } from '@kubernetes/client-node'"],
    ],
  },
  {
    says: 'pure files reach no I/O, no clock, no chance and no process, not even through what they import',
    broken: (file, files) => (isPure(file.path) ? impurities(file, files, new Set()) : []),
    planted: [
      ['contract/x.ts', "import { readFileSync } from 'node:fs'"],
      ['sidecar/stream/x.ts', "import { setTimeout } from 'node:timers/promises'"],
      ['sidecar/request/x.ts', "import net from 'node:net'"],
      ['sidecar/providers/x.ts', "import { randomUUID } from 'node:crypto'"],
      ['sidecar/translate/x.ts', 'export const at = (): number => Date.now()'],
      ['sidecar/translate/y.ts', 'export const at = new Date()'],
      ['operator/resolve/x.ts', 'export const draw = Math.random'],
      ['operator/compile/x.ts', 'const { env } = process'],
      ['cli/files/x.ts', 'export const cwd = process.cwd()'],
      ['operator/api/x.ts', "export const answer = await fetch('http://x')"],
      ['sidecar/stream/z.ts', "import { openSocket } from '../upstream/connect.ts'"],
    ],
  },
  {
    says: 'the environment is read in settings.ts, in scripts/ and in tests only',
    broken: ({ path: file, members }) => {
      if (/(^|\/)settings\.ts$|^(scripts|test)\//.test(file)) return []
      return ['process.env', 'process.*'].filter((member) => members.has(member))
    },
    planted: [
      ['cli/main.ts', 'export const home = process.env.HOME'],
      ['mock/x.ts', 'const { env } = process'],
      ['sidecar/x.ts', "export const env = process['env']"],
    ],
  },
  {
    says: 'no file, folder or type has a name that says nothing',
    broken: ({ path: file, declares }) => [
      ...file.split(/[/.-]/).filter((word) => VAGUE_FILE.test(word)),
      ...declares.filter((name) => VAGUE_NAME.test(name)),
    ],
    planted: [
      ['sidecar/utils.ts', ''],
      ['sidecar/helpers/x.ts', ''],
      ['cli/string-utils.ts', ''],
      ['mock/x.ts', 'class RequestManager {}'],
      ['operator/x.ts', 'export interface ConfigService {}'],
    ],
  },
  {
    says: 'no default exports and no export *; tools that ask for one get it',
    broken: ({ path: file, exports }) => (file === 'jest.config.js' ? [] : [...exports]),
    planted: [
      ['cli/x.ts', 'export default 1'],
      ['cli/y.ts', 'export default function run(): void {}'],
      ['contract/index.ts', "export * from './names.ts'"],
    ],
  },
  {
    says: 'every test file is run: it lies where the runner looks',
    broken: ({ path: file }) => (file.endsWith('.test.ts') && !RUN.has(file) ? [file] : []),
    planted: [
      ['test/bench/x.test.ts', "test('x', () => {})"],
      ['sidecar/x.test.ts', "test('x', () => {})"],
    ],
  },
  {
    says: 'every file with tests is a *.test.ts, or lends its check to one',
    broken: (file, files) => {
      const tests = file.calls.has('test') || file.calls.has('it') || /\b(test|it)\.each\b/.test(file.text)
      if (!file.path.startsWith('test/') || file.path.endsWith('.test.ts') || !tests) return []
      const lent = [...files.values()].some((other) => other.path.endsWith('.test.ts') && uses(other, file.path))
      return lent ? [] : ['is never run']
    },
    planted: [
      ['test/cli/flags-test.ts', "test('x', () => {})"],
      ['test/x.spec.ts', "it('x', () => {})"],
    ],
  },
  {
    says: 'a story fits on one screen, any file can be read in one sitting',
    broken: ({ path: file, lines }) => {
      const linesMax = STORIES.includes(file) ? STORY_LINES_MAX : FILE_LINES_MAX
      return lines > linesMax && !GENERATED.includes(file) ? [`${lines} lines`] : []
    },
    planted: [
      ['sidecar/handle.ts', '\n'.repeat(STORY_LINES_MAX + 1)],
      ['mock/x.ts', '\n'.repeat(FILE_LINES_MAX + 1)],
    ],
  },
  {
    says: 'no source names a path of one machine',
    broken: ({ text }) => machinePaths(text),
    planted: [
      ['scripts/x.ts', `export const root = '${['', 'home', 'me', 'outrigger'].join('/')}'`],
      ['test/x.test.ts', `// see ${['', 'work', 'notes.md'].join('/')}`],
      ['cli/x.ts', `export const keys = '${['', 'root', '.keys'].join('/')}'`],
    ],
  },
]

for (const { says, broken, planted } of RULES) {
  test(says, () => {
    const found = [...SOURCES.values()].flatMap((file) => broken(file, SOURCES).map((what) => `${file.path}: ${what}`))
    expect(found).toEqual([])
  })

  test(`would be noticed: ${says}`, () => {
    const facts = planted.map(([file, text]) => factsOf(file, text))
    expect(facts.filter((file) => broken(file, SOURCES).length === 0).map((file) => file.text)).toEqual([])
  })
}

test('texts that are no source name no path of one machine either', () => {
  const texts = FILES.filter((file) => /\.(ya?ml|md|json|sh)$|^(Makefile|Dockerfile|\.ci\/.*)$/.test(file))
  expect(texts.filter((file) => machinePaths(readFileSync(path.join(ROOT, file), 'utf8')).length > 0)).toEqual([])
  expect(texts).toContain('package.json')
})

test('the pure folders, the stories and the generated files that the rules name are there', () => {
  const all = [...SOURCES.keys()]
  const named = [...PURE, ...NOT_PURE, ...GENERATED, 'sidecar/handle.ts']
  expect(named.filter((name) => !all.some((file) => file.startsWith(name)))).toEqual([])
})

function layerOf(file: string): string {
  return file.split('/')[0] ?? ''
}

/** Paths that a file imports from the repository. */
function locals({ path: file, imports }: SourceFacts): string[] {
  return imports.filter(({ from }) => from.startsWith('.')).map(({ from }) => resolved(file, from))
}

function resolved(file: string, from: string): string {
  return path.posix.join(path.posix.dirname(file), from)
}

function uses(file: SourceFacts, target: string): boolean {
  return locals(file).includes(target)
}

function isPure(file: string): boolean {
  return PURE.some((place) => file.startsWith(place)) && !NOT_PURE.includes(file)
}

/** Follows what is imported at run time; each finding names the file that it was found in. */
function impurities(file: SourceFacts, files: ReadonlyMap<string, SourceFacts>, seen: Set<string>): string[] {
  if (seen.has(file.path)) return []
  seen.add(file.path)
  const atRunTime = file.imports.filter(({ typeOnly }) => !typeOnly)
  const own = [
    ...atRunTime.filter(isImpureModule).map(({ from, names }) => `${from} (${names})`),
    ...[...file.members].filter((member) => AMBIENT.test(member)),
    ...[...file.calls].filter((call) => AMBIENT_CALLS.test(call)),
  ].map((what) => `${what} in ${file.path}`)
  const targets = atRunTime.filter(({ from }) => from.startsWith('.')).map(({ from }) => resolved(file.path, from))
  return [
    ...own,
    ...targets.flatMap((target) => {
      const next = files.get(target)
      return next === undefined ? [] : impurities(next, files, seen)
    }),
  ]
}

function isImpureModule({ from, names }: Import): boolean {
  if (!from.startsWith('node:')) return false
  const pure = PURE_MODULES[from]
  return pure === undefined || (pure.length > 0 && names.some((name) => !pure.includes(name)))
}

function machinePaths(text: string): string[] {
  return text.split('\n').filter((line) => MACHINE_PATH.test(line))
}

/** Asked of jest itself, for the quick tests and for those that need a cluster. */
function listedByTheRunner(): ReadonlySet<string> {
  const names = ['jest.config.js', 'test/cluster/jest.config.cjs'].flatMap((config) => {
    const argv = ['node_modules/jest/bin/jest.js', '--config', config, '--listTests', '--json']
    return JSON.parse(execFileSync(process.execPath, argv, { cwd: ROOT }).toString()) as string[]
  })
  return new Set(names.map((name) => path.relative(ROOT, name).replaceAll(path.sep, '/')))
}
