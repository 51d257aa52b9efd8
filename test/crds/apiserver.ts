// What a real API server says about an object, in the words of its Status: findings as file mode's admission gives them, so
// that the two can be held against each other.
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { parse } from 'yaml'

export interface Apiserver {
  /** A dry run of `kubectl create`, as strict as that is: the object as it would be stored, or why not. */
  create(object: KubernetesObject, namespace: string): Promise<CreateAnswer>
  close(): void
}

export interface KubernetesObject {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
  spec?: unknown
}

export type CreateAnswer = { stored: KubernetesObject } | { refused: Refused }

export interface Refused {
  /** Of the Status: `Invalid`, `BadRequest`. */
  reason: string
  message: string
  /** Empty where the object could not even be decoded. */
  causes: readonly Cause[]
}

export interface Cause {
  reason: string
  /** Ends with the message of the rule, where a CEL rule refused. */
  message: string
  field: string
}

interface Kubeconfig {
  clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }]
  users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }]
}

interface Status {
  reason: string
  message: string
  details?: { causes?: Cause[] }
}

/** `kubeconfig` is a file with one cluster and one user, who has a client certificate; all of it inside the file. */
export function connectApiserver(kubeconfig: string): Apiserver {
  const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
  const [{ cluster }] = clusters
  const [{ user }] = users
  const agent = new Agent({
    keepAlive: true,
    ca: decode(cluster['certificate-authority-data']),
    cert: decode(user['client-certificate-data']),
    key: decode(user['client-key-data']),
  })
  return {
    create: (object, namespace) => {
      const plural = `${object.kind.toLowerCase()}s`
      const query = 'dryRun=All&fieldValidation=Strict'
      const path = `/apis/${object.apiVersion}/namespaces/${namespace}/${plural}?${query}`
      return post(new URL(path, cluster.server), object, agent)
    },
    close: () => agent.destroy(),
  }
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString()
}

async function post(url: URL, object: KubernetesObject, agent: Agent): Promise<CreateAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<CreateAnswer>()
  const headers = { 'content-type': 'application/json' }
  const call = request(url, { method: 'POST', headers, agent }, async (answer) => {
    try {
      const body: unknown = JSON.parse(Buffer.concat(await answer.toArray()).toString())
      resolve(answer.statusCode === 201 ? { stored: body as KubernetesObject } : { refused: refusedBy(body as Status) })
    } catch (error) {
      reject(error)
    }
  })
  call.on('error', reject)
  call.end(JSON.stringify(object))
  return promise
}

function refusedBy({ reason, message, details }: Status): Refused {
  return { reason, message, causes: details?.causes ?? [] }
}
