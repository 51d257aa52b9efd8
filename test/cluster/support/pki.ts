// The certificates of a cluster: one authority that lives as long as the cluster, and a leaf for each component, which serves and
// calls with it. In: addresses. Out: PEM files, and a kubeconfig for each identity. It knows nothing of other processes than
// openssl, which every machine has; a certificate library would be one more dependency for thirty lines.
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import path from 'node:path'
import { run } from './command.ts'

/** Whom a certificate names. Kubernetes reads the organisation (O) as a group and the common name (CN) as a user. */
interface Identity {
  name: string
  /** As openssl takes it: `/O=group/CN=user`. */
  subject: string
  /** DNS names and IP addresses that it serves on. */
  serves?: readonly string[]
}

export const NODE_NAME = 'node1'

const DAYS = '30'
const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** Those that call the API server with a kubeconfig of their own. */
const CALLERS: readonly Identity[] = [
  { name: 'admin', subject: '/O=system:masters/CN=admin' },
  { name: 'kube-controller-manager', subject: '/CN=system:kube-controller-manager' },
  { name: 'kube-scheduler', subject: '/CN=system:kube-scheduler' },
  { name: 'kube-proxy', subject: '/CN=system:kube-proxy' },
]

/**
 * Writes `ca.crt`, `NAME.crt`, `NAME.key`, `NAME.kubeconfig`, and `sa.key`, `sa.pub` for service account tokens into `folder`.
 * `server` is the API server's address as callers see it, `serviceIp` its address inside the cluster.
 */
export async function writePki(folder: string, server: URL, serviceIp: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeAuthority(folder)
  const host = server.hostname
  const apiServer = ['127.0.0.1', 'localhost', host, serviceIp, 'kubernetes.default.svc']
  const kubelet = {
    name: NODE_NAME,
    subject: `/O=system:nodes/CN=system:node:${NODE_NAME}`,
    serves: [host, NODE_NAME],
  }
  const servers = [
    { name: 'kube-apiserver', subject: '/CN=kube-apiserver', serves: [...new Set(apiServer)] },
    { name: 'front-proxy', subject: '/CN=front-proxy-client' },
  ]
  await Promise.all([...servers, kubelet, ...CALLERS].map((identity) => writeLeaf(folder, identity)))
  await Promise.all([kubelet, ...CALLERS].map(({ name }) => writeKubeconfig(folder, name, server)))
  await writeTokenKeys(folder)
}

async function writeAuthority(folder: string): Promise<void> {
  // The machine's openssl.cnf would add extensions of its own to what `req -x509` writes.
  await writeFile(path.join(folder, 'openssl.cnf'), '[req]\ndistinguished_name = empty\n[empty]\n')
  await request(folder, 'ca', '/CN=outrigger-test-ca', [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign,cRLSign,digitalSignature',
    'subjectKeyIdentifier=hash',
  ])
}

async function writeLeaf(folder: string, { name, subject, serves = [] }: Identity): Promise<void> {
  const names = serves.map((value) => `${isIP(value) === 0 ? 'DNS' : 'IP'}:${value}`)
  const extensions = [
    'extendedKeyUsage=serverAuth,clientAuth',
    ...(names.length === 0 ? [] : [`subjectAltName=${names.join(',')}`]),
  ]
  await request(folder, name, subject, extensions, ['-CA', 'ca.crt', '-CAkey', 'ca.key'])
}

async function request(
  folder: string,
  name: string,
  subject: string,
  extensions: readonly string[],
  issuer: readonly string[] = [],
): Promise<void> {
  const out = ['-keyout', `${name}.key`, '-out', `${name}.crt`, '-days', DAYS, '-subj', subject]
  const added = extensions.flatMap((extension) => ['-addext', extension])
  await run('openssl', ['req', '-x509', '-config', 'openssl.cnf', ...CURVE, ...out, ...issuer, ...added], {
    cwd: folder,
  })
}

async function writeTokenKeys(folder: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await writeFile(path.join(folder, 'sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  await writeFile(path.join(folder, 'sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
}

/** Holds all that it needs, so that it can be handed to a pod. JSON is YAML. */
async function writeKubeconfig(folder: string, name: string, server: URL): Promise<void> {
  const base64 = (file: string): Promise<string> => readFile(path.join(folder, file), 'base64')
  const cluster = { server: server.origin, 'certificate-authority-data': await base64('ca.crt') }
  const user = {
    'client-certificate-data': await base64(`${name}.crt`),
    'client-key-data': await base64(`${name}.key`),
  }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name, user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
    'current-context': 'test',
  }
  await writeFile(path.join(folder, `${name}.kubeconfig`), JSON.stringify(config), { mode: 0o600 })
}
