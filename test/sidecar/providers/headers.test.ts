import { expect, test } from '@jest/globals'
import type { HeaderConfig } from '../../../contract/sidecar-config.ts'
import { createHeaderFilter, headerBlock } from '../../../sidecar/providers/headers.ts'

interface Provider {
  configured?: HeaderConfig[]
  negotiable?: HeaderConfig
}

const ADDED = 'accept-encoding: identity\r\n'
const VERSION = { name: 'anthropic-version', value: '2023-06-01' }

function check(name: string, sent: string[], expected: string, { configured = [], negotiable }: Provider = {}): void {
  test(name, () => {
    const filter = createHeaderFilter(configured, negotiable)
    const raw = sent.flatMap((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()]
    })
    // Twice: the second answer comes from what the first one left remembered.
    expect([headerBlock(raw, filter), headerBlock(raw, filter)]).toEqual([expected, expected])
  })
}

check(
  'keeps all else, in the order and the spelling of the client, duplicates too',
  [
    'Accept: application/json',
    'Content-Type: application/json',
    'User-Agent: OpenAI/JS 7.55.0',
    'X-Stainless-Retry-Count: 0',
    'OpenAI-Beta: a',
    'openai-beta: b',
    'Idempotency-Key: k',
    'x-request-id: r',
  ],
  'Accept: application/json\r\nContent-Type: application/json\r\nUser-Agent: OpenAI/JS 7.55.0\r\n' +
    `X-Stainless-Retry-Count: 0\r\nOpenAI-Beta: a\r\nopenai-beta: b\r\nIdempotency-Key: k\r\nx-request-id: r\r\n${ADDED}`,
)

const NEVER_PASSES = [
  'Connection: keep-alive',
  'CONNECTION: close',
  'Keep-Alive: timeout=5',
  'Proxy-Authorization: Basic x',
  'Proxy-Connection: keep-alive',
  'proxy-anything: x',
  'TE: trailers',
  'Trailer: x',
  'Transfer-Encoding: chunked',
  'Upgrade: h2c',
  'HTTP2-Settings: x',
  'Expect: 100-continue',
  'Host: 127.0.0.1:8787',
  'Content-Length: 5',
  'CONTENT-LENGTH: 6',
  'Content-Encoding: gzip',
  'Accept-Encoding: gzip, deflate, br',
  'Authorization: Bearer sk-client',
  'aUtHoRiZaTiOn: Bearer sk-client',
  'X-Api-Key: sk-client',
  'api-key: sk-client',
  'Ocp-Apim-Subscription-Key: sk-client',
  'x-goog-api-key: sk-client',
  'X-Goog-User-Project: p',
  'OpenAI-Organization: org-client',
  'OpenAI-Project: proj-client',
  'anthropic-workspace-id: w',
  'X-Amz-Date: 20261121T120000Z',
  'X-Amz-Security-Token: t',
  'x-amz-content-sha256: e3b0',
  'Cookie: session=1',
  'Origin: https://evil.example',
  'Referer: https://evil.example/x',
  'Sec-Fetch-Site: cross-site',
  'sec-ch-ua: x',
  'X-Outrigger-Request-Id: forged',
  'x-outrigger-: x',
]
for (const header of NEVER_PASSES)
  check(`never passes "${header}"`, ['a: 1', header, 'b: 2'], `a: 1\r\nb: 2\r\n${ADDED}`)

check(
  'what Connection names does not pass, wherever and however it is spelled',
  ['X-One: 1', 'connection: Keep-Alive, x-one ,X-TWO', 'x-two: 2', 'Connection: X-Three', 'x-three: 3', 'x-four: 4'],
  `x-four: 4\r\n${ADDED}`,
)
check(
  'Connection cannot take away what the provider is configured to get',
  ['connection: x-tenant, anthropic-version, accept-encoding', 'x-tenant: forged', 'anthropic-version: 2026-10-21'],
  `${ADDED}x-tenant: shop\r\nanthropic-version: 2023-06-01\r\n`,
  { configured: [{ name: 'x-tenant', value: 'shop' }], negotiable: VERSION },
)
check(
  "a configured header replaces the client's, all of them",
  ['OpenAI-Beta: a', 'x: 1', 'OPENAI-BETA: b', 'OpenAI-Organization: org-client'],
  `x: 1\r\n${ADDED}openai-organization: org-ours\r\nopenai-beta: ours\r\n`,
  {
    configured: [
      { name: 'openai-organization', value: 'org-ours' },
      { name: 'openai-beta', value: 'ours' },
    ],
  },
)
check('a demanded header is added for who sent none', ['x: 1'], `x: 1\r\n${ADDED}anthropic-version: 2023-06-01\r\n`, {
  negotiable: VERSION,
})
check('… with the configured value', ['x: 1'], `x: 1\r\n${ADDED}anthropic-version: 2026-10-21\r\n`, {
  configured: [{ name: 'anthropic-version', value: '2026-10-21' }],
  negotiable: VERSION,
})
check("… and never over the client's own", ['Anthropic-Version: mine'], `Anthropic-Version: mine\r\n${ADDED}`, {
  configured: [{ name: 'anthropic-version', value: '2026-10-21' }],
  negotiable: VERSION,
})
check(
  'a header that only looks like a forbidden one passes',
  ['security: 1', 'proxy: 2', 'hosts: 3'],
  `security: 1\r\nproxy: 2\r\nhosts: 3\r\n${ADDED}`,
)
check('an empty value stays empty', ['x:'], `x: \r\n${ADDED}`)
check('no headers at all', [], ADDED)

test('still decides rightly when a client has used up the remembered spellings', () => {
  const filter = createHeaderFilter([], undefined)
  for (let i = 0; i < 3000; i++) headerBlock([`x-${i}`, ''], filter)
  expect(headerBlock(['AUTHORIZATION', 'Bearer sk-client', 'X-New', '1'], filter)).toBe(`X-New: 1\r\n${ADDED}`)
})
