// Usage against every recording that tells any: what a reader reports is what the provider's own object says, to the token.
//
// The object is found by parsing the whole recording, and added up by other rules than the readers have: by the provider's own total,
// where it tells one.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import type { AnswerFormat } from '../../../sidecar/stream/create-body-reader.ts'
import type { Usage } from '../../../sidecar/stream/usage.ts'
import { HAS_RECORDINGS, RECORDINGS, type Recording, recordedAnswers, recordedStreams } from './recordings.ts'
import { plainUsage, readReference } from './reference.ts'
import { replay } from './replay.ts'

const family = HAS_RECORDINGS ? describe : describe.skip
const SKIPPED = HAS_RECORDINGS ? '' : ' (skipped: no recordings on this machine)'

/** Frames of Amazon's have a test of their own. */
const FOLDERS = ['openai-chat', 'openai-responses', 'openai-embeddings', 'azure-openai', 'anthropic-messages', 'gemini']

/** Tell usage, and are no answers that can be read. */
const NO_ANSWERS = /\/schema\//

type Answer = Recording & { format: AnswerFormat }

function all(): Answer[] {
  if (!HAS_RECORDINGS) return []
  return [
    ...recordedStreams().map((stream) => ({ ...stream, format: 'events' as const })),
    ...recordedAnswers().map((answer) => ({ ...answer, format: 'json' as const })),
    ...interactions(),
  ]
}

/** Gemini's counterpart of Responses. */
function interactions(): Answer[] {
  const of = (name: string, format: AnswerFormat, body: Buffer) =>
    ({ name: `gemini/interactions/${name}`, dialect: 'Gemini', operation: 'Responses', format, body }) as const
  const [stream, document] = ['basic.chunks.txt', 'basic.json'].map((name) =>
    readFileSync(join(RECORDINGS, 'gemini/interactions', name)),
  ) as [Buffer, Buffer]
  const events = stream
    .toString()
    .trim()
    .split('\n')
    .map((line) => `data: ${line}\n\n`)
  return [of('basic.chunks.txt', 'events', Buffer.from(events.join(''))), of('basic.json', 'json', document)]
}

function reported({ dialect, operation, format, body }: Answer): Usage | undefined {
  return replay({ dialect, operation, format, stripUsage: 'Keep', framing: 'Announced' }, [body]).usage
}

/** The usage objects as they stand in the body, in order; more than one in a stream that tells them again and again. */
function told({ dialect, format, body }: Answer): unknown[] {
  const texts =
    format === 'json' ? [body.toString()] : [...body.toString().matchAll(/^data: ?(\{.*)$/gm)].map(([, text]) => text)
  const key = dialect === 'Gemini' ? /^(?:usageMetadata|usage)$/ : /^usage$/
  return texts.flatMap((text) => usagesIn(parsed(text), key))
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    // The end of a stream that was cut, which is no event.
    return undefined
  }
}

/** At the top, in the message or response that an event is about, or where Groq puts it. */
function usagesIn(value: unknown, key: RegExp): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) => {
    if (key.test(name)) return member === null ? [] : [member]
    return /^(?:message|response|interaction|x_groq)$/.test(name) ? usagesIn(member, key) : []
  })
}

function expected(answer: Answer): Usage | undefined {
  if (answer.name.includes('/interactions/')) return interactionUsage(told(answer).at(-1))
  if (answer.format === 'events') return readReference(answer).usage
  return plainUsage(answer.dialect, told(answer).at(-1))
}

function interactionUsage(object: unknown): Usage {
  const usage = object as Record<string, number>
  const of = (...names: string[]) => names.reduce((sum, name) => sum + (usage[`total_${name}_tokens`] ?? 0), 0)
  return {
    inputTokens: of('input', 'tool_use'),
    cachedInputTokens: of('cached'),
    cacheWriteTokens: 0,
    outputTokens: of('output', 'thought'),
    reasoningTokens: of('thought'),
  }
}

family(`what was recorded tells its usage${SKIPPED}`, () => {
  const answers = all()

  test.each(answers.filter((answer) => told(answer).length > 0).map((answer) => [answer.name, answer] as const))(
    '%s is reported to the token',
    (_name, answer) => {
      const usage = reported(answer)
      expect(usage).toBeDefined()
      expect(usage).toEqual(expected(answer))
    },
  )

  test('what tells none is reported as unknown', () => {
    const silent = answers.filter((answer) => told(answer).length === 0)
    expect(silent.filter((answer) => reported(answer) !== undefined).map(({ name }) => name)).toEqual([])
    expect(silent.length).toBeGreaterThan(10)
  })

  test('input and output are the provider’s own total, wherever it tells one', () => {
    const odd: string[] = []
    let compared = 0
    for (const answer of answers) {
      const total = totalOf(told(answer).at(-1))
      const usage = reported(answer)
      if (total === undefined || usage === undefined) continue
      compared++
      if (usage.inputTokens + usage.outputTokens !== total) odd.push(answer.name)
    }
    expect(odd).toEqual([])
    expect(compared).toBeGreaterThan(150)
  })

  test('no recording with a usage object is left out', () => {
    const read = new Set(answers.map(({ name }) => name.replace(/ \(\d+ of \d+\)$/, '')))
    const files = FOLDERS.flatMap(filesIn).filter((file) => tellsUsage(file) && !NO_ANSWERS.test(file))
    expect(files.filter((file) => !read.has(file))).toEqual([])
    expect(files.length).toBeGreaterThan(250)
  })
})

function totalOf(usage: unknown): number | undefined {
  const { total_tokens, totalTokenCount } = (usage ?? {}) as Record<string, number | undefined>
  return total_tokens ?? totalTokenCount
}

function filesIn(folder: string): string[] {
  return readdirSync(join(RECORDINGS, folder)).flatMap((kind) =>
    readdirSync(join(RECORDINGS, folder, kind)).map((file) => join(folder, kind, file)),
  )
}

function tellsUsage(file: string): boolean {
  return /\\?"(?:usage|usageMetadata)\\?"\s*:\s*\{/.test(readFileSync(join(RECORDINGS, file), 'utf8'))
}
