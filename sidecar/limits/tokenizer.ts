// Counts input tokens of small bodies with a real vocabulary, for the models whose vocabulary is public.
//
// It is loaded with the first request that asks for it, and until then, and for every other model, nothing is counted. Loading blocks
// and stays in memory, measured on Node 26.10 with gpt-tokenizer 4.0.0 and its o200k vocabulary: 75 to 350 ms and 60 MB of resident memory;
// 35 µs for 1 KB of text and 200 to 740 µs for 8 KB, but 50 ms for 8 KB without a space, since byte pairs are merged word by word. So
// a body with a word of more than 256 bytes is not counted. js-tiktoken 1.0.21 was tried: 175 MB, 2.3 ms for 8 KB, 6 to 11 s without a
// space; tiktoken 1.0.22 (WebAssembly): 52 MB, 1.3 ms for 8 KB.
//
// What is counted is the text that the model gets to see: every string of the body, and what chat templates add per message, which is
// learned besides. Not counted: other vocabularies (Anthropic's and Google's are not public).

/** What a library must do. */
export interface Vocabulary {
  countTokens(text: string): number
}

export interface Tokenizer {
  /** Tokens of a JSON body; undefined where counting would take too long, or where it is no JSON. */
  count(body: Buffer): number | undefined
}

/** OpenAI's models since gpt-4o, by the names that it and its resellers use; all have the vocabulary o200k. */
const O200K = /(?:^|\/)(?:gpt-4o|gpt-4\.[1-9]|gpt-[5-9]|chatgpt-4o|o[1-9](?:-|$)|gpt-oss)/
const WORD_BYTES_MAX = 256
const PER_MESSAGE = 4

/**
 * A source of tokenizers by model name. `load` is called once, with the first model that it knows; `onFailed` is told if it fails, and
 * then nothing is ever counted.
 */
export function createTokenizers(
  load: () => Promise<Vocabulary>,
  onFailed: (cause: unknown) => void,
): (model: string) => Tokenizer | undefined {
  let tokenizer: Tokenizer | undefined
  let asked = false
  return (model) => {
    if (!O200K.test(model)) return undefined
    if (!asked) {
      asked = true
      load().then((vocabulary) => {
        tokenizer = { count: (body) => countBody(body, vocabulary) }
      }, onFailed)
    }
    return tokenizer
  }
}

function countBody(body: Buffer, vocabulary: Vocabulary): number | undefined {
  const parts: string[] = []
  let messages = 0
  const collect = (value: unknown): void => {
    if (typeof value === 'string') parts.push(value)
    else if (typeof value === 'object' && value !== null) {
      if ('role' in value) messages++
      for (const member of Object.values(value)) collect(member)
    }
  }
  try {
    collect(JSON.parse(body.toString('utf8')))
  } catch {
    return undefined
  }
  const text = parts.join('\n')
  return hasLongWord(text) ? undefined : vocabulary.countTokens(text) + PER_MESSAGE * messages
}

function hasLongWord(text: string): boolean {
  let from = 0
  for (const { index } of text.matchAll(/\s/g)) {
    if (index - from > WORD_BYTES_MAX) return true
    from = index
  }
  return text.length - from > WORD_BYTES_MAX
}
