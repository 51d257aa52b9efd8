// The webhook: where the API server asks what to add to a pod. HTTPS only, HTTP/1.1, one path; all decisions are in inject/.
//
// In: AdmissionReviews of pods that ask for a sidecar. Out: for each a patch, or a refusal with a sentence for the pod's author.
// While it does not answer, no such pod can be created (failurePolicy Fail), so: a fault of ours refuses that one pod and
// is logged, the certificate is exchanged without closing a connection, and on the way out it goes on answering until the
// API server has heard that it is leaving. It asks nobody and writes nothing: every replica answers, leader or not. Anybody
// who reaches the port may ask; that tells them how a pod would be injected, which the chart's values say as well.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { SecretValue } from '../contract/secret.ts'
import type { Address } from '../process/flag.ts'
import type { Log } from '../process/log.ts'
import { BODY_LIMITS, type BodyReader, createBodyReader } from './admission-body.ts'
import { type AdmissionRequest, parseAdmissionReview, renderAnswer, renderRefusal } from './inject/admission-review.ts'
import { type Injection, inject } from './inject/inject.ts'
import type { InjectionSettings } from './inject/settings.ts'

export type AdmissionResult = 'Injected' | 'Unchanged' | 'Refused' | 'Failed'

export interface ServingCertificate {
  /** PEM: the leaf, and what lies between it and the CA. */
  cert: string
  /** PEM. */
  key: SecretValue
}

export interface WebhookOptions {
  address: Address
  /** Asked at the start, and whenever `swapCertificate` is called. */
  certificate(): ServingCertificate
  /** Asked for every pod. */
  settings(): InjectionSettings
  admitted(result: AdmissionResult): void
  log: Log
  /** `close` goes on accepting connections until this resolves: when the Service's endpoint is gone everywhere. */
  linger(): Promise<unknown>
}

export interface Webhook {
  readonly port: number
  /** New connections get the certificate that is there now. Throws when it cannot be used; then the last one stays. */
  swapCertificate(): void
  /** Resolves when all requests are answered. */
  close(): Promise<void>
}

/** Longer than the API server keeps an idle connection (90 s), so that it never sends a request on one that we just closed. */
const KEEP_ALIVE_MS = 120_000
/** The API server waits for 10 s. */
const REQUEST_MS = 10_000
/** Answers are computed at once; what is still open then is a client that does not read. */
const CUT_OFF_MS = 1000

/** Rejects when the address cannot be bound or the certificate cannot be used. */
export async function startWebhook(options: WebhookOptions): Promise<Webhook> {
  let closing = false
  const server = createServer(
    {
      ...pemOf(options.certificate()),
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    createListener(options, () => closing),
  )
  server.maxConnections = 1000
  server.on('tlsClientError', (error) => options.log.debug('a connection to the webhook failed', { error }))
  const port = await listen(server, options.address)
  return {
    port,
    swapCertificate: () => server.setSecureContext(pemOf(options.certificate())),
    async close() {
      closing = true
      await options.linger()
      await end(server)
    },
  }
}

function pemOf({ cert, key }: ServingCertificate): { cert: string; key: string } {
  // Node would serve without a certificate, and fail every handshake.
  if (cert === '') throw new Error('the certificate of the webhook is empty')
  return { cert, key: key.reveal() }
}

function createListener(options: WebhookOptions, closing: () => boolean): RequestListener {
  const readBody = createBodyReader(BODY_LIMITS)
  return (request, response) => {
    // Whoever sends the next request then takes another connection, and so, while we leave, another replica.
    if (closing()) response.setHeader('connection', 'close')
    response.setHeader('cache-control', 'no-store')
    respond(request, response, { ...options, readBody }).catch((error: unknown) => {
      options.log.error('an admission request could not be answered', { error })
      response.destroy()
    })
  }
}

interface Deps extends WebhookOptions {
  readBody: BodyReader
}

async function respond(request: IncomingMessage, response: ServerResponse, deps: Deps): Promise<void> {
  const [path] = (request.url ?? '').split('?')
  const method = path === '/inject' ? 'POST' : path === '/readyz' ? 'GET' : undefined
  if (method === undefined) return sendText(response, 404, 'not found')
  if (request.method !== method) return sendText(response.setHeader('allow', method), 405, 'method not allowed')
  if (path === '/readyz') return sendText(response, 200, 'ok')
  const body = await deps.readBody(request)
  // The rest of such a body is not read, so the connection cannot go on.
  if ('problem' in body) return sendProblem(response.setHeader('connection', 'close'), body.status, body.problem, deps)
  const parsed = parseAdmissionReview(body.text)
  if ('problem' in parsed) return sendProblem(response, 400, parsed.problem, deps)
  response.setHeader('content-type', 'application/json').end(answer(parsed.request, deps))
}

function sendProblem(response: ServerResponse, status: number, problem: string, deps: Deps): void {
  deps.admitted('Failed')
  deps.log.warn('this is no admission request', { status, problem })
  sendText(response, status, problem)
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.writeHead(status).end(`${text}\n`)
}

function answer(request: AdmissionRequest, options: WebhookOptions): string {
  const { uid, namespace, podName } = request
  try {
    const injection: Injection = request.creates
      ? inject(request.pod, options.settings())
      : { outcome: 'NotAsked', warnings: [] }
    note(request, injection, options)
    return renderAnswer(uid, injection)
  } catch (error) {
    options.admitted('Failed')
    options.log.error('a pod could not be injected', { namespace, pod: podName, error })
    const { message } = error as Error
    return renderRefusal(uid, { code: 500, message: `a fault of Outrigger's own, see the operator's log: ${message}` })
  }
}

function note({ namespace, podName }: AdmissionRequest, injection: Injection, options: WebhookOptions): void {
  const { outcome } = injection
  const fields = { namespace, pod: podName, outcome }
  if (outcome === 'Refused') options.log.info('pod refused', { ...fields, reason: injection.message })
  else options.log.debug('pod admitted', fields)
  options.admitted(outcome === 'Injected' || outcome === 'Refused' ? outcome : 'Unchanged')
}

async function listen(server: Server, { host, port }: Address): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  // Without a host Node takes 0.0.0.0 where the kernel has no IPv6.
  server.listen(port, host === '::' ? undefined : host, resolve)
  await promise
  server.off('error', reject)
  return (server.address() as AddressInfo).port
}

async function end(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  // Idle connections end with this, too.
  server.close(() => resolve())
  const cutOff = setTimeout(() => server.closeAllConnections(), CUT_OFF_MS)
  await promise
  clearTimeout(cutOff)
}
