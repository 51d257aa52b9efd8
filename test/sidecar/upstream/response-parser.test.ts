import { expect, test } from '@jest/globals'
import { ResponseSyntaxError } from '../../../sidecar/upstream/response-head.ts'
import { type ResponseHandler, ResponseParser } from '../../../sidecar/upstream/response-parser.ts'
import { INVALID, VALID } from './answers.ts'

interface Reading {
  status: number
  rawHeaders: string[]
  bodyBytes: number | undefined
  body: string
  end: 'reusable' | 'spent' | 'open' | 'refused'
}

class Reader implements ResponseHandler {
  readonly reading: Reading = { status: 0, rawHeaders: [], bodyBytes: undefined, body: '', end: 'open' }
  readonly parser = new ResponseParser(this)

  constructor(method = 'POST') {
    this.parser.begin(method)
  }

  /** The piece is wiped afterwards, as the shared read buffer is by the next read. */
  push(piece: Buffer): void {
    const shared = Buffer.from(piece)
    try {
      this.parser.push(shared)
    } catch (error) {
      if (!(error instanceof ResponseSyntaxError)) throw error
      this.reading.end = 'refused'
    }
    shared.fill(0)
  }

  onHead(status: number, rawHeaders: string[], bodyBytes: number | undefined): void {
    Object.assign(this.reading, { status, rawHeaders, bodyBytes })
  }

  onBody(chunk: Buffer): void {
    expect(chunk.length).toBeGreaterThan(0)
    this.reading.body += chunk.toString('latin1')
  }

  onComplete(reusable: boolean): void {
    expect(this.reading.end).toBe('open')
    this.reading.end = reusable ? 'reusable' : 'spent'
  }
}

function read(pieces: readonly Buffer[], method?: string): Reading {
  const reader = new Reader(method)
  for (const piece of pieces) if (reader.reading.end !== 'refused') reader.push(piece)
  return reader.reading
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** In two pieces, cut at every byte, and byte by byte. */
function splits(bytes: Buffer): Buffer[][] {
  const cuts = Array.from(bytes, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)])
  return [...cuts.slice(1), Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))]
}

for (const { name, bytes, method, status, body, end } of VALID) {
  test(`reads: ${name}`, () => {
    const whole = read([bytesOf(bytes)], method)
    expect({ status: whole.status, body: whole.body, end: whole.end }).toEqual({ status, body, end })
    for (const pieces of splits(bytesOf(bytes))) expect(read(pieces, method)).toEqual(whole)
  })

  test(`does not take for whole what was cut: ${name}`, () => {
    const all = bytesOf(bytes)
    for (let length = 0; length < all.length; length++) {
      const reader = new Reader(method)
      reader.push(all.subarray(0, length))
      const cutBody = end === 'open' && reader.reading.status === status
      expect([length, reader.parser.close()]).toEqual([length, cutBody ? 'complete' : 'truncated'])
    }
  })
}

for (const { name, bytes, method } of INVALID) {
  test(`refuses: ${name}`, () => {
    expect(read([bytesOf(bytes)], method).end).toBe('refused')
    for (const pieces of splits(bytesOf(bytes))) expect(read(pieces, method).end).toBe('refused')
  })
}

test('headers keep their order, spelling and duplicates', () => {
  const { rawHeaders } = read([bytesOf('HTTP/1.1 200 OK\r\nB: 1\r\na:  2 \r\nb: 3\r\nContent-Length: 0\r\n\r\n')])
  expect(rawHeaders).toEqual(['B', '1', 'a', '2', 'b', '3', 'Content-Length', '0'])
})

test('the close of the provider ends an answer that only it can end, and makes the connection useless', () => {
  const reader = new Reader()
  reader.push(bytesOf('HTTP/1.1 200 OK\r\n\r\nsome'))
  expect([reader.parser.close(), reader.reading.end]).toEqual(['complete', 'spent'])
})

test('an interim answer is a byte of the answer: the request was seen', () => {
  const reader = new Reader()
  expect(reader.parser.begun).toBe(false)
  reader.push(bytesOf('HTTP/1.1 103 Early Hints\r\n\r\n'))
  expect([reader.parser.begun, reader.reading.status]).toEqual([true, 0])
})

test('nothing of one answer is left over in the next', () => {
  const reader = new Reader('HEAD')
  reader.push(bytesOf('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n'))
  expect(reader.reading.end).toBe('spent')
  reader.reading.end = 'open'
  reader.parser.begin('POST')
  expect(reader.parser.begun).toBe(false)
  reader.push(bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  expect([reader.reading.body, reader.reading.end]).toEqual(['ok', 'reusable'])
})

const BOUNDS: readonly [name: string, before: string, fill: string, bytesMax: number][] = [
  ['a head', 'HTTP/1.1 200 OK\r\nA: ', 'a', 64 * 1024],
  ['a trailer', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ', 'a', 16 * 1024],
  ['a chunk extension', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;', 'a', 4 * 1024],
]

for (const [name, before, fill, bytesMax] of BOUNDS) {
  test(`${name} may have ${bytesMax} bytes and is not kept beyond`, () => {
    const reader = new Reader()
    reader.push(bytesOf(before + fill.repeat(bytesMax - before.length)))
    expect(reader.reading.end).toBe('open')
    reader.push(bytesOf(fill.repeat(before.length + 4)))
    expect(reader.reading.end).toBe('refused')
  })
}

test('a body of many gigabytes is passed on and never kept', () => {
  const reader = new Reader()
  const piece = Buffer.alloc(1024 * 1024, 'x')
  let bytes = 0
  reader.onBody = (chunk) => {
    bytes += chunk.length
  }
  reader.parser.push(bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 8589934592\r\n\r\n'))
  for (let i = 0; i < 8192; i++) reader.parser.push(piece)
  expect([bytes, reader.reading.end]).toEqual([8589934592, 'reusable'])
})
