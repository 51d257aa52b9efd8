// The configuration that is measured: a route, so that rules are matched, and a price, so that cost is worked out.
import type { LimitConfig } from '../../contract/limit-config.ts'
import { credentialFile } from '../../contract/names.ts'
import type { SidecarConfig } from '../../contract/sidecar-config.ts'
import {
  backend,
  limitConfig,
  match,
  priceConfig,
  provider,
  routeConfig,
  ruleConfig,
  sidecarConfig,
} from '../support/sidecar-config.ts'

const RULE = 'route:default/chat/gpt'
const PRICE = priceConfig({
  inputPicoUsd: 250_000,
  cachedInputPicoUsd: 25_000,
  cacheWritePicoUsd: 250_000,
  outputPicoUsd: 2_000_000,
})

/** Limits that are counted and never reached. */
export const ROOM_FOR_ALL: readonly LimitConfig[] = [
  limitConfig(`${RULE}/rpm`, 'Requests', 1e12),
  limitConfig(`${RULE}/tpm`, 'Tokens', 1e15),
]

/** `limits` are those of the rule that is measured. */
export function benchConfig(baseURL: string, limits: readonly LimitConfig[]): SidecarConfig {
  const openAI = provider(
    'default/openai',
    'OpenAI',
    [{ name: 'gpt-5-mini', upstreamName: 'gpt-5-mini', price: PRICE }],
    {
      baseURL,
      credentials: [{ name: 'primary', file: credentialFile('default', 'openai', 'primary'), weight: 1 }],
    },
  )
  const backends = [backend('default/openai')]
  const embeddings = match({ models: [{ type: 'Prefix', value: 'text-embedding-' }] })
  const gpt = match({ models: [{ type: 'Glob', value: 'gpt-*' }] })
  const rules = [
    ruleConfig('embeddings', { matches: [embeddings], backends }),
    ruleConfig('gpt', { matches: [gpt], backends, limits: [...limits] }),
  ]
  return sidecarConfig({ namespace: 'default', providers: [openAI], routes: [routeConfig('default/chat', rules)] })
}
