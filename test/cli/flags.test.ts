import { expect, test } from '@jest/globals'
import { flagHelp, parseFlags, UsageError } from '../../cli/flags.ts'
import { COMPILE_FLAGS, EXPLAIN_FLAGS, MOCK_FLAGS, RUN_FLAGS, SERVE_FLAGS, USAGE_FLAGS } from '../../cli/settings.ts'

function parsed(argv: readonly string[], env: Record<string, string> = {}) {
  return parseFlags(RUN_FLAGS, argv, env, 'WithFiles')
}

test('without flags and variables every setting has its default', () => {
  expect(parsed([])).toEqual({
    files: [],
    words: [],
    settings: {
      listen: { host: '127.0.0.1', port: 8787 },
      admin: { host: '127.0.0.1', port: 8788 },
      labels: {},
      workload: '',
      pod: '',
      limitShares: 'whole',
      allowHost: [],
      allowOrigin: [],
      connectionsMax: 10_000,
      requestsMax: 1024,
      bodyMax: 64 * 1024 ** 2,
      bodyTotalMax: 512 * 1024 ** 2,
      answersMax: 128 * 1024 ** 2,
      headersMax: 32 * 1024,
      headersTimeout: 15_000,
      requestTimeout: 300_000,
      drainTimeout: 30_000,
      streamKeepAlive: 15_000,
      store: undefined,
      storeTimeout: 20,
      tokenizer: 'off',
      onStoreFailure: 'LocalShare',
      logLevel: 'info',
      accessLog: 'on',
      namespace: 'default',
    },
  })
})

const GIVEN: [string, string[], Record<string, string>, object][] = [
  ['a flag', ['--drain-timeout', '5s'], {}, { drainTimeout: 5000 }],
  ['a flag with =', ['--drain-timeout=5s'], {}, { drainTimeout: 5000 }],
  ['the last of two flags', ['--drain-timeout=5s', '--drain-timeout=6s'], {}, { drainTimeout: 6000 }],
  ['a variable', [], { OUTRIGGER_DRAIN_TIMEOUT: '7s' }, { drainTimeout: 7000 }],
  ['a flag over its variable', ['--drain-timeout=5s'], { OUTRIGGER_DRAIN_TIMEOUT: '7s' }, { drainTimeout: 5000 }],
  ['a flag over a wrong variable', ['--drain-timeout=5s'], { OUTRIGGER_DRAIN_TIMEOUT: 'x' }, { drainTimeout: 5000 }],
  [
    'variables of several words',
    [],
    { OUTRIGGER_ALLOW_ORIGIN: 'http://a,http://b' },
    { allowOrigin: ['http://a', 'http://b'] },
  ],
  ['labels', ['--labels', 'app=shop, tier=web,x='], {}, { labels: { app: 'shop', tier: 'web', x: '' } }],
  ['hosts in any case', ['--allow-host', 'LLM.local'], {}, { allowHost: ['llm.local'] }],
  ['a namespace', ['--namespace', 'shop-2'], {}, { namespace: 'shop-2' }],
]

test.each(GIVEN)('takes %s', (_, argv, env, expected) => {
  expect(parsed(argv, env).settings).toMatchObject(expected)
})

test('every flag has a variable', () => {
  for (const table of [RUN_FLAGS, SERVE_FLAGS, COMPILE_FLAGS, EXPLAIN_FLAGS, MOCK_FLAGS, USAGE_FLAGS]) {
    for (const [name, flag] of Object.entries(table)) {
      const variable = `OUTRIGGER_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
      const { settings } = parseFlags({ [name]: flag }, [], { [variable]: flag.default })
      expect(settings).toEqual({ [name]: flag.parse(flag.default) })
      const none = { ...flag, parse: (text: string) => text }
      expect(parseFlags({ [name]: none }, [], { [variable]: 'from here' }).settings).toEqual({ [name]: 'from here' })
    }
  }
})

test('files come from -f, --file and from behind the flags, in order', () => {
  expect(parsed(['-f', 'a.yaml', 'c', '--file=b', '--log-level', 'debug', 'd']).files).toEqual([
    'a.yaml',
    'b',
    'c',
    'd',
  ])
})

const WRONG: [argv: string[], env: Record<string, string>, message: RegExp][] = [
  [['--nope'], {}, /Unknown option '--nope'/],
  [['--listen'], {}, /'--listen <value>' argument missing/],
  [['--listen', 'nowhere'], {}, /^--listen: expected HOST:PORT such as 127\.0\.0\.1:8787, not "nowhere"$/],
  [[], { OUTRIGGER_LISTEN: 'nowhere' }, /^OUTRIGGER_LISTEN: expected HOST:PORT/],
  [['--log-level', 'loud'], {}, /^--log-level: expected one of error, warn, info, debug, not "loud"$/],
  [['--access-log', 'yes'], {}, /^--access-log: expected one of on, off, not "yes"$/],
  [['--namespace', 'Shop'], {}, /^--namespace: expected a namespace's name, not "Shop"$/],
  [['--namespace', `a${'b'.repeat(63)}`], {}, /^--namespace: expected a namespace's name/],
  [['--labels', 'app'], {}, /^--labels: expected KEY=VALUE,…, not "app"$/],
  [['--labels', '=shop'], {}, /^--labels: expected KEY=VALUE,…, not "=shop"$/],
  [['--body-max', '64MB'], {}, /^--body-max: expected a size such as 64MiB, not "64MB"$/],
  [['--drain-timeout', '5'], {}, /^--drain-timeout: expected a duration such as 30s or 1m30s, not "5"$/],
]

test.each(WRONG)('%j with %j is a usage error that names its place', (argv, env, message) => {
  expect(() => parsed(argv, env)).toThrow(UsageError)
  expect(() => parsed(argv, env)).toThrow(message)
})

test('files come from OUTRIGGER_FILE where the command line names none', () => {
  const env = { OUTRIGGER_FILE: 'a.yaml,folder' }
  expect(parseFlags({}, [], env, 'WithFiles').files).toEqual(['a.yaml', 'folder'])
  expect(parseFlags({}, ['-f', 'b.yaml'], env, 'WithFiles').files).toEqual(['b.yaml'])
})

test('words that are no files stand apart, and a flag may have a letter', () => {
  const given = (...argv: string[]) => parseFlags(EXPLAIN_FLAGS, argv, { OUTRIGGER_FILE: 'a.yaml' }, 'WithWords')
  expect(given()).toEqual({ settings: { output: 'text' }, files: [], words: [] })
  expect(given('id', '-f', 'log', '-ojson')).toEqual({ settings: { output: 'json' }, files: ['log'], words: ['id'] })
  expect(flagHelp(EXPLAIN_FLAGS)).toMatch(/^ {2}-o, --output FORMAT {2}text for people/)
})

test('a switch stands alone, a list may come in pieces, and both have variables', () => {
  const given = (argv: string[], env = {}) => parseFlags(USAGE_FLAGS, argv, env).settings
  expect(given(['-A'])).toMatchObject({ allNamespaces: 'true', from: [] })
  expect(given([], { OUTRIGGER_ALL_NAMESPACES: 'true' })).toMatchObject({ allNamespaces: 'true' })
  expect(given([])).toMatchObject({ allNamespaces: 'false', namespace: undefined, by: ['route', 'provider', 'model'] })
  const [a, b, c] = ['http://a', 'http://b', 'https://c:1/x']
  expect(given(['--from', `${a},${b}`, '--from', `${c}`])).toMatchObject({ from: [a, b, c] })
  expect(given([], { OUTRIGGER_FROM: `${a},${b}` })).toMatchObject({ from: [a, b] })
  expect(given(['--by', 'day', '--by=day,model'])).toMatchObject({ by: ['day', 'model'] })
  expect(flagHelp(USAGE_FLAGS)).toMatch(/^ {2}-A, --all-namespaces {2,}Asks/m)
  expect(() => given(['--all-namespaces=yes'])).toThrow(UsageError)
})

test('where no files are taken, what stands behind the flags is a usage error', () => {
  expect(() => parseFlags(MOCK_FLAGS, ['file.yaml'], {})).toThrow(UsageError)
  expect(() => parseFlags(MOCK_FLAGS, ['-f', 'file.yaml'], {})).toThrow(UsageError)
})

test('the help has a line per flag, with its default where there is one', () => {
  const lines = flagHelp(RUN_FLAGS).split('\n')
  expect(lines).toHaveLength(Object.keys(RUN_FLAGS).length)
  expect(lines[0]).toMatch(
    /^ {2}--listen HOST:PORT +Where applications reach the data plane\. Default 127\.0\.0\.1:8787\.$/,
  )
  expect(lines[2]).toMatch(
    /^ {2}--labels KEY=VALUE,… +Labels of the pod, which decide the LLMRoutes that concern it; in a pod they come with the mounted directory\.$/,
  )
})
