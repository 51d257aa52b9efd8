import { expect, test } from '@jest/globals'
import { closingResponse } from '../../../sidecar/listen/refuse.ts'

test.each([
  [404, 'HTTP/1.1 404 Not Found\r\n'],
  [529, 'HTTP/1.1 529 \r\n'],
])('the status line of %d', (status, line) => {
  const rest = 'connection: close\r\ncontent-length: 2\r\nx-a: b\r\n\r\n{}'
  expect(closingResponse(status, ['x-a', 'b'], Buffer.from('{}')).toString()).toBe(line + rest)
})
