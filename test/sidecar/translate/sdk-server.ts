// A provider's place on a real socket: answers every request with the writes it is given.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Answer {
  status: number
  contentType: string
  writes: readonly (string | Buffer)[]
  /** Settles when the write of this index may be sent; each is a network chunk of its own if the one before was read. */
  mayWrite?: (index: number) => Promise<void>
}

/** Runs `use` with the base URL of a server that answers so, and closes it afterwards. */
export async function withServer<T>(answer: Answer, use: (baseURL: string) => Promise<T>): Promise<T> {
  const server = createServer(async (request, response) => {
    request.resume()
    response.writeHead(answer.status, { 'content-type': answer.contentType })
    for (const [index, bytes] of answer.writes.entries()) {
      await answer.mayWrite?.(index)
      response.write(bytes)
    }
    response.end()
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
