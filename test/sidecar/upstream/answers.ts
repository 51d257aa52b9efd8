// Answers as a provider could put them on the wire, valid and not, with what is to be made of them. Read twice: by the
// parser's own test, split at every byte, and by the one that compares it with node:http's client.

export interface AnswerCase {
  name: string
  /** latin1. */
  bytes: string
  method?: string
}

export interface ValidAnswer extends AnswerCase {
  status: number
  body: string
  /** `open`: it lasts until the provider closes. */
  end: 'reusable' | 'spent' | 'open'
}

export interface InvalidAnswer extends AnswerCase {
  /** What node:http's client makes of it: nearly always the same. */
  node: 'refuses' | 'accepts'
}

const OK = 'HTTP/1.1 200 OK\r\n'
const LENGTH_2 = 'Content-Length: 2\r\n\r\nok'
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`
const LAST = '0\r\n\r\n'
const TWO = '2\r\nok\r\n'

function valid(name: string, bytes: string, rest: Partial<ValidAnswer> = {}): ValidAnswer {
  return { name, bytes, status: 200, body: 'ok', end: 'reusable', ...rest }
}

function invalid(name: string, bytes: string, rest: Partial<InvalidAnswer> = {}): InvalidAnswer {
  return { name, bytes, node: 'refuses', ...rest }
}

export const VALID: readonly ValidAnswer[] = [
  valid('a length', OK + LENGTH_2),
  valid('a length of 0', `${OK}Content-Length: 0\r\n\r\n`, { body: '' }),
  valid('a length with a leading zero', `${OK}Content-Length: 02\r\n\r\nok`),
  valid('no reason phrase', `HTTP/1.1 200\r\n${LENGTH_2}`),
  valid('an empty reason phrase', `HTTP/1.1 200 \r\n${LENGTH_2}`),
  valid('a reason phrase in obsolete text', `HTTP/1.1 200 O\xe9K\r\n${LENGTH_2}`),
  valid('a status that nobody registered', `HTTP/1.1 529 Overloaded\r\n${LENGTH_2}`, { status: 529 }),
  valid('names in any case', `${OK}CONTENT-length: 2\r\n\r\nok`),
  valid('white space around values, or none', `${OK}A:b\r\nC:\t d \t\r\nD:\r\nContent-Length:2  \r\n\r\nok`),
  valid('obsolete text in a value', `${OK}A: caf\xe9\r\n${LENGTH_2}`),
  valid('close', `${OK}Connection: close\r\n${LENGTH_2}`, { end: 'spent' }),
  valid('close among other options', `${OK}Connection: x-y, Close\r\n${LENGTH_2}`, { end: 'spent' }),
  valid('close holds against a later keep-alive', `${OK}Connection: close\r\nConnection: keep-alive\r\n${LENGTH_2}`, {
    end: 'spent',
  }),
  valid('HTTP/1.0', `HTTP/1.0 200 OK\r\n${LENGTH_2}`, { end: 'spent' }),
  valid('HTTP/1.0 that keeps alive', `HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n${LENGTH_2}`),
  valid('HTTP/1.0 until close', 'HTTP/1.0 200 OK\r\n\r\nok', { end: 'open' }),
  valid('until close', `${OK}Connection: close\r\n\r\nok`, { end: 'open' }),
  valid('until close, whatever the connection is to do', `${OK}Connection: keep-alive\r\n\r\nok`, { end: 'open' }),
  valid('until close without a byte', `${OK}\r\n`, { body: '', end: 'open' }),
  valid('204 has no body, whatever its headers say', 'HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n', {
    status: 204,
    body: '',
  }),
  valid('204 with chunks announced', 'HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n', {
    status: 204,
    body: '',
  }),
  valid('304 has no body', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', { status: 304, body: '' }),
  valid('the answer to HEAD has no body', `${OK}Content-Length: 5\r\n\r\n`, { method: 'HEAD', body: '' }),
  valid('chunks', `${CHUNKED}1\r\no\r\n1\r\nk\r\n${LAST}`),
  valid('no chunk but the last', CHUNKED + LAST, { body: '' }),
  valid('sizes in hexadecimal, either case', `${CHUNKED}A\r\n0123456789\r\na\r\n0123456789\r\n${LAST}`, {
    body: '01234567890123456789',
  }),
  valid('CR LF in the data of a chunk', `${CHUNKED}6\r\n\r\n0\r\n\r\r\n${LAST}`, { body: '\r\n0\r\n\r' }),
  valid('a size with leading zeros', `${CHUNKED}0002\r\nok\r\n000\r\n\r\n`),
  valid('chunk extensions', `${CHUNKED}2;a=b;c;d="e;\\"f"\r\nok\r\n0;last\r\n\r\n`),
  valid('a trailer', `${CHUNKED}${TWO}0\r\nA: b\r\nC: d\r\n\r\n`),
  valid('chunked in another spelling', `${OK}transfer-encoding: Chunked\r\n\r\n${TWO}${LAST}`),
  valid('chunks and close', `${OK}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n${TWO}${LAST}`, {
    end: 'spent',
  }),
  valid(
    'chunks of HTTP/1.0, after which the connection is not used again',
    `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${TWO}${LAST}`,
    { end: 'spent' },
  ),
  valid('an interim answer before it', `HTTP/1.1 100 Continue\r\n\r\n${OK}${LENGTH_2}`),
  valid(
    'several interim answers, with headers of their own',
    `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 7\r\n\r\n${OK}${LENGTH_2}`,
  ),
]

export const INVALID: readonly InvalidAnswer[] = [
  // The status line.
  invalid('another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'),
  invalid('a TLS alert', '\x15\x03\x03\x00\x02\x02\x28'),
  invalid('HTTP/1.2', `HTTP/1.2 200 OK\r\n${LENGTH_2}`),
  invalid('HTTP/2.0', `HTTP/2.0 200 OK\r\n${LENGTH_2}`, { node: 'accepts' }),
  invalid('HTTP/0.9', `HTTP/0.9 200 OK\r\n${LENGTH_2}`, { node: 'accepts' }),
  invalid('the protocol in lower case', `http/1.1 200 OK\r\n${LENGTH_2}`),
  invalid('two spaces before the status', `HTTP/1.1  200 OK\r\n${LENGTH_2}`),
  invalid('a tab before the status', `HTTP/1.1\t200 OK\r\n${LENGTH_2}`),
  invalid('a status of two digits', `HTTP/1.1 20 OK\r\n${LENGTH_2}`),
  invalid('a status of four digits', `HTTP/1.1 2000 OK\r\n${LENGTH_2}`),
  invalid('a status below 100', `HTTP/1.1 099 OK\r\n${LENGTH_2}`, { node: 'accepts' }),
  invalid('a status above 599', `HTTP/1.1 600 OK\r\n${LENGTH_2}`, { node: 'accepts' }),
  invalid('a NUL in the reason phrase', `HTTP/1.1 200 O\0K\r\n${LENGTH_2}`, { node: 'accepts' }),
  invalid('an empty line before it', `\r\n${OK}${LENGTH_2}`, { node: 'accepts' }),
  invalid('101, which nobody asked for', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
  // Header lines.
  invalid('bare LF in all lines', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'),
  invalid('bare LF after a header', `${OK}A: b\nC: d\r\n${LENGTH_2}`),
  invalid('bare LF as the blank line', `${OK}Content-Length: 2\r\n\nok`),
  invalid('a folded line', `${OK}A: b\r\n c\r\n${LENGTH_2}`),
  invalid('a folded first line', `${OK} A: b\r\n${LENGTH_2}`),
  invalid('white space before the colon', `${OK}Content-Length : 2\r\n\r\nok`),
  invalid('a line without a colon', `${OK}foo\r\n${LENGTH_2}`),
  invalid('no name', `${OK}: x\r\n${LENGTH_2}`),
  invalid('a name that is no token', `${OK}A\xe9: x\r\n${LENGTH_2}`),
  invalid('NUL in a value', `${OK}A: x\0y\r\n${LENGTH_2}`),
  invalid('CR in a value', `${OK}A: x\ry\r\n${LENGTH_2}`),
  invalid('DEL in a value', `${OK}A: x\x7fy\r\n${LENGTH_2}`),
  // Two ways to read where the body ends.
  invalid('two lengths', `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk`),
  invalid('the same length twice', `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`),
  invalid('two lengths in one line', `${OK}Content-Length: 2, 2\r\n\r\nok`),
  invalid('a signed length', `${OK}Content-Length: +2\r\n\r\nok`),
  invalid('a negative length', `${OK}Content-Length: -2\r\n\r\nok`),
  invalid('a length in hexadecimal', `${OK}Content-Length: 0x2\r\n\r\nok`),
  invalid('an empty length', `${OK}Content-Length:\r\n\r\nok`),
  invalid('a length beyond what a number holds', `${OK}Content-Length: 99999999999999999999\r\n\r\nok`),
  invalid('a length, then chunks', `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n${TWO}${LAST}`),
  invalid('chunks, then a length', `${OK}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n${TWO}${LAST}`),
  invalid(
    'both on an answer without a body',
    'HTTP/1.1 204 No\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n',
  ),
  invalid('chunked twice', `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${TWO}${LAST}`, {
    node: 'accepts',
  }),
  invalid('an encoding within the chunks', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n${TWO}${LAST}`, {
    node: 'accepts',
  }),
  invalid('another encoding', `${OK}Transfer-Encoding: gzip\r\n\r\nok`, { node: 'accepts' }),
  invalid('an encoding that looks like chunked', `${OK}Transfer-Encoding: xchunked\r\n\r\n${TWO}${LAST}`, {
    node: 'accepts',
  }),
  // Chunks.
  invalid('no size', `${CHUNKED}\r\nok\r\n${LAST}`),
  invalid('a size that is too long', `${CHUNKED}fffffffffffffffff\r\nok\r\n${LAST}`),
  invalid('a size of more digits than a number holds', `${CHUNKED}0000000000000002\r\nok\r\n${LAST}`, {
    node: 'accepts',
  }),
  invalid('a size with 0x', `${CHUNKED}0x2\r\nok\r\n${LAST}`),
  invalid('a negative size', `${CHUNKED}-2\r\nok\r\n${LAST}`),
  invalid('white space before the size', `${CHUNKED} 2\r\nok\r\n${LAST}`),
  invalid('white space behind the size', `${CHUNKED}2 \r\nok\r\n${LAST}`),
  invalid('bare LF behind the size', `${CHUNKED}2\nok\r\n${LAST}`),
  invalid('bare LF behind the data', `${CHUNKED}2\r\nok\n${LAST}`),
  invalid('more data than announced', `${CHUNKED}2\r\nokk\r\n${LAST}`),
  invalid('an empty extension', `${CHUNKED}2;\r\nok\r\n${LAST}`),
  invalid('white space in an extension', `${CHUNKED}2; a=b\r\nok\r\n${LAST}`),
  invalid('NUL in an extension', `${CHUNKED}2;a=\0\r\nok\r\n${LAST}`),
  invalid('bare LF in an extension', `${CHUNKED}2;a=\nx\r\nok\r\n${LAST}`),
  invalid('bare CR in an extension', `${CHUNKED}2;a=\rx\r\nok\r\n${LAST}`),
  invalid('a quote that is not closed', `${CHUNKED}2;a="b\r\nok\r\n${LAST}`),
  invalid('a trailer line without a colon', `${CHUNKED}${TWO}0\r\nAb\r\n\r\n`),
  invalid('bare LF in a trailer', `${CHUNKED}${TWO}0\r\nA: b\nC: d\r\n\r\n`),
  invalid('NUL in a trailer', `${CHUNKED}${TWO}0\r\nA: \0b\r\n\r\n`),
  invalid('a folded trailer line', `${CHUNKED}${TWO}0\r\nA: b\r\n c\r\n\r\n`),
  invalid('a length in the trailer', `${CHUNKED}${TWO}0\r\nContent-Length: 5\r\n\r\n`),
  invalid('an encoding in the trailer', `${CHUNKED}${TWO}0\r\nTransfer-Encoding: chunked\r\n\r\n`, { node: 'accepts' }),
  // Behind the end.
  invalid('bytes behind the end', `${OK}${LENGTH_2}junk`),
  invalid('a body of an answer that has none', 'HTTP/1.1 204 No\r\n\r\nok'),
  invalid('an empty line behind the end', `${OK}${LENGTH_2}\r\n`, { node: 'accepts' }),
  invalid('a second answer', `${OK}${LENGTH_2}${OK}${LENGTH_2}`, { node: 'accepts' }),
]
