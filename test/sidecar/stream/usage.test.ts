import { expect, test } from '@jest/globals'
import type { Usage } from '../../../sidecar/stream/usage.ts'
import { readAnthropicUsage } from '../../../sidecar/stream/usage-anthropic.ts'
import { readGeminiUsage } from '../../../sidecar/stream/usage-gemini.ts'
import { readOpenAiUsage } from '../../../sidecar/stream/usage-openai.ts'

const READERS = { OpenAI: readOpenAiUsage, Anthropic: readAnthropicUsage, Gemini: readGeminiUsage }

/** Input, cached, written, output, reasoning. */
type Counts = [number, number, number, number, number]

const cases: [string, keyof typeof READERS, unknown, Counts | undefined][] = [
  ['chat', 'OpenAI', { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21 }, [9, 0, 0, 12, 0]],
  [
    'reasoning inside the completion',
    'OpenAI',
    { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21, completion_tokens_details: { reasoning_tokens: 5 } },
    [9, 0, 0, 12, 5],
  ],
  [
    'reasoning beside the completion, as the total says (xAI)',
    'OpenAI',
    { prompt_tokens: 9, completion_tokens: 12, total_tokens: 26, completion_tokens_details: { reasoning_tokens: 5 } },
    [9, 0, 0, 17, 5],
  ],
  [
    'more reasoning than completion, inside it (OpenRouter)',
    'OpenAI',
    { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21, completion_tokens_details: { reasoning_tokens: 15 } },
    [9, 0, 0, 12, 12],
  ],
  [
    'cache reads and writes are part of the prompt',
    'OpenAI',
    { prompt_tokens: 100, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 } },
    [100, 60, 30, 1, 0],
  ],
  [
    'parts that exceed their whole are cut',
    'OpenAI',
    { prompt_tokens: 100, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 90, cache_write_tokens: 30 } },
    [100, 90, 10, 1, 0],
  ],
  [
    'DeepSeek cache hits',
    'OpenAI',
    { prompt_tokens: 9, completion_tokens: 1, prompt_cache_hit_tokens: 8 },
    [9, 8, 0, 1, 0],
  ],
  ['embeddings', 'OpenAI', { prompt_tokens: 8, total_tokens: 8 }, [8, 0, 0, 0, 0]],
  [
    'Responses, Images, Audio',
    'OpenAI',
    { input_tokens: 30, input_tokens_details: { cached_tokens: 10 }, output_tokens: 8, total_tokens: 38 },
    [30, 10, 0, 8, 0],
  ],
  ['rerank', 'OpenAI', { total_tokens: 12 }, [12, 0, 0, 0, 0]],
  ['audio billed by duration', 'OpenAI', { type: 'duration', seconds: 3 }, undefined],
  ['null', 'OpenAI', null, undefined],
  ['a list', 'OpenAI', [], undefined],
  ['text', 'OpenAI', 'usage', undefined],
  ['counts that are none', 'OpenAI', { prompt_tokens: -1, completion_tokens: '12', total_tokens: 1.5 }, undefined],
  ['one count that is none', 'OpenAI', { prompt_tokens: 9, completion_tokens: -12 }, [9, 0, 0, 0, 0]],
  ['details that are none', 'OpenAI', { prompt_tokens: 9, prompt_tokens_details: 4 }, [9, 0, 0, 0, 0]],
  ['Messages without a cache', 'Anthropic', { input_tokens: 5, output_tokens: 7 }, [5, 0, 0, 7, 0]],
  [
    'the cache is beside the input',
    'Anthropic',
    { input_tokens: 5, cache_read_input_tokens: 20, cache_creation_input_tokens: 100, output_tokens: 7 },
    [125, 20, 100, 7, 0],
  ],
  [
    'cache writes by lifetime alone',
    'Anthropic',
    {
      input_tokens: 5,
      cache_creation: { ephemeral_5m_input_tokens: 1, ephemeral_1h_input_tokens: 2 },
      output_tokens: 7,
    },
    [8, 0, 3, 7, 0],
  ],
  [
    'thinking is inside the output',
    'Anthropic',
    { input_tokens: 5, output_tokens: 7, output_tokens_details: { thinking_tokens: 6 } },
    [5, 0, 0, 7, 6],
  ],
  ['nulls', 'Anthropic', { input_tokens: 5, cache_read_input_tokens: null, output_tokens: null }, [5, 0, 0, 0, 0]],
  ['nothing', 'Anthropic', {}, undefined],
  [
    'thoughts beside candidates, tools beside the prompt',
    'Gemini',
    {
      promptTokenCount: 10,
      candidatesTokenCount: 3,
      thoughtsTokenCount: 4,
      toolUsePromptTokenCount: 5,
      cachedContentTokenCount: 6,
    },
    [15, 6, 0, 7, 4],
  ],
  ['a first chunk', 'Gemini', { promptTokenCount: 10, totalTokenCount: 10 }, [10, 0, 0, 0, 0]],
  ['a total alone says nothing', 'Gemini', { totalTokenCount: 10 }, undefined],
]

test.each(cases)('%s (%s)', (_name, dialect, object, counts) => {
  expect(READERS[dialect](object)).toEqual(counts === undefined ? undefined : fromCounts(counts))
})

function fromCounts(counts: Counts): Usage {
  const [inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens] = counts
  return { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens }
}
