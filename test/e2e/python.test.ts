// The official Python clients, by the same rule: what they get through the sidecar is what they get without it. Three runs of
// one script do all operations: straight to the mock, and through sidecars with and without retries.
import { beforeAll, expect, test } from '@jest/globals'
import { wireTapForTests } from '../support/wire-tap.ts'
import { comparable } from './comparable.ts'
import { INSTALL_MS, operations, pythonWithClients, type Results, withPython } from './python-clients.ts'
import { CLIENT_KEY, DIRECT_KEY, oneAttempt, twoWaysForTests } from './two-ways.ts'

type Group = 'plain' | 'failing' | 'refused' | 'cut' | 'late' | 'late failing'

/** Short against the mock's delay in the groups that are late. */
const KEEP_ALIVE_MS = 20

withPython('Python clients', () => {
  const ways = twoWaysForTests()
  const once = twoWaysForTests(oneAttempt)
  const commented = twoWaysForTests(oneAttempt, { streamKeepAlive: KEEP_ALIVE_MS })
  const tap = wireTapForTests(() => commented().sidecar.url)
  let direct: Results<Group>
  let through: Results<Group>

  beforeAll(async () => {
    const python = await pythonWithClients()
    const { mock, sidecar } = ways()
    const runs = await Promise.all([
      operations(python, mock.url, DIRECT_KEY, ['plain', 'failing', 'refused', 'cut']),
      operations(python, sidecar.url, CLIENT_KEY, ['plain']),
      operations(python, once().sidecar.url, CLIENT_KEY, ['failing', 'refused', 'cut']),
      operations(python, tap().url, CLIENT_KEY, ['late', 'late failing']),
    ])
    direct = { ...runs[0], late: {}, 'late failing': {} }
    through = { ...runs[1], ...runs[2], ...runs[3] }
  }, INSTALL_MS)

  test('get the same results', () => {
    const failed = Object.entries(through.plain).filter(([, result]) => 'error' in result)
    expect(failed).toEqual([])
    expect(comparable(through.plain)).toEqual(comparable(direct.plain))
    expect(JSON.stringify(through.plain)).toContain('You said: Hello there')
  })

  test('raise the same errors, with the provider’s words', () => {
    const succeeded = Object.entries(through.failing).filter(([, result]) => 'value' in result)
    expect(succeeded).toEqual([])
    expect(comparable(through.failing)).toEqual(comparable(direct.failing))
  })

  test('raise what is no fault of theirs when the platform’s key is refused', () => {
    const ours = { class: 'InternalServerError', status_code: 502, text: expect.stringContaining('yours are not') }
    expect(Object.values(direct.refused)).not.toContainEqual({ error: expect.objectContaining(ours) })
    expect(through.refused).toEqual(
      Object.fromEntries(Object.keys(direct.refused).map((name) => [name, { error: expect.objectContaining(ours) }])),
    )
  })

  test('raise the classes that are documented', () => {
    const classOf = (name: string) => through.failing[name] as object
    expect(classOf('openai chat: status 429')).toMatchObject({ error: { class: 'RateLimitError' } })
    expect(classOf('anthropic messages: status 529')).toMatchObject({ error: { class: 'OverloadedError' } })
    expect(classOf('openai chat iterator: error in stream after-2')).toMatchObject({ error: { class: 'APIError' } })
  })

  test('get what they get without comments, when these keep a stream alive', () => {
    const names = Object.keys(through.late)
    const plain = Object.fromEntries(Object.entries(direct.plain).filter(([name]) => names.includes(name)))
    expect(names.length).toBeGreaterThan(5)
    expect(comparable(through.late)).toEqual(comparable(plain))
  })

  test('raise what comes behind comments', () => {
    const texts = Object.values(through['late failing']).map((result) => 'error' in result && result.error.text)
    const raised = [/answered with an error/, /ended its answer too early/, /server had an error|overloaded/i]
    expect(texts).toEqual(texts.map((_, i) => expect.stringMatching(raised[i % raised.length] as RegExp)))
    const answers = tap().take().split('HTTP/1.1 200 ').slice(1)
    expect(answers).toHaveLength(Object.keys(through.late).length + texts.length)
    expect(answers.filter((answer) => !answer.includes(': keep-alive\n\n'))).toEqual([])
  })

  test('raise every stream that was cut, and never return a short success', () => {
    const texts = Object.entries(through.cut).map(([name, result]) => [
      name,
      'error' in result ? result.error.text : result,
    ])
    const raised = Object.keys(through.cut).map((name) => [name, expect.stringContaining('ended its answer too early')])
    expect(texts).toEqual(raised)
  })
})
