// Whether an API server would accept what a replica serves, decided as TLS does, but at the time of the test's clock.
import { X509Certificate } from 'node:crypto'
import { isIssuedBy, isValidAt, keyFit } from '../../../operator/certificates/certificate.ts'
import type { ServedCertificate } from '../../../operator/kube/certificates.ts'
import { type Cluster, HOST, type Replica } from './webhook-replica.ts'

/** With `bundle`, or else what the cluster's configuration says now. Undefined: it would be accepted. */
export function trustProblem(cluster: Cluster, { served }: Replica, bundle = cluster.bundle()): string | undefined {
  const last = served.at(-1)
  if (last === undefined) return 'nothing is served'
  const { leaf, problem, issuers } = timeless(last, bundle ?? '')
  if (problem !== undefined) return problem
  if (!isValidAt(leaf, cluster.nowMs)) return `not valid: ${leaf.validFrom} to ${leaf.validTo}`
  return issuers.some((ca) => isValidAt(ca, cluster.nowMs)) ? undefined : 'the issuer is not valid any more'
}

interface Timeless {
  leaf: X509Certificate
  problem: string | undefined
  issuers: X509Certificate[]
}

/** What does not change with time is looked at once: signatures take long. */
const known = new Map<string, Timeless>()

function timeless({ cert, key }: ServedCertificate, bundle: string): Timeless {
  const id = `${cert}${key.reveal()}${bundle}`
  const found = known.get(id)
  if (found !== undefined) return found
  const leaf = new X509Certificate(cert)
  const trusted = bundle.split(/(?<=-----END CERTIFICATE-----)\n/).filter((block) => block !== '')
  const issuers = trusted.map((block) => new X509Certificate(block)).filter((ca) => isIssuedBy(leaf, ca))
  const problem =
    (keyFit(leaf, key) !== 'Fits' && 'the key does not fit') ||
    (leaf.checkHost(HOST) === undefined && 'another name') ||
    (issuers.length === 0 && 'the issuer is not trusted') ||
    undefined
  known.set(id, { leaf, problem, issuers })
  return { leaf, problem, issuers }
}
