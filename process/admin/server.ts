// The admin server: probes, metrics and status for the kubelet, Prometheus, the operator and people. A dozen requests a
// minute, so express, whose ecosystem helps, and whose cost does not matter here.
//
// In: functions that tell the state at this moment. Out: text, JSON, Prometheus text. Read-only: no route changes anything,
// and every other method is refused. It listens on the pod's IP, so nothing secret may come out of the functions that it
// is given. No check of a dependency belongs to `live`: a restart repairs no provider and no store.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express'
import type { Registry } from 'prom-client'
import type { Log } from '../log.ts'
import { allOk, type Check, type CheckKind, checksOf, plainVerdict } from './health.ts'
import { createScrape } from './scrape.ts'

/** What each tells is JSON and holds no secret. */
export interface AdminDeps {
  checks: () => readonly Check[]
  /** What `/health/detailed` adds to the checks. */
  details: () => object
  /** Pages of the process's own, by path; null is an answer, too. */
  pages: Readonly<Record<string, () => object | null>>
  registry: Registry
  log: Log
}

export interface AdminServer {
  /** Port 0 takes a free one. Rejects when the address cannot be bound. */
  listen(host: string, port: number): Promise<AddressInfo>
  /** Lets running answers end, for at most a second. */
  close(): Promise<void>
}

const CLOSE_MS = 1000

export function createAdminServer(deps: AdminDeps): AdminServer {
  // Nobody here sends a body or needs long; whoever does keeps a connection that a probe may need.
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 5_000, connectionsCheckingInterval: 5_000 })
  server.maxConnections = 128
  server.on('request', createApp(deps))
  return {
    listen: (host, port) => listen(server, host, port),
    close: () => close(server),
  }
}

function createApp(deps: AdminDeps): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.set('strict routing', true)
  app.set('case sensitive routing', true)
  app.use(commonHeaders)
  for (const [path, answer] of Object.entries(routes(deps))) {
    app.get(path, answer)
    app.all(path, methodNotAllowed)
  }
  app.use(notFound)
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    fail(deps.log, error, response)
  })
  return app
}

function routes(deps: AdminDeps): Record<string, RequestHandler> {
  const scrape = createScrape(deps.registry)
  const table: Record<string, RequestHandler> = {
    '/livez': plain('live', deps),
    '/readyz': plain('ready', deps),
    '/startupz': plain('startup', deps),
    '/health': health(deps),
    '/health/live': kindHealth('live', deps),
    '/health/ready': kindHealth('ready', deps),
    '/health/quick': (_request, response) => sendHealth(response, checksOf('ready', deps.checks()), {}),
    '/health/detailed': (_request, response) => {
      const checks = deps.checks()
      sendHealth(response, checksOf('ready', checks), { ...degradation(checks), checks, ...deps.details() })
    },
    '/metrics': async (_request, response) => {
      const text = await scrape()
      response.set('content-type', deps.registry.contentType).send(text)
    },
    '/metrics.json': async (_request, response) => {
      response.json(await deps.registry.getMetricsAsJSON())
    },
    ...Object.fromEntries(Object.entries(deps.pages).map(([path, state]) => [path, json(state)])),
  }
  const page = indexPage(Object.keys(table))
  return { '/': (_request, response) => void response.type('html').send(page), ...table }
}

function plain(kind: CheckKind, deps: AdminDeps): RequestHandler {
  return ({ query }, response) => {
    const { ok, text } = plainVerdict(kind, deps.checks(), {
      detail: query.verbose === undefined ? 'brief' : 'verbose',
      exclude: [query.exclude ?? []].flat().filter((name) => typeof name === 'string'),
    })
    response
      .status(ok ? 200 : 503)
      .type('text/plain')
      .send(text)
  }
}

function health(deps: AdminDeps): RequestHandler {
  return (_request, response) => {
    const checks = deps.checks()
    const of = (kind: CheckKind) => allOk(checksOf(kind, checks))
    const kinds = { live: of('live'), ready: of('ready'), startup: of('startup') }
    sendHealth(response, checksOf('ready', checks), { ...degradation(checks), ...kinds })
  }
}

function kindHealth(kind: CheckKind, deps: AdminDeps): RequestHandler {
  return (_request, response) => {
    const checks = checksOf(kind, deps.checks())
    sendHealth(response, checks, { checks: checks.map(({ name, ok, message }) => ({ name, ok, message })) })
  }
}

/** What no probe fails for, but people should know. */
function degradation(checks: readonly Check[]): { degraded?: string[] } {
  const ailing = checks.filter(({ ok, kinds }) => !ok && kinds.length === 0)
  return ailing.length === 0 ? {} : { degraded: ailing.map(({ message }) => message) }
}

function sendHealth(
  response: Response,
  checks: readonly Check[],
  details: { degraded?: string[]; [name: string]: unknown },
): void {
  const ok = allOk(checks)
  const well = details.degraded === undefined ? 'ok' : 'degraded'
  response.status(ok ? 200 : 503).json({ status: ok ? well : 'unavailable', ...details })
}

function json(state: () => object | null): RequestHandler {
  return (_request, response) => {
    response.json(state())
  }
}

function indexPage(paths: readonly string[]): string {
  const items = paths.map((path) => `<li><a href="${path}">${path}</a></li>`)
  return `<!doctype html>\n<title>Outrigger</title>\n<ul>\n${items.join('\n')}\n</ul>\n`
}

const commonHeaders: RequestHandler = (_request, response, next) => {
  response.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  next()
}

const methodNotAllowed: RequestHandler = (_request, response) => {
  response.status(405).set('allow', 'GET, HEAD').json({ error: 'method not allowed' })
}

const notFound: RequestHandler = (_request, response) => {
  response.status(404).json({ error: 'not found' })
}

/** Express marks what the client did wrong (a path that does not decode) with a 4xx status; the rest is our fault. */
function fail(log: Log, error: unknown, response: Response): void {
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 500
  if (status >= 400 && status < 500) {
    response.status(status).json({ error: 'bad request' })
    return
  }
  log.error('admin request failed', { error })
  if (response.headersSent) response.destroy()
  else response.status(500).json({ error: 'internal error' })
}

async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  // Without a host Node takes 0.0.0.0 where the kernel has no IPv6.
  server.listen(port, host === '::' ? undefined : host, resolve)
  await promise
  server.off('error', reject)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The admin server has no TCP address')
  return address
}

async function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  const cutOff = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
  await promise
  clearTimeout(cutOff)
}
