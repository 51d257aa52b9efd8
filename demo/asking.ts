// What the demo application does: it asks one question, and counts. The official SDK does the talking; nothing here knows
// Outrigger, but for two response headers that it prints.
import type OpenAI from 'openai'

export interface Counts {
  asked: number
  answered: number
  failed: number
  /** Answers by the model that gave them. */
  models: Record<string, number>
  lastError: string | null
}

export function newCounts(): Counts {
  return { asked: 0, answered: 0, failed: 0, models: {}, lastError: null }
}

/** Asks once; never rejects. Returns the line to print. */
export async function ask(client: OpenAI, counts: Counts, now: () => number): Promise<string> {
  const startedAt = now()
  counts.asked += 1
  const question = `What is ${counts.asked} times 7?`
  try {
    const { data, response } = await client.chat.completions
      .create({ model: 'chat', messages: [{ role: 'user', content: question }] })
      .withResponse()
    const model = response.headers.get('x-outrigger-model') ?? data.model
    const provider = response.headers.get('x-outrigger-provider') ?? 'nobody in between'
    counts.answered += 1
    counts.models[model] = (counts.models[model] ?? 0) + 1
    const text = data.choices[0]?.message.content ?? ''
    return `${counts.asked} ${response.status} ${model} by ${provider} in ${ms(now() - startedAt)}: ${text}`
  } catch (error) {
    counts.failed += 1
    counts.lastError = error instanceof Error ? error.message : String(error)
    return `${counts.asked} failed in ${ms(now() - startedAt)}: ${counts.lastError}`
  }
}

function ms(duration: number): string {
  return `${Math.round(duration)} ms`
}
