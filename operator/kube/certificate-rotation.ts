// Takes the self-made certificates one step on: does what decide.ts says, in the order that lets no client see a certificate which
// it does not trust yet. The Secret says where a rotation stands, so that another leader can go on with it.
//
// In: the Secret and the MutatingWebhookConfiguration as just read, and what this process serves. Out: both as they are then.
// Writes carry the resourceVersion that was read; a write that loses a race is dropped, and what the other wrote is used.
import type { Log } from '../../process/log.ts'
import {
  bundleOf,
  isCalled,
  issuerOf,
  patchOf,
  type ServiceName,
  trusts,
  type WebhookConfiguration,
} from '../certificates/bundle.ts'
import { type Decision, decideCertificates } from '../certificates/decide.ts'
import type { SecretContent } from '../certificates/secret-content.ts'
import type { CertificateSecret, StoredSecret } from './certificate-secret.ts'
import { issueCa, issueLeaf } from './issue-certificate.ts'
import type { OneObject, RequestLimits } from './one-object.ts'

export interface RotationOptions {
  secret: CertificateSecret
  configuration: OneObject<WebhookConfiguration>
  /** Whose certificate it is. */
  service: ServiceName
  /** What the certificate is for. */
  names: readonly string[]
  isLeader(): boolean
  now(): number
  log: Log
  limits: RequestLimits
}

/** The objects as they were read or written last; undefined when they are not there. */
export interface Seen {
  stored: StoredSecret | undefined
  configuration: WebhookConfiguration | undefined
}

/** API servers follow the configuration by a watch, usually within a fraction of a second. */
const SETTLE_MS = 10_000

export class CertificateRotation {
  readonly #options: RotationOptions
  /** The CA that every webhook was last seen to trust, and since when. */
  #trusted: { ca: string; sinceMs: number } | undefined
  #requested = false

  constructor(options: RotationOptions) {
    this.#options = options
  }

  /** The next step of a leader replaces the CA, after the end of a rotation that is under way. */
  request(): void {
    this.#requested = true
  }

  /** `held` is what this process serves. */
  async advance(seen: Seen, held: SecretContent | undefined): Promise<Seen> {
    // Whoever comes first may create the Secret, so that no process waits for a leader; all else is the leader's.
    const mayCreate = seen.stored === undefined && held === undefined
    if (!this.#options.isLeader() && !mayCreate) return seen
    const stored = await this.#prepare(seen.stored, held)
    if (stored === undefined || !this.#options.isLeader()) return { ...seen, stored }
    const configuration = await writeBundle(seen.configuration, stored.content, this.#options)
    return { stored: await this.#renewLeaf(stored, configuration), configuration }
  }

  /** What can be done before the bundle is written: it changes nothing for clients, or there is nothing to lose. */
  async #prepare(stored: StoredSecret | undefined, held: SecretContent | undefined): Promise<StoredSecret | undefined> {
    const decision = this.#decide(stored?.content)
    const { action } = decision
    if (action === 'Create' || action === 'RenewCa') {
      const base = action === 'RenewCa' ? stored?.content : held
      const written = await this.#write(stored, await this.#withNewCa(base), decision)
      this.#requested = false
      return written
    }
    if (action !== 'DropPreviousCa' || stored === undefined) return stored
    const { previousCa: _, ...rest } = stored.content
    return this.#write(stored, rest, decision)
  }

  #decide(content: SecretContent | undefined): Decision {
    const { now, names, isLeader } = this.#options
    const decision = decideCertificates(content, now(), names)
    // One rotation at a time: a replica may still serve what the previous CA issued.
    const busy = decision.urgency === 'Now' || content?.previousCa !== undefined
    if (!this.#requested || busy || !isLeader()) return decision
    return { action: 'RenewCa', reason: 'it was asked for', urgency: 'Due' }
  }

  /** Keeps what is served, if it can be: who still has the old bundle trusts it. */
  async #withNewCa(base: SecretContent | undefined): Promise<SecretContent> {
    const { now, names } = this.#options
    const ca = await issueCa(now())
    const authority = { ca: ca.cert, caKey: ca.key }
    const previousCa = base && issuerOf(base)
    if (base?.cert !== undefined && base.key !== undefined && previousCa !== undefined) {
      const kept = { cert: base.cert, key: base.key, ...authority, previousCa }
      if (decideCertificates(kept, now(), names).urgency === 'Due') return kept
    }
    const leaf = await issueLeaf(ca, names, now())
    return { cert: leaf.cert, key: leaf.key, ...authority }
  }

  async #renewLeaf(
    stored: StoredSecret,
    configuration: WebhookConfiguration | undefined,
  ): Promise<StoredSecret | undefined> {
    const { now, names } = this.#options
    const { content } = stored
    const settled = this.#isSettled(content, configuration)
    const decision = decideCertificates(content, now(), names)
    const { ca, caKey } = content
    if (decision.action !== 'RenewLeaf' || ca === undefined || caKey === undefined) return stored
    if (decision.urgency === 'Due' && !settled) return stored
    const leaf = await issueLeaf({ cert: ca, key: caKey }, names, now())
    return this.#write(stored, { ...content, cert: leaf.cert, key: leaf.key }, decision)
  }

  /** Whether all API servers can be expected to trust what the CA issues. */
  #isSettled({ ca = '' }: SecretContent, configuration: WebhookConfiguration | undefined): boolean {
    const { service, now } = this.#options
    if (!isCalled(configuration, service)) return true
    if (!trusts(configuration, service, ca)) this.#trusted = undefined
    else if (this.#trusted?.ca !== ca) this.#trusted = { ca, sinceMs: now() }
    return this.#trusted !== undefined && now() - this.#trusted.sinceMs >= SETTLE_MS
  }

  async #write(
    stored: StoredSecret | undefined,
    content: SecretContent,
    decision: Decision,
  ): Promise<StoredSecret | undefined> {
    const { secret, limits, log } = this.#options
    const written = await secret.write(stored, content, limits)
    if (written === undefined) return secret.read(limits)
    const { action, reason, urgency } = decision
    const note = { object: `Secret ${secret.place}`, action, reason }
    if (urgency === 'Due' || stored === undefined) log.info('webhook certificates were written', note)
    else log.warn('webhook certificates were unfit and were replaced', note)
    return written
  }
}

/** Writes the `caBundle` where it differs; gives the configuration as it is then. Rejects with the client's error. */
export async function writeBundle(
  found: WebhookConfiguration | undefined,
  content: SecretContent,
  options: Pick<RotationOptions, 'configuration' | 'service' | 'now' | 'log' | 'limits'>,
): Promise<WebhookConfiguration | undefined> {
  const { configuration, service, now, log, limits } = options
  const bundle = bundleOf(content, now())
  if (found === undefined || bundle === undefined) return found
  const operations = patchOf(found, service, bundle)
  if (operations.length === 0) return found
  const written = await configuration.patch(operations, limits)
  log.info('caBundle was written', { configuration: configuration.place })
  return written
}
