// Asking sidecars by their addresses, over real sockets.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { askUrls } from '../../../cli/usage-urls.ts'
import { report } from './reports.ts'

let server: http.Server
let url: string
let answer: (path: string | undefined, response: http.ServerResponse) => void

beforeEach(async () => {
  server = http.createServer(({ url: path }, response) => answer(path, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

test.each(['', '/', '/below', '/below/'])('the page is asked for below what the URL names: "%s"', async (base) => {
  const paths: (string | undefined)[] = []
  answer = (path, response) => {
    paths.push(path)
    response.end(JSON.stringify(report()))
  }
  expect(await askUrls([`${url}${base}`])).toEqual([{ source: `${url}${base}`, report: report() }])
  expect(paths).toEqual([`${base.replace(/\/$/, '')}/usage`])
})

const FAULTS: [name: string, answer: typeof answer, why: string | RegExp][] = [
  ['an older sidecar', (_, response) => void response.writeHead(404).end('{}'), 'it answers 404'],
  ['no JSON', (_, response) => void response.end('<html>'), 'what answers there is no sidecar'],
  ['something else', (_, response) => void response.end('{"status":"ok"}'), 'what answers there is no sidecar'],
  ['a redirect', (_, response) => void response.writeHead(302, { location: '/other' }).end(), 'it answers 302'],
  ['a broken connection', (_, response) => void response.destroy(), 'socket hang up'],
  ['too much', (_, response) => void response.end(Buffer.alloc(17 * 1024 * 1024, ' ')), /more than a sidecar does/],
]

test.each(FAULTS)('what went wrong is told: %s', async (_name, fault, why) => {
  answer = fault
  expect(await askUrls([url])).toEqual([
    { source: url, why: typeof why === 'string' ? why : expect.stringMatching(why) },
  ])
})

test('so is that nobody listens', async () => {
  const closed = http.createServer()
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
  const { port } = closed.address() as AddressInfo
  await new Promise((resolve) => closed.close(resolve))
  expect(await askUrls([`http://127.0.0.1:${port}`])).toEqual([
    { source: `http://127.0.0.1:${port}`, why: expect.stringContaining('ECONNREFUSED') },
  ])
})
