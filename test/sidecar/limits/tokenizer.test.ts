import { expect, test } from '@jest/globals'
import { createTokenizers, type Vocabulary } from '../../../sidecar/limits/tokenizer.ts'

/** Words, in a vocabulary's stead. */
const WORDS: Vocabulary = { countTokens: (text) => text.split(/\s+/).length }

async function loaded(): Promise<ReturnType<typeof createTokenizers>> {
  const tokenizerFor = createTokenizers(
    () => Promise.resolve(WORDS),
    (cause) => {
      throw cause
    },
  )
  tokenizerFor('gpt-5')
  await Promise.resolve()
  return tokenizerFor
}

function body(content: unknown): Buffer {
  return Buffer.from(JSON.stringify({ messages: [{ role: 'user', content }] }))
}

test('nothing is loaded before a model asks that has a public vocabulary, and then once', async () => {
  let loads = 0
  const { promise, resolve } = Promise.withResolvers<Vocabulary>()
  const tokenizerFor = createTokenizers(
    () => {
      loads++
      return promise
    },
    () => {},
  )
  expect([tokenizerFor('claude-sonnet-5'), tokenizerFor('gemini-3-pro'), loads]).toEqual([undefined, undefined, 0])
  expect([tokenizerFor('gpt-5-mini'), tokenizerFor('gpt-4o'), loads]).toEqual([undefined, undefined, 1])
  resolve(WORDS)
  await promise
  expect(tokenizerFor('gpt-4o')?.count(body('two words'))).toBeGreaterThan(2)
  expect(tokenizerFor('claude-sonnet-5')).toBeUndefined()
  expect(loads).toBe(1)
})

test('a vocabulary that cannot be loaded is told once, and nothing is counted', async () => {
  const failures: unknown[] = []
  const tokenizerFor = createTokenizers(
    () => Promise.reject(new Error('not there')),
    (cause) => failures.push(cause),
  )
  tokenizerFor('gpt-5')
  await new Promise(setImmediate)
  expect(tokenizerFor('gpt-5')).toBeUndefined()
  expect(failures).toEqual([new Error('not there')])
})

test.each([
  ['gpt-4o-mini', true],
  ['openai/gpt-5', true],
  ['o3-mini', true],
  ['o1', true],
  ['gpt-oss-120b', true],
  ['gpt-4', false],
  ['gpt-3.5-turbo', false],
  ['text-embedding-3-small', false],
  ['olmo-2', false],
  ['not-gpt-5', false],
])('the vocabulary of %s is known: %s', async (model, known) => {
  expect((await loaded())(model) !== undefined).toBe(known)
})

test('the strings of a body count, and what a template adds per message', async () => {
  const count = (text: string) => (async () => (await loaded())('gpt-5')?.count(Buffer.from(text)))()
  // "user" and three words in one message.
  expect(await count('{"messages":[{"role":"user","content":"one two three"}]}')).toBe(4 + 4)
  expect(await count('{"max_tokens":12,"input":"one two"}')).toBe(2)
})

test('a body with a word that takes long, or that is no JSON, is not counted', async () => {
  const tokenizer = (await loaded())('gpt-5')
  expect(tokenizer?.count(body(`${'a'.repeat(255)} b`))).toBeDefined()
  expect(tokenizer?.count(body(`b ${'a'.repeat(257)}`))).toBeUndefined()
  expect(tokenizer?.count(body(`${'a'.repeat(257)} b`))).toBeUndefined()
  expect(tokenizer?.count(Buffer.from('{"messages":'))).toBeUndefined()
})
