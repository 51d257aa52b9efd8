import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { AnswerBudget } from '../../../sidecar/listen/answer-budget.ts'
import { BodyBudget } from '../../../sidecar/listen/body-budget.ts'
import { HttpExchange } from '../../../sidecar/listen/http-exchange.ts'

const open: { destroy(): void }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.destroy()
})

/** The exchange of a client that reads nothing, and the sidecar's end of its socket. */
async function unreadExchange(): Promise<{ exchange: HttpExchange; socket: net.Socket }> {
  const server = http.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  open.push(client, { destroy: () => server.close() })
  client.pause()
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const options = {
    body: { bytesMax: 1024, budget: new BodyBudget(1024) },
    answers: new AnswerBudget(1024),
    closing: { lastAnswers: false },
  }
  return new Promise((resolve) => {
    server.once('request', (request, response) => {
      resolve({ exchange: new HttpExchange(request, response, 'id', options), socket: request.socket })
    })
  })
}

test('a reply that was broken off waits for a client that does not read, but not for ever', async () => {
  const { exchange, socket } = await unreadExchange()
  exchange.begin(200, [], undefined)
  while (exchange.write(Buffer.alloc(1024 * 1024))) await new Promise((resolve) => setImmediate(resolve))
  exchange.break()
  expect(socket.destroyed).toBe(false)
  expect(socket.timeout).toBeGreaterThan(0)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  // What its timer will say.
  socket.emit('timeout')
  await closed
})
