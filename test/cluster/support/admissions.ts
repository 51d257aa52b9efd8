// What a provider was asked, as a record of what was admitted, and the most of it that a span of time holds. In: requests that the mock
// recorded, of apps/load.ts. Out: numbers. A sidecar admits a request after the application has sent it and before the provider receives
// it, and only these two moments are known, by the clock of the one machine that all of them run on. So what is said of a span is
// said of requests that were sent and received within it: however late a busy machine delivers one, none is counted in a span
// in which it was not admitted.
import type { RecordedRequest } from '../../../mock/record.ts'

export interface Admission {
  /** Of the pod, and the number of its question: one that is tried again is still one. */
  id: string
  /** Milliseconds since the epoch, rounded down, as is the other. */
  sentMs: number
  receivedMs: number
}

export class Admissions {
  readonly #byId = new Map<string, Admission>()

  /** May be called with what was seen before. */
  add(requests: readonly RecordedRequest[]): void {
    for (const { body, bodyComplete, startedAt } of requests) {
      if (!bodyComplete) continue
      const [pod = '', number = '', sent] = contentOf(body).split(' ')
      const id = `${pod} ${number}`
      if (!this.#byId.has(id)) this.#byId.set(id, { id, sentMs: Number(sent), receivedMs: startedAt })
    }
  }

  get size(): number {
    return this.#byId.size
  }

  /** Of those within [fromMs, toMs), the most that were admitted within any span as long as that, for sure. */
  mostWithin(spanMs: number, fromMs = 0, toMs = Number.POSITIVE_INFINITY): number {
    const those = [...this.#byId.values()].filter(({ sentMs, receivedMs }) => sentMs >= fromMs && receivedMs < toMs)
    return mostWithin(those, spanMs)
  }
}

/** A span that holds the most begins where one of them was sent. */
export function mostWithin(admissions: readonly Admission[], spanMs: number): number {
  const counts = admissions.map(({ sentMs: fromMs }) => {
    return admissions.filter(({ sentMs, receivedMs }) => sentMs >= fromMs && receivedMs < fromMs + spanMs).length
  })
  return Math.max(0, ...counts)
}

function contentOf(body: string): string {
  const { messages } = JSON.parse(body) as { messages: { content: string }[] }
  return messages[0]?.content ?? ''
}
