// Compiled documents of any size, with credentials: what render has to pack.
import { createCipheriv } from 'node:crypto'
import { SecretValue } from '../../../contract/secret.ts'
import type { BodyFieldConfig, SidecarConfig } from '../../../contract/sidecar-config.ts'
import type { CredentialSource } from '../../../operator/compile/credential-source.ts'
import { below, type Random } from '../../support/random.ts'
import { backend, provider, routeConfig, ruleConfig, sidecarConfig } from '../../support/sidecar-config.ts'

export interface CompiledDocument {
  config: SidecarConfig
  credentials: CredentialSource[]
  values: ReadonlyMap<string, SecretValue>
}

/**
 * A text of about `bytes` as JSON, which gzip makes smaller by about a quarter when it is `Random`, and to next to nothing when
 * it is `Even`.
 */
export function compiledDocument(
  random: Random,
  bytes: number,
  kind: 'Random' | 'Even',
  credentialCount = 2,
): CompiledDocument {
  const credentials = Array.from({ length: credentialCount }, (_, i): CredentialSource => {
    const secret = { namespace: 'ai', name: 'openai', key: `key-${i}`, version: '4711' }
    return { file: `ai.openai.key-${i}.4711`, secret }
  })
  const openai = provider('ai/openai', 'OpenAI', ['gpt'], {
    credentials: credentials.map(({ file, secret }) => ({ name: secret.key, file, weight: 1 })),
  })
  const overrides = fieldsOf(random, bytes, kind)
  const rule = ruleConfig('all', { backends: [backend('ai/openai gpt')], overrides })
  return {
    config: sidecarConfig({
      revision: revision(random),
      providers: [openai],
      routes: [routeConfig('shop/chat', [rule])],
    }),
    credentials,
    values: new Map(credentials.map(({ file }, i) => [file, new SecretValue(`sk-canary-${i}-ü`)])),
  }
}

const FIELD_BYTES = 64 * 1024

function fieldsOf(random: Random, bytes: number, kind: 'Random' | 'Even'): BodyFieldConfig[] {
  const fields: BodyFieldConfig[] = []
  for (let left = bytes; left > 0; left -= FIELD_BYTES) {
    const length = Math.min(left, FIELD_BYTES)
    const text = kind === 'Even' ? 'ab"\\🛶'.repeat(length / 10) : base64(random, length)
    fields.push({ name: `field-${fields.length}`, value: text })
  }
  return fields
}

function base64(random: Random, length: number): string {
  const key = Buffer.from(revision(random))
  // A cipher's stream: megabytes of it take no time, and a seed gives the same ones.
  const bytes = createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
  return bytes.toString('base64').slice(0, length)
}

function revision(random: Random): string {
  return Array.from({ length: 16 }, () => below(random, 16).toString(16)).join('')
}
