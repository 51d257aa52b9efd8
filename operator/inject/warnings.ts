// What will work otherwise than its author may think, although the pod can be injected. Goes in: the pod as its author wrote
// it. Comes out: sentences that kubectl shows; short, because Kubernetes cuts long ones. Nothing of this is an error: whether
// it matters depends on what the application does, which cannot be seen here.

import { DATA_PLANE_PORT, SIDECAR_CONTAINER } from '../../contract/names.ts'
import { variableNames } from './environment.ts'
import { type RawObject, recordAt, recordsAt, textAt } from './raw-object.ts'

/** The base URLs are http, so HTTPS_PROXY does not concern them. */
const PROXIES = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']
const EXCEPTIONS = ['NO_PROXY', 'no_proxy']

export function warnings(pod: RawObject): string[] {
  const spec = recordAt(pod, 'spec')
  const containers = [...recordsAt(spec, 'initContainers'), ...recordsAt(spec, 'containers')]
  return [
    ...(spec.shareProcessNamespace === true
      ? ["spec.shareProcessNamespace: root and user 65532 of other containers can read the sidecar's provider keys"]
      : []),
    ...containers
      .filter((container) => textAt(container, 'name') !== SIDECAR_CONTAINER)
      .flatMap((container) =>
        containerWarnings(container).map((text) => `container "${textAt(container, 'name')}": ${text}`),
      ),
  ]
}

function containerWarnings(container: RawObject): string[] {
  const set = variableNames(container)
  const proxy = PROXIES.find((name) => set.has(name))
  return [
    ...(proxy !== undefined && !exceptsLoopback(container)
      ? [`${proxy} is set: add 127.0.0.1 to NO_PROXY, or requests for Outrigger may go to the proxy`]
      : []),
    ...(set.has('AZURE_OPENAI_ENDPOINT') && !set.has('OPENAI_BASE_URL')
      ? [`AzureOpenAI clients prefer OPENAI_BASE_URL; set it to http://127.0.0.1:${DATA_PLANE_PORT}/openai for them`]
      : []),
  ]
}

/** A value that comes from elsewhere cannot be seen, and gets the benefit of the doubt. */
function exceptsLoopback(container: RawObject): boolean {
  return recordsAt(container, 'env')
    .filter((variable) => EXCEPTIONS.includes(textAt(variable, 'name') ?? ''))
    .some((variable) => /(^|[\s,])(127\.0\.0\.1|127\.0\.0\.0\/8|\*)($|[\s,])/.test(textAt(variable, 'value') ?? '*'))
}
