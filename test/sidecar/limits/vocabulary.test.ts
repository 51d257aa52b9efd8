// The library behind `--tokenizer on`, as it is loaded.
import { expect, test } from '@jest/globals'
import { createTokenizers } from '../../../sidecar/limits/tokenizer.ts'

const BODY = Buffer.from(JSON.stringify({ model: 'gpt-5', messages: [{ role: 'user', content: 'hello world' }] }))

test("OpenAI's models are counted by their vocabulary once it is loaded, and others never", async () => {
  const loaded = import('../../../sidecar/vocabulary.ts')
  const tokenizerFor = createTokenizers(
    () => loaded,
    (cause) => expect(cause).toBeUndefined(),
  )
  expect(tokenizerFor('gpt-5')).toBeUndefined()
  await loaded
  const { countTokens } = await loaded
  expect(countTokens('hello world')).toBe(2)
  // All strings of the body, and what a message costs besides.
  expect(tokenizerFor('gpt-5')?.count(BODY)).toBe(countTokens('gpt-5\nuser\nhello world') + 4)
  expect(tokenizerFor('claude-haiku-4-5')).toBeUndefined()
})
