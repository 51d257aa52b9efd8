import { expect, test } from '@jest/globals'
import { Refusal } from '../../../sidecar/errors.ts'
import { walkMultipart } from '../../../sidecar/request/multipart.ts'

const TYPE = 'multipart/form-data; boundary=XyZ'
const FILE = part(
  'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav',
  'RIFF\r\n\0--Xy\n',
)
const MODEL = part('Content-Disposition: form-data; name="model"', 'whisper-1')

function part(headers: string, value: string): string {
  return `--XyZ\r\n${headers}\r\n\r\n${value}\r\n`
}

function named(disposition: string, value = 'm'): string {
  return part(`Content-Disposition: ${disposition}`, value)
}

/** The wanted fields' values, or undefined for a refusal. `body` is closed with the last boundary. */
function check(name: string, parts: string, expected: Record<string, string> | undefined, type = TYPE): void {
  checkWhole(name, `${parts}--XyZ--\r\n`, expected, type)
}

function checkWhole(name: string, body: string, expected: Record<string, string> | undefined, type = TYPE): void {
  test(name, () => {
    expect(walk(Buffer.from(body, 'latin1'), type)).toStrictEqual(expected)
  })
}

function walk(body: Buffer, type: string): Record<string, string> | undefined {
  try {
    const spans = walkMultipart(body, type, ['model', 'stream'])
    return Object.fromEntries([...spans].map(([name, { start, end }]) => [name, body.toString('latin1', start, end)]))
  } catch (error) {
    if (error instanceof Refusal && error.code === 'invalid_body') return undefined
    throw error
  }
}

check('finds the model before a file', MODEL + FILE, { model: 'whisper-1' })
check('finds the model behind a file', FILE + MODEL, { model: 'whisper-1' })
check('finds no model where there is none', FILE, {})
check('takes an empty value', named('form-data; name="model"', ''), { model: '' })
check(
  'takes a name without quotes, and any spelling of header names',
  part('content-DISPOSITION:form-data;name=stream', '1'),
  {
    stream: '1',
  },
)
check('takes other fields as often as they come', named('form-data; name="a[]"') + named('form-data; name="a[]"'), {})
check(
  'takes a part with type and length',
  part(
    'Content-Length: 1\r\nContent-Disposition: form-data; name="model"\r\nContent-Type: text/plain; charset=utf-8',
    'm',
  ),
  { model: 'm' },
)
check('takes a file name for what it is', named('form-data; name="x"; filename="model"'), {})
check(
  "takes a file name in RFC 5987's form",
  named('form-data; name="file"; filename="x"; filename*=UTF-8\'\'%e2%82%ac'),
  {},
)
check('takes a file name that looks like a parameter', named('form-data; name="x"; filename="a; name=model"'), {})
checkWhole('takes a body without a last line end', `${MODEL}--XyZ--`, { model: 'whisper-1' })
for (const type of [
  'multipart/form-data; boundary="XyZ"',
  'Multipart/Form-Data;Boundary=XyZ',
  'multipart/form-data; charset=utf-8; boundary=XyZ',
]) {
  check(`takes the content type ${type}`, MODEL, { model: 'whisper-1' }, type)
}
test('takes a quoted boundary of any allowed character', () => {
  const boundary = "a'()+_,-./:=? b"
  const body = `${MODEL}--XyZ--`.replaceAll('XyZ', boundary)
  expect(walk(Buffer.from(body), `multipart/form-data; boundary="${boundary}"`)).toEqual({ model: 'whisper-1' })
})

for (const type of [
  'multipart/form-data',
  'multipart/form-data; boundary=',
  'multipart/form-data; boundary=""',
  'multipart/form-data; boundary="Xy\\Z"',
  'multipart/form-data; boundary="XyZ',
  'multipart/form-data; boundary=XyZ; boundary=XyZ',
  'multipart/form-data; boundary=XyZ; x="; boundary=abc"',
  'multipart/form-data; boundary*=XyZ',
  'multipart/form-data; boundary=X yZ',
  `multipart/form-data; boundary=${'X'.repeat(71)}`,
  'multipart/mixed; boundary=XyZ',
]) {
  check(`refuses the content type ${type.slice(0, 60)}`, MODEL, undefined, type)
}
check('refuses two models', MODEL + MODEL, undefined)
check('refuses a model that is a file', named('form-data; name="model"; filename="m"'), undefined)
check('refuses a name that differs from model only in case', named('form-data; name="Model"'), undefined)
for (const disposition of [
  'form-data',
  'form-data; name=',
  'form-data; filename="x"',
  'form-data; name="x"; name="model"',
  'form-data; name="x"; NAME="model"',
  'form-data; name="x\\"; name="model"',
  'form-data; name="x"; filename="a\\"; name=\\"model"',
  'form-data; name*=model',
  'form-data; name="x"; name*=utf-8\'\'model',
  'form-data; name*0="mo"; name*1="del"',
  'form-data; name="x" name="model"',
  'attachment; name="model"',
  'form-data; name="model"; size=1',
]) {
  check(`refuses the disposition ${disposition}`, named(disposition), undefined)
}
check('refuses a part without a disposition', part('Content-Type: text/plain', 'm'), undefined)
check(
  'refuses two dispositions',
  part('Content-Disposition: form-data; name="x"\r\nContent-Disposition: form-data; name="model"', 'm'),
  undefined,
)
check('refuses a folded header', part('Content-Disposition: form-data;\r\n name="model"', 'm'), undefined)
check(
  'refuses a header that ends in LF alone',
  part('X: 1\nContent-Disposition: form-data; name="model"', 'm'),
  undefined,
)
check(
  'refuses a header that ends in CR alone',
  part('X: 1\rContent-Disposition: form-data; name="model"', 'm'),
  undefined,
)
check('refuses a space before a colon', part('Content-Disposition : form-data; name="model"', 'm'), undefined)
check(
  'refuses an encoded model',
  part('Content-Disposition: form-data; name="model"\r\nContent-Transfer-Encoding: base64', 'bQ=='),
  undefined,
)
check(
  'refuses a model in another charset',
  part('Content-Disposition: form-data; name="model"\r\nContent-Type: text/plain; charset="utf-16"', 'm'),
  undefined,
)
check(
  'refuses parts within a part',
  part('Content-Disposition: form-data; name="x"\r\nContent-Type: multipart/mixed; boundary=a', ''),
  undefined,
)
check('refuses a boundary inside a line', named('form-data; name="x"', 'a--XyZ\r\n'), undefined)
check('refuses a boundary behind a bare LF', named('form-data; name="x"', `a\n${MODEL}`), undefined)
check('refuses a boundary that other text follows', named('form-data; name="x"', 'a\r\n--XyZa'), undefined)
check('refuses a part without an empty line', '--XyZ\r\nContent-Disposition: form-data; name="model"\r\n', undefined)
check('refuses headers without end', part(`X: ${'x'.repeat(5000)}`, 'm'), undefined)
checkWhole('refuses a preamble', `x\r\n${MODEL}--XyZ--\r\n`, undefined)
checkWhole('refuses an empty line before the first boundary', `\r\n${MODEL}--XyZ--\r\n`, undefined)
checkWhole('refuses an epilogue', `${MODEL}--XyZ--\r\n${MODEL}`, undefined)
checkWhole('refuses a body without a last boundary', MODEL, undefined)
checkWhole('refuses a body of no parts', '--XyZ--\r\n', undefined)
checkWhole('refuses an empty body', '', undefined)

test('reads what Node writes for a FormData with a file', async () => {
  const form = new FormData()
  form.set('file', new Blob([Buffer.alloc(300_000, '\r\n--')]), 'speech "ä".wav')
  form.set('model', 'whisper-1')
  const response = new Response(form)
  const body = Buffer.from(await response.arrayBuffer())
  expect(walk(body, response.headers.get('content-type') ?? '')).toEqual({ model: 'whisper-1' })
})

test('refuses a body that was cut at any byte', () => {
  const whole = Buffer.from(`${FILE}${MODEL}--XyZ--`, 'latin1')
  for (let end = 0; end < whole.length; end++) {
    expect({ end, fields: walk(whole.subarray(0, end), TYPE) }).toEqual({ end, fields: undefined })
  }
  expect(walk(whole, TYPE)).toEqual({ model: 'whisper-1' })
})
