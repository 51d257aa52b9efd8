// The certificate that the webhook serves: follows its Secret through the API and hands on what is new, without a restart. A mounted
// volume would lag behind by a minute and more.
//
// Three origins. SelfSigned: the operator makes the Secret, rotates it and tells API servers whom to trust (certificate-rotation.ts).
// CertManager: cert-manager does all three; nothing is written. Secret: somebody else keeps it; if it has a `ca.crt`, that becomes the
// `caBundle`, and whoever replaces that CA puts the old and the new one into it for a while.
//
// Everything is read again every 10 s; watches only make it sooner. What is served stays until there is something better: a
// Secret that is gone or damaged changes nothing, and a certificate whose CA the webhooks do not trust yet waits.
import type { SecretValue } from '../../contract/secret.ts'
import type { Log } from '../../process/log.ts'
import {
  isCalled,
  issuerOf,
  type ServiceName,
  serviceProblem,
  trusts,
  type WebhookConfiguration,
} from '../certificates/bundle.ts'
import { notAfterMs, readCertificate, serviceNames } from '../certificates/certificate.ts'
import { servingProblem } from '../certificates/decide.ts'
import type { SecretContent } from '../certificates/secret-content.ts'
import { messageOf } from './answer-status.ts'
import { CertificateRotation, type RotationOptions, type Seen, writeBundle } from './certificate-rotation.ts'
import { certificateSecret } from './certificate-secret.ts'
import type { KubeClient } from './client.ts'
import { createHintWatch, type HintWatch } from './hint-watch.ts'
import { oneObject } from './one-object.ts'
import { MUTATING_WEBHOOK_CONFIGURATIONS } from './resource.ts'
import { createPause, type Pause, type SetTimer, setTimer } from './timer.ts'

export type CertificateMode = 'SelfSigned' | 'CertManager' | 'Secret'

export interface ServedCertificate {
  /** PEM, with its chain. */
  cert: string
  key: SecretValue
}

export interface CertificatesOptions {
  client: KubeClient
  mode: CertificateMode
  /** Of the Secret and the Service. */
  namespace: string
  secretName: string
  serviceName: string
  /** Name of the MutatingWebhookConfiguration. It may be missing. */
  webhookConfiguration: string
  isLeader(): boolean
  /** Milliseconds since the epoch. */
  now(): number
  log: Log
  /** There is another certificate to serve, from the next handshake on. */
  onCertificate(certificate: ServedCertificate): void
  startTimer?: SetTimer
}

export interface Certificates {
  /** Resolves with the first certificate. */
  readonly ready: Promise<void>
  /** End of what is served, milliseconds since the epoch; undefined before `ready`. */
  expiresAtMs(): number | undefined
  /** Looks now; resolves when what it found has been handed on. */
  check(): Promise<void>
  /**
   * Replaces the self-made CA, and then the certificate, as if it was time for it; on a leader only. A rotation that is under
   * way is finished first, which takes a day.
   */
  rotateNow(): void
  close(): void
}

const POLL_MS = 10_000
/** While nothing is served, or something failed. */
const RETRY_MS = 1_000
/** Somebody who undoes what we write must not keep us busy. */
const GAP_MS = 200
const REQUEST_TIMEOUT_MS = 5_000

export function startCertificates(options: CertificatesOptions): Certificates {
  const certificates = new WebhookCertificates(options)
  void certificates.follow()
  return certificates
}

class WebhookCertificates implements Certificates {
  readonly #options: CertificatesOptions
  readonly #service: ServiceName
  readonly #objects: RotationOptions
  readonly #rotation: CertificateRotation
  readonly #watches: { secret: HintWatch; configuration: HintWatch }
  readonly #pause: Pause
  readonly #startTimer: SetTimer
  readonly #closing = new AbortController()
  readonly #first = Promise.withResolvers<void>()
  #running: Promise<void> = Promise.resolve()
  #held: { content: SecretContent; expiresAtMs: number } | undefined
  /** What was complained about last. */
  #complaint = ''

  constructor(options: CertificatesOptions) {
    const { client, namespace, serviceName, log } = options
    this.#options = options
    this.#startTimer = options.startTimer ?? setTimer
    this.#pause = createPause(this.#startTimer)
    this.#service = { name: serviceName, namespace }
    this.#objects = {
      ...options,
      secret: certificateSecret(client, namespace, options.secretName),
      configuration: oneObject(client, MUTATING_WEBHOOK_CONFIGURATIONS, { name: options.webhookConfiguration }),
      service: this.#service,
      names: serviceNames(serviceName, namespace),
      limits: { timeoutMs: REQUEST_TIMEOUT_MS, signal: this.#closing.signal },
    }
    this.#rotation = new CertificateRotation(this.#objects)
    const onEvent = (): void => this.#pause.wake()
    this.#watches = {
      secret: createHintWatch({ object: this.#objects.secret, onEvent, log }),
      configuration: createHintWatch({ object: this.#objects.configuration, onEvent, log }),
    }
  }

  get ready(): Promise<void> {
    return this.#first.promise
  }

  expiresAtMs(): number | undefined {
    return this.#held?.expiresAtMs
  }

  rotateNow(): void {
    this.#rotation.request()
    this.#pause.wake()
  }

  check(): Promise<void> {
    this.#running = this.#running.then(() => this.#look())
    return this.#running
  }

  async follow(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await this.check()
      await new Promise<void>((resolve) => this.#startTimer(resolve, GAP_MS))
      await this.#pause.wait(this.#held === undefined || this.#complaint !== '' ? RETRY_MS : POLL_MS)
    }
  }

  close(): void {
    this.#closing.abort()
    this.#watches.secret.close()
    this.#watches.configuration.close()
    this.#pause.wake()
  }

  async #look(): Promise<void> {
    if (this.#closing.signal.aborted) return
    try {
      const { stored, configuration } = await this.#settle()
      if (this.#closing.signal.aborted) return
      this.#complain(this.#adopt(stored?.content, configuration) ?? serviceProblem(configuration, this.#service))
      this.#watches.secret.open(stored?.shell.metadata.resourceVersion)
      if (this.#readsConfiguration()) this.#watches.configuration.open(configuration?.metadata.resourceVersion)
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#complain(messageOf(error))
    }
  }

  /** Reads both objects, and writes what is this process's to write. */
  async #settle(): Promise<Seen> {
    const { mode, isLeader } = this.#options
    const { secret, configuration: access, limits } = this.#objects
    const stored = await secret.read(limits)
    // Nothing else is needed to begin: what may fail comes after it.
    if (this.#held === undefined && stored !== undefined) this.#adopt(stored.content, undefined)
    const configuration = this.#readsConfiguration() ? await access.read(limits) : undefined
    if (mode === 'SelfSigned') return this.#rotation.advance({ stored, configuration }, this.#held?.content)
    if (stored === undefined || !isLeader()) return { stored, configuration }
    return { stored, configuration: await writeBundle(configuration, stored.content, this.#objects) }
  }

  #readsConfiguration(): boolean {
    return this.#options.mode !== 'CertManager' && this.#options.webhookConfiguration !== ''
  }

  /** Gives what is wrong, for people. */
  #adopt(content: SecretContent | undefined, configuration: WebhookConfiguration | undefined): string | undefined {
    const nowMs = this.#options.now()
    const problem = content === undefined ? 'there is no Secret' : servingProblem(content, nowMs)
    const leaf = readCertificate(content?.cert)
    if (content?.cert === undefined || content.key === undefined || leaf === undefined || problem !== undefined) {
      return problem
    }
    if (this.#isServed(content)) {
      // The CA that issued what is served may have become the previous one.
      if (issuerOf(content) !== undefined) this.#held = { content, expiresAtMs: notAfterMs(leaf) }
      return undefined
    }
    if (this.#held !== undefined && nowMs < this.#held.expiresAtMs && !this.#isTrusted(content, configuration)) {
      return 'the webhooks do not trust the CA of tls.crt yet'
    }
    this.#held = { content, expiresAtMs: notAfterMs(leaf) }
    const expires = leaf.validToDate.toISOString()
    this.#options.log.info('webhook certificate in use', { object: `Secret ${this.#objects.secret.place}`, expires })
    this.#options.onCertificate({ cert: content.cert, key: content.key })
    this.#first.resolve()
    return undefined
  }

  #isServed({ cert, key }: SecretContent): boolean {
    const held = this.#held?.content
    return held?.cert === cert && held?.key?.reveal() === key?.reveal()
  }

  #isTrusted(content: SecretContent, configuration: WebhookConfiguration | undefined): boolean {
    const { mode } = this.#options
    if (mode === 'CertManager' || !isCalled(configuration, this.#service)) return true
    const ca = mode === 'SelfSigned' ? issuerOf(content) : (content.ca ?? '')
    return ca !== undefined && trusts(configuration, this.#service, ca)
  }

  /** Once for each new problem; undefined: all is well. */
  #complain(problem: string | undefined): void {
    const { secret } = this.#objects
    if (problem !== undefined && problem !== this.#complaint) {
      this.#options.log.warn('the webhook certificate has a problem', {
        object: `Secret ${secret.place}`,
        reason: problem,
      })
    }
    this.#complaint = problem ?? ''
  }
}
