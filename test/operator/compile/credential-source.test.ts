import { expect, test } from '@jest/globals'
import { compile } from '../../../operator/compile/compile.ts'
import { credentialSource } from '../../../operator/compile/credential-source.ts'
import { resolve } from '../../../operator/resolve/resolve.ts'
import type { SecretKeys } from '../../../operator/resolve/snapshot.ts'
import { llmProvider } from '../../support/resources.ts'

const SECRET_KEY = /^(?!\.)[-._a-zA-Z0-9]{1,253}$/

function check(name: string, [provider, credential, version]: string[], expected: string | RegExp): void {
  test(name, () => {
    const secret = { namespace: 'ai', name: 's', key: 'k', ...(version !== undefined && { version }) }
    const { file } = credentialSource(provider ?? '', credential ?? '', secret)
    if (typeof expected === 'string') expect(file).toBe(expected)
    else expect(file).toMatch(expected)
    expect(file).toMatch(SECRET_KEY)
  })
}

const LONG = `${'a'.repeat(240)}.example`

check('without a version', ['openai', 'primary'], 'ai.openai.primary')
check('with the version of its Secret', ['openai', 'primary', '4711'], 'ai.openai.primary.4711')
check('of a provider whose name is as long as a key', [LONG, 'primary', '1'], /^ai\.a{177}\.\.[0-9a-f]{64}$/)
check(
  'with a version that is no number',
  ['openai', 'primary', 'v/1:2'],
  /^ai\.openai\.primary\.v-1-2\.\.[0-9a-f]{64}$/,
)

test('names that are cut stay different', () => {
  const files = ['primary', 'spare'].flatMap((name) =>
    ['1', '2'].map((version) => credentialSource(LONG, name, { namespace: 'ai', name: 's', key: 'k', version }).file),
  )
  expect(new Set(files).size).toBe(4)
})

/** Three references of one provider to two Secrets. */
function compiled(versions: { keys?: string; tls?: string }): ReturnType<typeof compile> {
  const provider = llmProvider('ai/openai', {
    credentials: [{ name: 'primary', secretRef: { name: 'keys', key: 'api-key' }, weight: 1 }],
    tls: { clientCertificateRef: { name: 'tls' } },
    egressProxy: { url: 'http://proxy.example:3128', credentialsRef: { name: 'keys', key: 'proxy' } },
  })
  const secrets: SecretKeys[] = [
    { namespace: 'ai', name: 'keys', keys: ['api-key', 'proxy'], ...(versions.keys && { version: versions.keys }) },
    { namespace: 'ai', name: 'tls', keys: ['tls.crt', 'tls.key'], ...(versions.tls && { version: versions.tls }) },
  ]
  return compile(resolve({ providers: [provider], routes: [], secrets, namespaces: [] }, 'ai'))
}

test('each reference names the version of its own Secret', () => {
  expect(compiled({ keys: '7', tls: '12' }).credentials).toEqual([
    { file: 'ai.openai.primary.7', secret: { namespace: 'ai', name: 'keys', key: 'api-key', version: '7' } },
    {
      file: 'ai.openai._client-certificate.12',
      secret: { namespace: 'ai', name: 'tls', key: 'tls.crt', version: '12' },
    },
    { file: 'ai.openai._client-key.12', secret: { namespace: 'ai', name: 'tls', key: 'tls.key', version: '12' } },
    { file: 'ai.openai._egress-proxy.7', secret: { namespace: 'ai', name: 'keys', key: 'proxy', version: '7' } },
  ])
})

test('a rotation is another revision; without one it is the same', () => {
  const revisionOf = (keys: string) => compiled({ keys, tls: '12' }).config.revision
  expect(revisionOf('7')).toBe(revisionOf('7'))
  expect(revisionOf('8')).not.toBe(revisionOf('7'))
})

test('a Secret of a file has no version, and the reference none', () => {
  expect(compiled({}).credentials[0]).toEqual({
    file: 'ai.openai.primary',
    secret: { namespace: 'ai', name: 'keys', key: 'api-key' },
  })
})
