// The webhook over TLS, asked as an API server asks.
import { once } from 'node:events'
import https from 'node:https'
import { connect, type TLSSocket } from 'node:tls'
import { afterEach, beforeAll, expect, test } from '@jest/globals'
import { BODY_LIMITS } from '../../operator/admission-body.ts'
import { type Issued, issueCa, issueLeaf } from '../../operator/kube/issue-certificate.ts'
import { startWebhook, type Webhook, type WebhookOptions } from '../../operator/webhook.ts'
import { recordedLog } from '../support/recorded-log.ts'
import { type Case, readCases, USUAL_SETTINGS } from './inject/cases.ts'

const NAME = 'outrigger.outrigger.svc'
const CASES = new Map(readCases().map((each) => [each.file, each]))

let ca: Issued
let first: Issued
let second: Issued

beforeAll(async () => {
  ca = await issueCa(Date.now())
  first = await issueLeaf(ca, [NAME], Date.now())
  second = await issueLeaf(ca, [NAME], Date.now())
})

const running: Webhook[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((webhook) => webhook.close()))
})

test('a pod gets its patch, in base64', async () => {
  const { port, seen } = await start()
  const answer = await review(port, { object: pod('job.yaml') })
  expect(answer).toMatchObject({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid: 'f0', allowed: true, patchType: 'JSONPatch' },
  })
  const paths = patchOf(answer).map(({ path }) => path)
  expect(paths).toEqual([
    '/spec/containers/0/env',
    '/spec/volumes',
    '/spec/initContainers',
    '/metadata/annotations/outrigger.dev~1injected',
  ])
  expect(answer.response).not.toHaveProperty('warnings')
  expect(seen).toEqual({ results: ['Injected'] })
})

test('what a pod should know about goes with it', async () => {
  const { port } = await start()
  const { response } = await review(port, { object: pod('shared-processes.yaml') })
  expect(response).toMatchObject({ allowed: true, warnings: CASES.get('shared-processes.yaml')?.expected.warnings })
})

test('a pod that has everything gets no patch', async () => {
  const { port, seen } = await start()
  const { response } = await review(port, { object: pod('already-injected.yaml') })
  expect(response).toEqual({ uid: 'f0', allowed: true })
  expect(seen).toEqual({ results: ['Unchanged'] })
})

test('a pod that cannot be injected is refused with a sentence for its author', async () => {
  const { port, seen, log } = await start()
  const { response } = await review(port, { object: pod('windows.yaml') })
  const message = CASES.get('windows.yaml')?.expected.message
  const status = { status: 'Failure', code: 403, reason: 'Forbidden', message }
  expect(response).toEqual({ uid: 'f0', allowed: false, status })
  expect(seen).toEqual({ results: ['Refused'] })
  expect(log.lines).toEqual([
    {
      level: 'info',
      message: 'pod refused',
      fields: { namespace: 'shop', pod: 'shop', outcome: 'Refused', reason: message },
    },
  ])
})

test('nothing comes of a dry run', async () => {
  const { port, seen } = await start()
  const { response } = await review(port, { object: pod('job.yaml'), dryRun: true })
  expect(response).toMatchObject({ allowed: true, patchType: 'JSONPatch' })
  expect(seen).toEqual({ results: ['Injected'] })
})

test.each([
  ['an update', { operation: 'UPDATE' }],
  ['a subresource', { subResource: 'ephemeralcontainers' }],
  ['a deletion, which has no object', { operation: 'DELETE', object: null }],
])('%s is none of its business', async (_what, changed) => {
  const { port, seen } = await start()
  const { response } = await review(port, { object: pod('job.yaml'), ...changed })
  expect(response).toEqual({ uid: 'f0', allowed: true })
  expect(seen.results).toEqual(['Unchanged'])
})

test('a fault of ours refuses the pod, is logged once, and ends there', async () => {
  let broken = true
  const { port, seen, log } = await start({
    settings: () => {
      if (broken) throw new Error('no settings')
      return USUAL_SETTINGS
    },
  })
  const failed = await review(port, { object: pod('deployment.yaml') })
  expect(failed.response).toMatchObject({
    uid: 'f0',
    allowed: false,
    status: { code: 500, reason: 'InternalError', message: expect.stringContaining('no settings') },
  })
  const fields = { namespace: 'shop', pod: 'shop-7c9d8b6f5-*', error: expect.any(Error) }
  expect(log.lines).toEqual([{ level: 'error', message: 'a pod could not be injected', fields }])
  broken = false
  expect((await review(port, { object: pod('deployment.yaml') })).response).toMatchObject({ allowed: true })
  expect(seen.results).toEqual(['Failed', 'Injected'])
})

const REQUEST = { uid: 'f0', kind: { kind: 'Pod' }, operation: 'CREATE', object: {} }
const REVIEW = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: REQUEST }

test.each<[problem: string, body: string]>([
  ['the body is no JSON object', ''],
  ['the body is no JSON object', '{"apiVersion":'],
  ['the body is no JSON object', '[]'],
  ['expected apiVersion admission.k8s.io/v1 and kind AdmissionReview', '{}'],
  [
    'expected apiVersion admission.k8s.io/v1 and kind AdmissionReview',
    JSON.stringify({ ...REVIEW, apiVersion: 'admission.k8s.io/v1beta1' }),
  ],
  ['request.uid is missing', JSON.stringify({ ...REVIEW, request: { ...REQUEST, uid: '' } })],
  ['request.uid is missing', JSON.stringify({ ...REVIEW, request: null })],
  [
    'request.kind.kind: expected Pod, not Deployment',
    JSON.stringify({ ...REVIEW, request: { ...REQUEST, kind: { kind: 'Deployment' } } }),
  ],
  ['request.object is missing', JSON.stringify({ ...REVIEW, request: { ...REQUEST, object: null } })],
])('says what is wrong: %s', async (problem, body) => {
  const { port, seen } = await start()
  expect(await post(port, body)).toMatchObject({ status: 400, text: `${problem}\n` })
  expect(seen.results).toEqual(['Failed'])
})

test('a body that is too large is refused, with and without its length', async () => {
  const { port } = await start()
  const body = ' '.repeat(BODY_LIMITS.bytesMax + 1)
  const expected = { status: 413, text: `expected at most ${BODY_LIMITS.bytesMax} bytes\n` }
  expect(await send(port, { method: 'POST', headers: { 'content-length': String(body.length) } }, '')).toMatchObject(
    expected,
  )
  expect(await send(port, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } }, body)).toMatchObject(
    expected,
  )
})

test('bodies that are announced and do not come take no more than their share', async () => {
  const { port } = await start()
  const count = Math.floor(BODY_LIMITS.totalBytesMax / BODY_LIMITS.bytesMax)
  const head = `POST /inject HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${BODY_LIMITS.bytesMax}\r\nexpect: 100-continue\r\n\r\n`
  const held = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = await open(port)
      socket.write(head)
      // 100 Continue: it is being read.
      await once(socket, 'data')
      return socket
    }),
  )
  expect(await post(port, '{}')).toMatchObject({ status: 503, text: 'too many requests at a time, try again\n' })
  for (const socket of held) socket.destroy()
  await eventually(async () => (await post(port, '{}')).status === 400)
})

test.each([
  [404, { path: '/' }],
  [404, { path: '/inject/', method: 'POST' }],
  [405, { path: '/inject', method: 'GET' }],
  [405, { path: '/readyz', method: 'POST' }],
  [415, { path: '/inject', method: 'POST', headers: { 'content-type': 'text/plain' } }],
  [200, { path: '/readyz', method: 'GET' }],
  [400, { path: '/inject?timeout=10s', method: 'POST' }],
])('answers %i to %j', async (status, options) => {
  const { port } = await start()
  expect(await send(port, options, '')).toMatchObject({ status })
})

test('a new certificate is for new connections; open ones go on', async () => {
  let current = first
  const { port, webhook } = await start({ certificate: () => current })
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
  const before = await send(port, { method: 'POST', agent }, '{}')
  current = second
  webhook.swapCertificate()
  const same = await send(port, { method: 'GET', path: '/readyz', agent }, '')
  expect(same).toMatchObject({ status: 200, reused: true, serialNumber: before.serialNumber })
  const other = await send(port, { method: 'GET', path: '/readyz' }, '')
  expect(other.status).toBe(200)
  expect(other.serialNumber).not.toBe(before.serialNumber)
  agent.destroy()
})

test('a certificate that cannot be used leaves the last one', async () => {
  let current = first
  const { port, webhook } = await start({ certificate: () => current })
  current = { ...second, cert: 'nonsense' }
  expect(() => webhook.swapCertificate()).toThrow()
  current = { cert: second.cert, key: first.key }
  expect(() => webhook.swapCertificate()).toThrow()
  expect(await send(port, { method: 'GET', path: '/readyz' }, '')).toMatchObject({ status: 200 })
})

test('does not start with a certificate that cannot be used', async () => {
  await expect(start({ certificate: () => ({ ...first, cert: '' }) })).rejects.toThrow()
})

test('a client that speaks no TLS, or leaves in the middle, disturbs nobody', async () => {
  const { port, log } = await start()
  const socket = await open(port)
  socket.write('POST /inject HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{')
  socket.destroy()
  const plain = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => 'failed')
  expect(plain).toBe('failed')
  expect((await review(port, { object: pod('job.yaml') })).response).toMatchObject({ allowed: true })
  expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])
})

test('while it leaves it answers, and asks for other connections', async () => {
  const left = Promise.withResolvers<void>()
  const { port, webhook } = await start({ linger: () => left.promise })
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
  expect(await send(port, { method: 'GET', path: '/readyz', agent }, '')).toMatchObject({
    status: 200,
    connection: 'keep-alive',
  })
  const closed = webhook.close()
  const last = await send(port, { method: 'GET', path: '/readyz', agent }, '')
  expect(last).toMatchObject({ status: 200, connection: 'close', reused: true })
  left.resolve()
  await closed
  await expect(send(port, { method: 'GET', path: '/readyz' }, '')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  agent.destroy()
})

test('a request that has begun is answered before it closes', async () => {
  const { port, webhook } = await start()
  const body = JSON.stringify({ ...REVIEW, request: { ...REQUEST, object: pod('job.yaml') } })
  const socket = await open(port)
  const head = `POST /inject HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nexpect: 100-continue\r\n\r\n`
  socket.write(head)
  await once(socket, 'data')
  const closed = webhook.close()
  socket.write(body)
  const chunks: Buffer[] = []
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk)
  expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1.1 200 [\s\S]*"allowed":true/)
  await closed
})

interface Seen {
  results: string[]
}

async function start(options: Partial<WebhookOptions> = {}) {
  const log = recordedLog()
  const seen: Seen = { results: [] }
  const webhook = await startWebhook({
    address: { host: '127.0.0.1', port: 0 },
    certificate: () => first,
    settings: () => USUAL_SETTINGS,
    admitted: (result) => seen.results.push(result),
    log,
    linger: async () => undefined,
    ...options,
  })
  running.push(webhook)
  // Details of admitted pods and broken connections are for debugging.
  const lines = log.lines
  return {
    webhook,
    port: webhook.port,
    seen,
    log: {
      get lines() {
        return lines.filter(({ level }) => level !== 'debug')
      },
    },
  }
}

function pod(file: string): Case['pod'] {
  const found = CASES.get(file)
  if (found === undefined) throw new Error(`there is no case ${file}`)
  return found.pod
}

interface Answer {
  response: { patch?: string }
}

async function review(port: number, request: object): Promise<Answer> {
  const namespace = 'shop'
  const { status, text } = await post(
    port,
    JSON.stringify({ ...REVIEW, request: { ...REQUEST, namespace, ...request } }),
  )
  expect(status).toBe(200)
  return JSON.parse(text) as Answer
}

function patchOf({ response }: Answer): { path: string }[] {
  return JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString()) as { path: string }[]
}

interface Received {
  status: number | undefined
  text: string
  connection: string | undefined
  serialNumber: string
  reused: boolean
}

function post(port: number, body: string): Promise<Received> {
  return send(port, { method: 'POST' }, body)
}

/** As an API server does: by the Service's name, trusting our CA only. */
async function send(port: number, options: https.RequestOptions, body: string): Promise<Received> {
  const { promise, resolve, reject } = Promise.withResolvers<Received>()
  const headers = { 'content-type': 'application/json', ...options.headers }
  const to = { host: '127.0.0.1', port, servername: NAME, ca: ca.cert, path: '/inject', agent: false as const }
  const request = https.request({ ...to, ...options, headers }, async (response) => {
    const { serialNumber } = (response.socket as TLSSocket).getPeerCertificate()
    const chunks: Buffer[] = []
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
    resolve({
      status: response.statusCode,
      text: Buffer.concat(chunks).toString(),
      connection: response.headers.connection,
      serialNumber,
      reused: request.reusedSocket,
    })
  })
  // Also when the answer came before the body was sent, and the connection is gone.
  request.on('error', reject)
  request.end(body)
  return await promise
}

async function open(port: number): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, servername: NAME, ca: ca.cert })
  socket.on('error', () => undefined)
  await once(socket, 'secureConnect')
  return socket
}

async function eventually(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 20))
}
