// The key of the provider, which a provider may repeat: no client gets to see it.
import zlib from 'node:zlib'
import { expect, test } from '@jest/globals'
import { CHAT_END, CHAT_EVENT, JSON_TYPE, KEY, MASK, Relayed, SSE_TYPE, splits, TEXT_TYPE } from './client-for-tests.ts'

const REPEATED = `{"error":{"message":"Incorrect API key provided: ${KEY}. Not ${KEY}${KEY}, nor ${KEY.slice(0, -1)}."}}`
const MASKED = REPEATED.replaceAll(KEY, MASK)

test.each([
  ['in an error', 404, JSON_TYPE, '', ''],
  ['in an answer of a type that is not read', 200, TEXT_TYPE, '', ''],
  ['in an answer without a type', 500, [], '', ''],
  ['in an event', 200, SSE_TYPE, `${CHAT_EVENT}data: `, `\n\n${CHAT_END}`],
] as const)('the key is masked wherever the body was split: %s', async (_name, status, type, before, behind) => {
  for (const pieces of splits(Buffer.from(before + REPEATED + behind))) {
    const relayed = new Relayed()
    expect(await relayed.answer(status, [...type], pieces)).toBe('relayed')
    expect(relayed.client.body.toString()).toBe(before + MASKED + behind)
    expect(relayed.client.ending).toBe('whole')
  }
})

test('the key is masked in a body too large to be kept, whose announced length still holds', async () => {
  const body = Buffer.from(`{"x":"${'x'.repeat(300_000)}${KEY}${'y'.repeat(300_000)}${KEY}"}`)
  const at = body.indexOf(KEY)
  for (let cut = at; cut <= at + KEY.length; cut++) {
    const relayed = new Relayed()
    await relayed.answer(200, [...JSON_TYPE], [body.subarray(0, cut), body.subarray(cut)], body.length)
    expect(relayed.client.announced).toBe(body.length)
    expect(relayed.client.body.toString()).toBe(body.toString().replaceAll(KEY, MASK))
  }
})

test('a key that ends as it begins is masked wherever the body was split, behind its last byte too', async () => {
  const key = `${KEY}sk`
  for (const pieces of splits(Buffer.from(`${key}, ${key}`))) {
    const relayed = new Relayed({ key })
    await relayed.answer(200, [...TEXT_TYPE], pieces)
    expect(relayed.client.body.toString()).toBe(`${MASK}**, ${MASK}**`)
  }
})

test('the key is masked in headers', async () => {
  const relayed = new Relayed()
  await relayed.answer(404, ['x-echo', `Bearer ${KEY}, ${KEY}`, 'www-authenticate', `x="${KEY}"`], [])
  expect(relayed.headers).toMatchObject({ 'x-echo': `Bearer ${MASK}, ${MASK}`, 'www-authenticate': `x="${MASK}"` })
})

test('the key is masked in a compressed answer', async () => {
  const relayed = new Relayed()
  await relayed.answer(404, [...JSON_TYPE, 'Content-Encoding', 'gzip'], [zlib.gzipSync(REPEATED)])
  expect(relayed.client.body.toString()).toBe(MASKED)
})

test('an answer that ends like the key begins loses nothing', async () => {
  for (let length = 1; length < KEY.length; length++) {
    for (const before of ['', 'x']) {
      const text = before + KEY.slice(0, length)
      for (const pieces of splits(Buffer.from(text))) {
        const relayed = new Relayed()
        await relayed.answer(200, [...TEXT_TYPE], pieces, text.length)
        expect(relayed.client.body.toString()).toBe(text)
      }
    }
  }
})
