// Event streams whose end Outrigger does not know (transcriptions, images, assistants): never held to be cut, and
// whatever top-level usage they bring is read where the operation is one that is metered.
import type { EventWatch } from './event-watch.ts'
import { memberFromEnd, parseJson } from './json-from-end.ts'
import type { SseEvent } from './sse-grammar.ts'
import { members, type Usage } from './usage.ts'

const HINT = /"usage"\s*:\s*\{/

export class OtherEvents implements EventWatch {
  readonly complete = true
  readonly providerError = undefined
  readonly #readUsage: (object: unknown) => Usage | undefined
  #usage: Usage | undefined

  constructor(readUsage: (object: unknown) => Usage | undefined) {
    this.#readUsage = readUsage
  }

  wants(text: string): boolean {
    return HINT.test(text)
  }

  read({ data }: SseEvent): 'Forward' {
    this.#take(members(parseJson(data)).usage)
    return 'Forward'
  }

  /** A finished image. */
  readOversized(_head: SseEvent, tail: Buffer): void {
    this.#take(memberFromEnd(tail, '"usage"', 1))
  }

  usage(): Usage | undefined {
    return this.#usage
  }

  #take(usage: unknown): void {
    this.#usage = this.#readUsage(usage) ?? this.#usage
  }
}
