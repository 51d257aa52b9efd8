// The configuration that is measured: rules, so that they are matched, limits in the last of them, and a price, so that cost is worked out.
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

export const MODEL = 'gpt-5-mini'
/** Of the rule with limits. */
export const LIMITED_MODEL = 'gpt-5-nano'

const LIMITED = 'route:default/chat/limited'
const PRICE = priceConfig({
  inputPicoUsd: 250_000,
  cachedInputPicoUsd: 25_000,
  cacheWritePicoUsd: 250_000,
  outputPicoUsd: 2_000_000,
})

/** They are counted and never reached. */
const LIMITS = [limitConfig(`${LIMITED}/rpm`, 'Requests', 1e12), limitConfig(`${LIMITED}/tpm`, 'Tokens', 1e15)]

export function benchConfig(baseURL: string): SidecarConfig {
  const models = [MODEL, LIMITED_MODEL].map((name) => ({ name, upstreamName: name, price: PRICE }))
  const credentials = [{ name: 'primary', file: credentialFile('default', 'openai', 'primary'), weight: 1 }]
  const openAI = provider('default/openai', 'OpenAI', models, { baseURL, credentials })
  const rule = (name: string, matches: Parameters<typeof match>[0], limits = LIMITS.slice(0, 0)) =>
    ruleConfig(name, { matches: [match(matches)], backends: [backend('default/openai')], limits })
  const rules = [
    rule('embeddings', { models: [{ type: 'Prefix', value: 'text-embedding-' }] }),
    rule('plain', { models: [{ type: 'Glob', value: 'gpt-*-mini' }] }),
    rule('limited', { models: [{ type: 'Glob', value: 'gpt-*-nano' }] }, LIMITS),
  ]
  return sidecarConfig({ namespace: 'default', providers: [openAI], routes: [routeConfig('default/chat', rules)] })
}
