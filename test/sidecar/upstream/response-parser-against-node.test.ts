// Whatever node:http's client refuses is refused here too, and what both read they read alike. Where the parser is
// stricter, the case says so.
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type AnswerCase, INVALID, VALID } from './answers.ts'

let server: net.Server
let answer = ''

beforeAll(async () => {
  server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(Buffer.from(answer, 'latin1')))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterAll(() => {
  server.close()
})

type Outcome = 'refused' | { status: number; body: string }

/** An error after the answer (bytes that follow it) refuses it as well: the connection is dropped. */
async function readByNode({ bytes, method = 'POST' }: AnswerCase): Promise<Outcome> {
  answer = bytes
  const { port } = server.address() as net.AddressInfo
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const request = http.request({ host: '127.0.0.1', port, method, agent: false })
  let failed = false
  let answered = false
  request.on('error', () => {
    failed = true
    if (!answered) resolve('refused')
  })
  request.on('upgrade', (_response, socket) => {
    socket.destroy()
    resolve('refused')
  })
  request.on('response', (response) => {
    answered = true
    let body = ''
    response.setEncoding('latin1')
    response.on('data', (text: string) => {
      body += text
    })
    response.on('error', () => {})
    response.on('close', () => {
      setImmediate(() => resolve(failed || !response.complete ? 'refused' : { status: response.statusCode ?? 0, body }))
    })
  })
  request.end()
  return promise
}

test.each(VALID)('node:http reads the same: $name', async (valid) => {
  expect(await readByNode(valid)).toEqual({ status: valid.status, body: valid.body })
})

test.each(INVALID.filter(({ node }) => node === 'refuses'))('node:http refuses it too: $name', async (invalid) => {
  expect(await readByNode(invalid)).toBe('refused')
})

test.each(INVALID.filter(({ node }) => node === 'accepts'))('only node:http accepts: $name', async (invalid) => {
  expect(await readByNode(invalid)).not.toBe('refused')
})
