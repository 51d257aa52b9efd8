// Snapshot of the cluster (or of files) → what one namespace's document is made of, every reference followed.
//
// A reference that leads nowhere is a value like any other: the problem that it is, with its field and its message, so that
// compile decides what it takes down with it. Nothing is thrown, nothing is looked up elsewhere, and no secret value passes
// through here: a Secret is its name and its keys. The order of the snapshot does not show in the result.
// Who may use a provider is decided here and nowhere else; a provider that the namespace may not use is not in the result.

import type { LLMProvider } from '../api/llm-provider.ts'
import type { LLMRoute } from '../api/llm-route.ts'
import type { ObjectMeta } from '../api/object-meta.ts'
import { nameList } from '../api/problem.ts'
import type { Inputs, ProviderInput, Reference, RouteInput } from './inputs.ts'
import { inOrder } from './order.ts'
import { findKey, findTlsSecret, indexSecrets, type SecretIndex } from './secret.ts'
import { admitsNamespace } from './selector.ts'
import type { Snapshot } from './snapshot.ts'

/**
 * `namespace` need not be in the snapshot: it then has no labels. The resources inside the result are the snapshot's own
 * objects, not copies.
 */
export function resolve(snapshot: Snapshot, namespace: string): Inputs {
  const labels = snapshot.namespaces.find(({ name }) => name === namespace)?.labels ?? {}
  const secrets = indexSecrets(snapshot.secrets)
  const providers = snapshot.providers
    .filter((provider) => admitsNamespace(provider, { name: namespace, labels }))
    .map((provider) => resolveProvider(provider, secrets))
    .sort((a, b) => inOrder(rank(a, namespace), rank(b, namespace)) || inOrder(a.id, b.id))
  const lookup: ProviderLookup = {
    namespace,
    open: new Map(providers.map((provider) => [provider.id, provider])),
    existing: new Set(snapshot.providers.map(({ metadata }) => objectId(metadata))),
  }
  const routes = snapshot.routes
    .filter(({ metadata }) => metadata.namespace === namespace)
    .sort(oldestFirst)
    .map((route) => resolveRoute(route, lookup))
  return { namespace, providers, routes, ...(snapshot.store && { store: snapshot.store }) }
}

function resolveProvider(resource: LLMProvider, secrets: SecretIndex): ProviderInput {
  const { metadata, spec } = resource
  const { namespace } = metadata
  const certificate = spec.tls?.clientCertificateRef
  const proxy = spec.egressProxy?.credentialsRef
  return {
    id: objectId(metadata),
    resource,
    credentials: spec.credentials.map((credential, index) => ({
      credential,
      secret: findKey(secrets, { namespace, ...credential.secretRef }, `spec.credentials[${index}].secretRef`),
    })),
    ...(certificate && {
      clientCertificate: findTlsSecret(secrets, { namespace, ...certificate }, 'spec.tls.clientCertificateRef'),
    }),
    ...(proxy && {
      proxyCredentials: findKey(secrets, { namespace, ...proxy }, 'spec.egressProxy.credentialsRef'),
    }),
  }
}

function resolveRoute(resource: LLMRoute, lookup: ProviderLookup): RouteInput {
  const rules = resource.spec.rules.map((rule, r) => ({
    rule,
    backends: rule.backends.map((backend, b) => {
      const id = objectId({ namespace: lookup.namespace, ...backend.provider })
      return { backend, id, provider: findProvider(lookup, id, `spec.rules[${r}].backends[${b}].provider`) }
    }),
  }))
  return { id: objectId(resource.metadata), resource, rules }
}

interface ProviderLookup {
  /** Whose routes ask. */
  namespace: string
  /** Those that the namespace may use, by id. */
  open: ReadonlyMap<string, ProviderInput>
  /** Ids of all that exist. */
  existing: ReadonlySet<string>
}

function findProvider(
  { namespace, open, existing }: ProviderLookup,
  id: string,
  field: string,
): Reference<ProviderInput> {
  const found = open.get(id)
  if (found) return { found }
  if (existing.has(id)) {
    const message = `LLMProvider ${id} does not admit namespace ${namespace}; its owner can, in spec.access.namespaces`
    return { broken: { field, reason: 'RefNotPermitted', message } }
  }
  // Names only what the namespace may use: a guessed name must not list the providers of others.
  const message = `LLMProvider ${id} does not exist; open to namespace ${namespace}: ${nameList([...open.keys()])}`
  return { broken: { field, reason: 'ProviderNotFound', message } }
}

function rank({ resource }: ProviderInput, namespace: string): number {
  return resource.metadata.namespace === namespace ? 0 : 1
}

// As Gateway API orders routes: who was there first keeps winning. Files have no timestamp, so names decide there.
function oldestFirst({ metadata: a }: LLMRoute, { metadata: b }: LLMRoute): number {
  return inOrder(createdMs(a), createdMs(b)) || inOrder(a.name, b.name)
}

function createdMs({ creationTimestamp }: ObjectMeta): number {
  const ms = Date.parse(creationTimestamp ?? '')
  return Number.isNaN(ms) ? Number.POSITIVE_INFINITY : ms
}

function objectId({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`
}
