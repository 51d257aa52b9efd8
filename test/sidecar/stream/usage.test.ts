import { describe, expect, test } from '@jest/globals'
import type { Usage } from '../../../sidecar/stream/usage.ts'
import { readAnthropicUsage } from '../../../sidecar/stream/usage-anthropic.ts'
import { readBedrockAnswerUsage, readBedrockHeaders } from '../../../sidecar/stream/usage-bedrock.ts'
import { readGeminiUsage, readInteractionUsage } from '../../../sidecar/stream/usage-gemini.ts'
import { readOpenAiUsage } from '../../../sidecar/stream/usage-openai.ts'

const READERS = {
  OpenAI: readOpenAiUsage,
  Anthropic: readAnthropicUsage,
  Gemini: readGeminiUsage,
  Bedrock: readBedrockAnswerUsage,
}

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
  ['seconds that are none', 'OpenAI', { type: 'duration', seconds: -3 }, undefined],
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
  ['Converse', 'Bedrock', { inputTokens: 8, outputTokens: 10, totalTokens: 18 }, [8, 0, 0, 10, 0]],
  [
    'the cache is beside the input, and counted once under two names',
    'Bedrock',
    {
      cacheReadInputTokenCount: 20,
      cacheReadInputTokens: 20,
      cacheWriteInputTokenCount: 100,
      cacheWriteInputTokens: 100,
      inputTokens: 5,
      outputTokens: 7,
    },
    [125, 20, 100, 7, 0],
  ],
  ['the metrics of an invocation', 'Bedrock', { inputTokenCount: 21, outputTokenCount: 22 }, [21, 0, 0, 22, 0]],
  ['a model of Anthropic that was invoked', 'Bedrock', { input_tokens: 5, output_tokens: 7 }, [5, 0, 0, 7, 0]],
  ['a model of OpenAI that was invoked', 'Bedrock', { prompt_tokens: 5, completion_tokens: 7 }, [5, 0, 0, 7, 0]],
]

test.each(cases)('%s (%s)', (_name, dialect, object, counts) => {
  expect(READERS[dialect](object)).toEqual(counts === undefined ? undefined : fromCounts(counts))
})

test('an invocation is counted by its headers, whatever the model says', () => {
  const headers = [
    ...['X-Amzn-Bedrock-Input-Token-Count', '5', 'x-amzn-bedrock-output-token-count', '7'],
    ...['x-amzn-bedrock-cache-read-input-token-count', '20', 'x-amzn-bedrock-cache-write-input-token-count', '0'],
    ...['x-amzn-bedrock-invocation-latency', '631'],
  ]
  expect(readBedrockHeaders(headers)).toEqual(fromCounts([25, 20, 0, 7, 0]))
  expect(readBedrockHeaders(['x-amzn-bedrock-input-token-count', '-5'])).toBeUndefined()
  expect(readBedrockHeaders(['content-type', 'application/json'])).toBeUndefined()
})

function fromCounts(counts: Counts): Usage {
  const [inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens] = counts
  return { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens }
}

test.each([
  [{ type: 'duration', seconds: 9 }, 9000],
  [{ type: 'duration', seconds: 3.319999933242798 }, 3320],
  [{ type: 'duration', seconds: 0 }, 0],
])('audio that is billed by its length: %j', (object, audioMs) => {
  expect(readOpenAiUsage(object)).toEqual({ ...fromCounts([0, 0, 0, 0, 0]), audioMs })
})

test('tokens go before seconds: what is billed by tokens has its length told as well', () => {
  expect(readOpenAiUsage({ input_tokens: 14, output_tokens: 45, total_tokens: 59, seconds: 9 })).toEqual(
    fromCounts([14, 0, 0, 45, 0]),
  )
})

test('an interaction counts thoughts beside the output, and what tools brought beside the input', () => {
  const usage = {
    total_tokens: 70,
    total_input_tokens: 7,
    total_tool_use_tokens: 12,
    total_cached_tokens: 3,
    total_output_tokens: 19,
    total_thought_tokens: 32,
  }
  expect(readInteractionUsage(usage)).toEqual(fromCounts([19, 3, 0, 51, 32]))
  expect(readInteractionUsage({ total_tokens: 70 })).toBeUndefined()
})

describe('calls of models behind one answer of Anthropic’s', () => {
  const call = (type: string, input_tokens: number, output_tokens: number, model?: string) => ({
    type,
    input_tokens,
    output_tokens,
    ...(model && { model }),
  })
  const part = (inputTokens: number, outputTokens: number, model?: string) => ({
    ...fromCounts([inputTokens, 0, 0, outputTokens, 0]),
    model,
  })

  test('turns of the model itself are in the sum already', () => {
    const iterations = [call('message', 10, 3), call('message', 30, 4)]
    expect(readAnthropicUsage({ input_tokens: 40, output_tokens: 7, iterations })).toEqual(fromCounts([40, 0, 0, 7, 0]))
  })

  test('a summary is billed besides, by the same model', () => {
    const iterations = [call('compaction', 180_000, 3500), call('message', 23_000, 1000)]
    expect(readAnthropicUsage({ input_tokens: 23_000, output_tokens: 1000, iterations })).toEqual({
      ...fromCounts([203_000, 0, 0, 4500, 0]),
      parts: [part(180_000, 3500)],
    })
  })

  test('a model that was consulted is billed besides, by its own price', () => {
    const iterations = [call('message', 10, 3), call('advisor_message', 50, 20, 'large'), call('message', 12, 4)]
    expect(readAnthropicUsage({ input_tokens: 22, output_tokens: 7, iterations })).toEqual({
      ...fromCounts([72, 0, 0, 27, 0]),
      parts: [part(50, 20, 'large')],
    })
  })

  test('a model that took over is who is billed, and one that declined without a word is not', () => {
    const iterations = [
      call('message', 8, 0, 'first'),
      call('message', 9, 1, 'second'),
      call('fallback_message', 12, 4, 'second'),
    ]
    expect(readAnthropicUsage({ input_tokens: 21, output_tokens: 5, iterations })).toEqual({
      ...fromCounts([21, 0, 0, 5, 0]),
      model: 'second',
    })
  })

  test('one that declined in mid-answer is billed for what it wrote', () => {
    const iterations = [call('message', 8, 30, 'first'), call('fallback_message', 12, 4, 'second')]
    expect(readAnthropicUsage({ input_tokens: 12, output_tokens: 4, iterations })).toEqual({
      ...fromCounts([20, 0, 0, 34, 0]),
      model: 'second',
      parts: [part(8, 30, 'first')],
    })
  })

  test('what is no call, or of a kind that nobody knows, changes nothing', () => {
    const iterations = [null, 3, {}, { type: 'compaction' }, call('tomorrow', 8, 30)]
    expect(readAnthropicUsage({ input_tokens: 12, output_tokens: 4, iterations })).toEqual(fromCounts([12, 0, 0, 4, 0]))
    expect(readAnthropicUsage({ input_tokens: 12, output_tokens: 4, iterations: 'x' })).toEqual(
      fromCounts([12, 0, 0, 4, 0]),
    )
  })
})
