// The limits of a whole sidecar are those of its flags: what is beyond them hears so at once, and is in the access log.
import { expect, test } from '@jest/globals'
import { mockForTests } from '../mock/with-mock.ts'
import { ask, chat, until } from '../support/client.ts'
import { startTestSidecar } from '../support/sidecar.ts'
import { provider, sidecarConfig } from '../support/sidecar-config.ts'

const mock = mockForTests()

test('--requests-max: streams go on, one request more is refused, and the next is served when one has ended', async () => {
  const credentials = [{ name: 'primary', file: 'key', weight: 1 }]
  const openai = provider('shop/openai', 'OpenAI', ['small'], { baseURL: `${mock().url}/v1`, credentials })
  const source = { config: sidecarConfig({ providers: [openai] }), keys: { key: 'sk-provider' } }
  const sidecar = await startTestSidecar(source, { requestsMax: 2 })
  const url = `${sidecar.url}/v1/chat/completions`
  const leave = new AbortController()
  const streams = [1, 2].map(() => {
    const headers = { 'x-mock-stall': '3' }
    return ask(url, { body: chat('small', { stream: true }), headers, signal: leave.signal }).catch(() => undefined)
  })
  await until(
    () => mock().requests.length,
    (requests) => requests === 2,
  )
  const refused = await ask(url, { body: chat('small') })
  expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1', 'x-outrigger-reason': 'overloaded' } })
  expect((await ask(`${sidecar.adminUrl}/livez`)).body).toBe('ok')
  const line = await sidecar.accessLine(({ failure }) => failure === 'overloaded')
  expect(line).toMatchObject({ status: 503, fault: 'outrigger', requestId: refused.headers['x-outrigger-request-id'] })
  leave.abort()
  await Promise.all(streams)
  await until(
    async () => (await ask(url, { body: chat('small') })).status,
    (status) => status === 200,
  )
  await sidecar.stop()
})
