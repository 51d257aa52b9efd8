// One LLMProvider → what every sidecar that may use it is told, and which secret values lie beside that.
//
// A credential that does not resolve takes only itself out. Everything else that is wrong (no credential left, a certificate,
// a proxy, a field) would fail each request, or send it with less protection than its owner asked for: so such a provider is
// given to nobody, and the routes that name it say why. Publishing the part that works was rejected for that reason.

import { providerOwner } from '../../contract/limit-identity.ts'
import type {
  CredentialConfig,
  EgressProxyConfig,
  ModelConfig,
  ProviderConfig,
  TimeoutsConfig,
  TlsConfig,
} from '../../contract/sidecar-config.ts'
import type { LLMProviderModel, LLMProviderSpec, LLMProviderTimeouts } from '../api/llm-provider.ts'
import type { Flaw, Problem } from '../api/problem.ts'
import type { Reason } from '../api/reason.ts'
import type { ProviderInput, Reference } from '../resolve/inputs.ts'
import { inOrder } from '../resolve/order.ts'
import { certificatesOf } from './certificate.ts'
import { type CredentialSource, credentialSource } from './credential-source.ts'
import { compileDuration } from './duration.ts'
import { compileLimits } from './limit.ts'
import { compilePrice } from './price.ts'
import { endpointOf, MODELS_PATHS } from './provider-endpoint.ts'
import { compileCircuitBreaker, compileHealthCheck, compileRetryBudget } from './provider-health.ts'
import { NO_NOTICES, unpricedModels } from './unpriced.ts'
import { compileBaseURL, compileProxyURL } from './url.ts'

export interface CompiledProvider {
  /** `namespace/name`. */
  id: string
  result: { config: ProviderConfig; sources: CredentialSource[] } | { unusable: Reason[] }
  problems: Problem[]
  warnings: Problem[]
}

/** What gathers beside the config while its parts are compiled. */
interface Draft {
  /** Each of them makes the provider unusable. */
  flaws: Flaw[]
  sources: CredentialSource[]
}

export function compileProvider(input: ProviderInput): CompiledProvider {
  const { id, resource } = input
  const { metadata, spec } = resource
  const draft: Draft = { flaws: [], sources: [] }
  const { credentials, lost } = compileCredentials(input, draft)
  if (credentials.length === 0) draft.flaws.push(...lost)
  const config: ProviderConfig = {
    id,
    type: spec.type,
    ...compileEndpoint(spec, draft),
    credentials,
    models: compileModels(spec.models, draft),
    timeouts: compileTimeouts(spec.timeouts, draft),
    connections: {
      max: spec.connections.max,
      idleMs: compileDuration(spec.connections.idle, 'spec.connections.idle', draft.flaws),
    },
    circuitBreaker: compileCircuitBreaker(spec.circuitBreaker, draft.flaws),
    retryBudget: compileRetryBudget(spec.retryBudget),
    limits: compileLimits(spec.limits, providerOwner(id), 'spec.limits', draft.flaws),
    ...compileHealthCheck(spec.healthCheck, MODELS_PATHS[spec.type], draft.flaws),
    tls: compileTls(input, draft),
    ...compileEgressProxy(input, draft),
  }
  const object = { kind: resource.kind, namespace: metadata.namespace, name: metadata.name }
  const unusable = [...new Set(draft.flaws.map(({ reason }) => reason))]
  const unpriced = unusable.length === 0 ? unpricedModels(config) : NO_NOTICES
  const flaws = new Set([...lost, ...draft.flaws, ...verdict(unusable), ...unpriced.flaws])
  return {
    id,
    result: unusable.length === 0 ? { config, sources: draft.sources } : { unusable },
    problems: [...flaws].map((flaw) => ({ object, ...flaw })),
    warnings: unpriced.warnings.map((warning) => ({ object, ...warning })),
  }
}

function verdict(unusable: Reason[]): Flaw[] {
  if (unusable.length === 0) return []
  const message = `No sidecar is given this provider until its other problems are mended: ${unusable.join(', ')}`
  return [{ field: 'spec', reason: 'ProviderUnusable', message }]
}

function compileCredentials(
  { resource, credentials: inputs }: ProviderInput,
  { sources }: Draft,
): { credentials: CredentialConfig[]; lost: Flaw[] } {
  const credentials: CredentialConfig[] = []
  const lost: Flaw[] = []
  for (const { credential, secret } of inputs) {
    const found = follow(secret, lost)
    if (!found) continue
    const source = credentialSource(resource.metadata.name, credential.name, found)
    sources.push(source)
    credentials.push({ name: credential.name, file: source.file, weight: credential.weight })
  }
  return { credentials, lost }
}

function compileEndpoint(
  spec: LLMProviderSpec,
  { flaws }: Draft,
): Pick<ProviderConfig, 'baseURL' | 'apiVersion' | 'headers' | 'streamUsage'> {
  const endpoint = endpointOf(spec)
  if (!endpoint) {
    const message = `type is ${spec.type}, but the member of that name is missing; set it beside type`
    flaws.push({ field: 'spec.type', reason: 'InvalidField', message })
    return { baseURL: '', headers: [], streamUsage: 'Requested' }
  }
  const { field, url, path, apiVersion, headers, streamUsage } = endpoint
  return {
    baseURL: compileBaseURL(url, field, flaws) + path,
    ...(apiVersion !== undefined && { apiVersion }),
    headers,
    streamUsage,
  }
}

function compileModels(models: LLMProviderModel[], { flaws }: Draft): ModelConfig[] {
  return models
    .map(({ name, upstreamName, price, contextWindow }, index) => ({
      name,
      upstreamName: upstreamName ?? name,
      ...(price && { price: compilePrice(price, `spec.models[${index}].price`, flaws) }),
      ...(contextWindow !== undefined && { contextWindow }),
    }))
    .sort((a, b) => inOrder(a.name, b.name))
}

function compileTimeouts(timeouts: LLMProviderTimeouts, { flaws }: Draft): TimeoutsConfig {
  return {
    connectMs: compileDuration(timeouts.connect, 'spec.timeouts.connect', flaws),
    firstByteMs: compileDuration(timeouts.firstByte, 'spec.timeouts.firstByte', flaws),
    idleMs: compileDuration(timeouts.idle, 'spec.timeouts.idle', flaws),
    totalMs: compileDuration(timeouts.total, 'spec.timeouts.total', flaws),
  }
}

function compileTls({ resource, clientCertificate }: ProviderInput, { flaws, sources }: Draft): TlsConfig {
  const { caBundle, serverName } = resource.spec.tls ?? {}
  const tls: TlsConfig = {}
  if (caBundle !== undefined) {
    const certificates = certificatesOf(caBundle)
    if (certificates === undefined) flaws.push(unreadableBundle())
    else tls.caBundle = certificates
  }
  if (serverName !== undefined) tls.serverName = serverName
  const secret = follow(clientCertificate, flaws)
  if (secret) {
    const certificate = credentialSource(resource.metadata.name, '_client-certificate', secret.certificate)
    const key = credentialSource(resource.metadata.name, '_client-key', secret.key)
    sources.push(certificate, key)
    tls.clientCertificate = { certificateFile: certificate.file, keyFile: key.file }
  }
  return tls
}

function unreadableBundle(): Flaw {
  const message = 'caBundle holds no readable certificate, or one that is damaged; paste whole PEM certificates'
  return { field: 'spec.tls.caBundle', reason: 'InvalidCertificate', message }
}

function compileEgressProxy(
  { resource, proxyCredentials }: ProviderInput,
  { flaws, sources }: Draft,
): { egressProxy?: EgressProxyConfig } {
  const proxy = resource.spec.egressProxy
  if (!proxy) return {}
  const egressProxy: EgressProxyConfig = { url: compileProxyURL(proxy.url, 'spec.egressProxy.url', flaws) }
  const secret = follow(proxyCredentials, flaws)
  if (secret) {
    const source = credentialSource(resource.metadata.name, '_egress-proxy', secret)
    sources.push(source)
    egressProxy.credentialsFile = source.file
  }
  return { egressProxy }
}

function follow<T>(reference: Reference<T> | undefined, flaws: Flaw[]): T | undefined {
  if (reference === undefined) return undefined
  if ('found' in reference) return reference.found
  flaws.push(reference.broken)
  return undefined
}
