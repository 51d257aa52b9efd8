// What the model "thinks": a prompt in no dialect goes in, a completion in no dialect comes out. Deterministic.
//
// The answer is `You said: <last user message>`, or `The tool said: <result>` after a tool result, or `words` words, or a
// sample of the schema when structured output is asked for. Tools are called when the request has some and its last user
// message names one (or says "tool"), when the tool choice demands it, or when the behaviour `tools` does. A prompt that
// ends with a tool result is answered in text, so that agent loops end.
//
// Tokens are bytes: ceil(UTF-8 bytes / 4), at least 1. Input: the text of all turns and the tools' definitions as JSON.
// Output: the answer's text, or the calls' names and arguments, and the reasoning that was asked for. So a translated request costs
// what its original costs.
import type { Behaviour } from './behaviours.ts'
import type { JsonObject } from './json.ts'
import { sampleArguments, sampleOf } from './sample.ts'

export interface Turn {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly text: string
}

export interface Tool {
  readonly name: string
  readonly schema: JsonObject
}

export interface Prompt {
  readonly turns: readonly Turn[]
  readonly tools: readonly Tool[]
  readonly toolChoice: 'auto' | 'none' | 'required' | { readonly name: string }
  readonly maxTokens: number | undefined
  readonly stop: readonly string[]
  /** The answer must be JSON of this schema. */
  readonly outputSchema: JsonObject | undefined
}

export interface ToolCall {
  readonly name: string
  readonly args: JsonObject
}

export interface Usage {
  /** The whole prompt. */
  readonly inputTokens: number
  /** Of inputTokens: read from the cache. */
  readonly cachedTokens: number
  /** Of inputTokens: written to the cache. */
  readonly cacheWriteTokens: number
  /** All that is billed as output. */
  readonly outputTokens: number
  /** Of outputTokens. */
  readonly reasoningTokens: number
}

export interface Completion {
  /** The text in pieces of about a word; none when tools are called. */
  readonly deltas: readonly string[]
  readonly calls: readonly ToolCall[]
  readonly stop: 'end' | 'length' | 'sequence' | 'tools'
  readonly stopSequence: string | undefined
  readonly usage: Usage
}

/** An echo is cut here: a request of megabytes is not answered with megabytes. */
const ECHO_CHARACTERS_MAX = 4000
export const BYTES_PER_TOKEN = 4
const VOCABULARY = ['the', 'outrigger', 'keeps', 'a', 'canoe', 'upright', 'on', 'open', 'water'] as const

export function tokensOf(text: string): number {
  return Math.max(1, Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN))
}

export function complete(prompt: Prompt, behaviour: Behaviour): Completion {
  const calls = callsFor(prompt, behaviour)
  const inputTokens = inputTokensOf(prompt)
  if (calls.length > 0) {
    const written = calls.map((call) => call.name + JSON.stringify(call.args)).join('')
    const usage = usageOf(inputTokens, tokensOf(written), behaviour)
    return { deltas: [], calls, stop: 'tools', stopSequence: undefined, usage }
  }
  const { text, stop, stopSequence } = shorten(textFor(prompt, behaviour), prompt)
  const usage = usageOf(inputTokens, tokensOf(text), behaviour)
  return { deltas: wordsOf(text), calls, stop, stopSequence, usage }
}

/** What was used where nothing is cached and nothing reasoned about. */
export function plainUsage(inputTokens: number, outputTokens = 0): Usage {
  return { inputTokens, cachedTokens: 0, cacheWriteTokens: 0, outputTokens, reasoningTokens: 0 }
}

function usageOf(inputTokens: number, writtenTokens: number, behaviour: Behaviour): Usage {
  const { reasoningTokens } = behaviour
  const asked = behaviour.cachedTokens === 'half' ? Math.floor(inputTokens / 2) : behaviour.cachedTokens
  const cachedTokens = Math.min(asked, inputTokens)
  const cacheWriteTokens = Math.min(behaviour.cacheWriteTokens, inputTokens - cachedTokens)
  return { inputTokens, cachedTokens, cacheWriteTokens, outputTokens: writtenTokens + reasoningTokens, reasoningTokens }
}

export function inputTokensOf(prompt: Pick<Prompt, 'turns' | 'tools'>): number {
  const tools = prompt.tools.map((tool) => tool.name + JSON.stringify(tool.schema))
  return tokensOf([...prompt.turns.map((turn) => turn.text), ...tools].join(''))
}

/** Pieces of `length` characters, never within a surrogate pair. */
export function piecesOf(text: string, length: number): readonly string[] {
  return text.match(new RegExp(`.{1,${length}}`, 'gsu')) ?? []
}

function lastUserText({ turns }: Prompt): string {
  return turns.findLast((turn) => turn.role === 'user')?.text ?? ''
}

function callsFor(prompt: Prompt, behaviour: Behaviour): ToolCall[] {
  const chosen = toolsToCall(prompt, behaviour)
  return chosen.map((tool) => ({ name: tool.name, args: sampleArguments(tool.schema) }))
}

function toolsToCall(prompt: Prompt, behaviour: Behaviour): readonly Tool[] {
  const { tools, toolChoice } = prompt
  const first = tools[0]
  if (!first || toolChoice === 'none' || prompt.turns.at(-1)?.role === 'tool') return []
  if (behaviour.toolCalls > 0) return behaviour.toolCalls === 2 ? [first, tools[1] ?? first] : [first]
  if (typeof toolChoice === 'object') return tools.filter((tool) => tool.name === toolChoice.name)
  const text = lastUserText(prompt).toLowerCase()
  const named = tools.find((tool) => text.includes(tool.name.toLowerCase()))
  if (named) return [named]
  return toolChoice === 'required' || /\btools?\b/.test(text) ? [first] : []
}

function textFor(prompt: Prompt, behaviour: Behaviour): string {
  const { words } = behaviour
  if (words !== undefined) {
    return Array.from({ length: words }, (_, at) => VOCABULARY[at % VOCABULARY.length]).join(' ')
  }
  if (prompt.outputSchema) return JSON.stringify(sampleOf(prompt.outputSchema))
  const last = prompt.turns.at(-1)
  if (last?.role === 'tool') return `The tool said: ${last.text.slice(0, ECHO_CHARACTERS_MAX)}`
  return `You said: ${lastUserText(prompt).slice(0, ECHO_CHARACTERS_MAX)}`
}

/** " word" by " word", as models stream; what follows the last word stays with it. */
function wordsOf(text: string): readonly string[] {
  return text.match(/\s*\S+(?:\s+$)?/g) ?? []
}

function shorten(whole: string, prompt: Prompt): Pick<Completion, 'stop' | 'stopSequence'> & { text: string } {
  const found = prompt.stop.filter((sequence) => sequence !== '' && whole.includes(sequence))
  const stopSequence = found.toSorted((a, b) => whole.indexOf(a) - whole.indexOf(b))[0]
  const text = stopSequence === undefined ? whole : whole.slice(0, whole.indexOf(stopSequence))
  if (prompt.maxTokens !== undefined && tokensOf(text) > prompt.maxTokens) {
    return { text: cutToTokens(text, prompt.maxTokens), stop: 'length', stopSequence: undefined }
  }
  return { text, stop: stopSequence === undefined ? 'end' : 'sequence', stopSequence }
}

function cutToTokens(text: string, tokens: number): string {
  let kept = ''
  let bytes = 0
  for (const word of wordsOf(text)) {
    bytes += Buffer.byteLength(word)
    if (bytes > tokens * BYTES_PER_TOKEN) break
    kept += word
  }
  return kept
}
