// What really passes on the wire between a client and a server: for what an SDK is meant to skip, and so never shows.
import { once } from 'node:events'
import net from 'node:net'
import { afterAll, beforeAll } from '@jest/globals'

export interface WireTap {
  /** Without a path: what is sent here goes to the server. */
  readonly url: string
  /** All that the server has sent since the last time, as latin1. */
  take(): string
}

/** A tap for this test file. Read it inside tests only. `serverUrl` is called when a client connects. */
export function wireTapForTests(serverUrl: () => string): () => WireTap {
  const open = new Set<net.Socket>()
  let seen = ''
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(new URL(serverUrl()).port), '127.0.0.1')
    upstream.on('data', (bytes) => {
      seen += bytes.toString('latin1')
    })
    client.pipe(upstream).pipe(client)
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(one)
      one.setNoDelay(true)
      // A reset is passed on: a clean end would turn a broken answer into a short one.
      one.on('error', () => other.resetAndDestroy())
      one.on('close', () => open.delete(one))
    }
  })
  beforeAll(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterAll(async () => {
    for (const socket of open) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return () => ({
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    take() {
      const taken = seen
      seen = ''
      return taken
    },
  })
}
