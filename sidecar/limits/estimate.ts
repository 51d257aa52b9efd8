// What a request is expected to use, before its provider has said: limits and budgets hold so much until it is settled.
//
// In: the body and its own bound on output; after each answer, what it used. Out: input tokens by the body's size times a ratio
// that is learned per model, from 1 token for 4 bytes on; output tokens as the learned 95th percentile of that model for that
// route or rule, from 1,024 on, and never more than the request allows. A reservation of everything that a request may use (a
// bound of 64,000 for answers of 300) would lock out those who have spent nothing; one by the mean would admit too many at
// once.
//
// It decides nothing and knows no time: what it learned fades by count. All that it keeps is bounded, whatever models are
// named. An estimate that is wrong costs nobody anything for longer than the request takes.
import type { Operation } from '../../contract/sidecar-config.ts'
import type { DecodedRequest } from '../request/decoded-request.ts'
import type { Usage } from '../stream/usage.ts'
import type { Assumed } from '../stream/usage-so-far.ts'
import { measureBody } from './estimate-body.ts'
import { Percentile95 } from './estimate-quantile.ts'
import { Ratio } from './estimate-ratio.ts'
import { Recent } from './estimate-recent.ts'
import { answersOf } from './max-tokens.ts'
import type { Tokenizer } from './tokenizer.ts'

const MODELS_MAX = 1000
/** Per model. Rules are configured, so there are few. */
const OWNERS_MAX = 100
/** Below so many answers a 95th percentile may miss what is usual, so it does not lower what is expected. */
const ANSWERS_MIN = 20
/** A body above it is not worth a tokenizer's time: 250 µs at 8 KiB, 50 ms for 8 KiB without a space. */
const COUNTED_BYTES_MAX = 8 * 1024

const TOKENS_PER_BYTE = 0.25
/** Of a picture of a megapixel, about, where it is billed by its size (Anthropic: width × height ÷ 750). */
const TOKENS_PER_BLOB = 1500
/** More per byte was not in the body: what a provider's own search found. Random hex has 0.58 (o200k), what people write far less. */
const INPUT_RATIO_MAX = 0.6

/** Output before anything was learned. Undefined: nothing of tokens is expected at all, these are not metered. */
const FIRST_OUTPUT: Readonly<Record<Operation, number | undefined>> = {
  Chat: 1024,
  Completions: 1024,
  Responses: 1024,
  Messages: 1024,
  Images: 1024,
  Audio: 1024,
  Embeddings: 0,
  Rerank: 0,
  Models: undefined,
  Other: undefined,
}

/** Endpoints that count tokens and make none; nobody bills them. */
const COUNTS_ONLY = /(?:count_tokens|input_tokens|countTokens|count-tokens)$/

/** Whether tokens, images or seconds are used by it: not by what only counts them, nor by files and the like. */
export function isBilled({ operation, endpoint }: Pick<DecodedRequest, 'operation' | 'endpoint'>): boolean {
  return FIRST_OUTPUT[operation] !== undefined && !COUNTS_ONLY.test(endpoint)
}

/** Free of charge, though it names a model. */
const FREE = /\/moderations$/

/** Whether it uses what nobody tells: realtime sessions, and generations that are passed through unread. */
export function isUnmetered({ operation, endpoint }: Pick<DecodedRequest, 'operation' | 'endpoint'>): boolean {
  return operation === 'Other' && !COUNTS_ONLY.test(endpoint) && !FREE.test(endpoint)
}

export interface Asked {
  /** The same in all calls; a tokenizer knows the names that providers have for their models. */
  model: string
  /** Route or rule, whose answers are alike. */
  owner: string
  request: Pick<DecodedRequest, 'operation' | 'endpoint' | 'body' | 'fields'>
  /** As `maxTokensOf` says. */
  maxTokens: number | undefined
}

export interface Expected {
  readonly inputTokens: number
  readonly outputTokens: number
  /** Asked for; 0 for anything but images. */
  readonly images: number
  /** What the input was worked out from. */
  readonly textBytes: number
  readonly blobs: number
  /** Tokens that a tokenizer counted; undefined where the bytes decided. */
  readonly counted: number | undefined
  /** Of the request. */
  readonly maxTokens: number | undefined
  /** What is known of the model, and of its answers for one owner: found once per attempt. Undefined where there is nothing to learn. */
  readonly learned: Learned | undefined
  readonly answers: Percentile95 | undefined
}

const NOTHING: Expected = Object.freeze({
  inputTokens: 0,
  outputTokens: 0,
  images: 0,
  textBytes: 0,
  blobs: 0,
  counted: undefined,
  maxTokens: undefined,
  learned: undefined,
  answers: undefined,
})

interface Learned {
  /** Input tokens per byte of text. */
  bytes: Ratio
  /** Input tokens per token that was counted: what a provider's template adds. */
  counted: Ratio
  /** Input tokens per blob. */
  blobs: Ratio
  /** Output tokens per byte of text in a stream. */
  output: Ratio
  /** Output tokens of its answers, by owner. */
  answers: Recent<Percentile95>
}

function createLearned(): Learned {
  return {
    bytes: new Ratio({ first: TOKENS_PER_BYTE, weight: 4096, max: INPUT_RATIO_MAX }),
    counted: new Ratio({ first: 1, weight: 1024, max: 2 }),
    blobs: new Ratio({ first: TOKENS_PER_BLOB, weight: 1, max: 1_000_000 }),
    output: new Ratio({ first: TOKENS_PER_BYTE, weight: 4096, max: 1000 }),
    answers: new Recent(OWNERS_MAX, () => new Percentile95()),
  }
}

export class Estimator {
  readonly #models = new Recent(MODELS_MAX, createLearned)
  readonly #tokenizerFor: (model: string) => Tokenizer | undefined

  /** Without a tokenizer, bytes decide. */
  constructor(tokenizerFor: (model: string) => Tokenizer | undefined = () => undefined) {
    this.#tokenizerFor = tokenizerFor
  }

  expect(asked: Asked): Expected {
    const { operation, fields } = asked.request
    const firstOutput = FIRST_OUTPUT[operation]
    if (firstOutput === undefined || !isBilled(asked.request)) return NOTHING
    // Of a form nothing is known but that it holds a file.
    const { textBytes, blobs } = fields.format === 'json' ? measureBody(asked.request.body) : { textBytes: 0, blobs: 1 }
    const counted = this.#count(asked, blobs)
    const learned = this.#models.at(asked.model)
    const answers = learned.answers.at(asked.owner)
    const text = counted === undefined ? learned.bytes.of(textBytes) : learned.counted.of(counted)
    return {
      inputTokens: Math.ceil(text + learned.blobs.of(blobs)),
      outputTokens: Math.min(usualOutput(answers, firstOutput), asked.maxTokens ?? Number.POSITIVE_INFINITY),
      images: operation === 'Images' ? answersOf(asked.request) : 0,
      textBytes,
      blobs,
      counted,
      maxTokens: asked.maxTokens,
      learned,
      answers,
    }
  }

  /** What the answer used, as the provider told it; what was estimated teaches nothing. `expected` is what `expect` said. */
  learn({ learned: model, answers, textBytes, blobs, counted, maxTokens }: Expected, usage: Usage): void {
    if (model === undefined || answers === undefined || usage.estimated === true) return
    if (blobs > 0) model.blobs.learn(Math.max(0, usage.inputTokens - model.bytes.of(textBytes)), blobs)
    else {
      model.bytes.learn(usage.inputTokens, textBytes)
      if (counted !== undefined) model.counted.learn(usage.inputTokens, counted)
    }
    learnOutput(answers, usage.outputTokens, maxTokens)
  }

  /** From a stream that was whole: `contentBytes` of its reader, and the output that the provider told. */
  learnContent(model: string, contentBytes: number, usage: Usage): void {
    if (usage.estimated !== true) this.#models.at(model).output.learn(usage.outputTokens, contentBytes)
  }

  /** What to take for the usage of an answer that broke off, as far as its provider has not told it. */
  assumed(asked: Asked): Assumed {
    const { output } = this.#models.at(asked.model)
    const { inputTokens, outputTokens } = this.expect(asked)
    return {
      inputTokens,
      outputTokens,
      outputOf: (contentBytes) => Math.ceil(output.of(contentBytes)),
    }
  }

  #count({ model, request }: Asked, blobs: number): number | undefined {
    if (request.body.length > COUNTED_BYTES_MAX || blobs > 0) return undefined
    return this.#tokenizerFor(model)?.count(request.body)
  }
}

function usualOutput(percentile: Percentile95, first: number): number {
  const value = percentile.value()
  return percentile.count < ANSWERS_MIN ? Math.max(first, value) : value
}

/** What its own bound cut short would have been longer: it says how much is needed at least, and not how little is enough. */
function learnOutput(percentile: Percentile95, outputTokens: number, maxTokens: number | undefined): void {
  const isCut = maxTokens !== undefined && outputTokens >= maxTokens
  if (!isCut || outputTokens > percentile.value()) percentile.add(outputTokens)
}

/** Whether too few answers were seen to say how long they are. */
export function isGuess({ answers }: Expected): boolean {
  return answers !== undefined && answers.count < ANSWERS_MIN
}

/** What is held for it, as if it had been used: to be priced. */
export function expectedUsage({ inputTokens, outputTokens, images }: Expected): Usage {
  return {
    inputTokens,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    outputTokens,
    reasoningTokens: 0,
    estimated: true,
    ...(images > 0 && { images }),
  }
}
