// Event streams whose end Outrigger does not know (transcriptions, images, interactions, assistants): never held to be cut, and
// whatever usage they bring is read where the operation is one that is metered. An image is whole, and billed, with its own event.
import type { EventWatch } from './event-watch.ts'
import { memberFromEnd, parseJson } from './json-from-end.ts'
import type { SseEvent } from './sse-grammar.ts'
import { members, NO_TOKENS, type Usage } from './usage.ts'

const HINT = /"usage"\s*:\s*\{|image_(?:generation|edit)\.completed/
const IMAGE = /^image_(?:generation|edit)\.completed$/

export class OtherEvents implements EventWatch {
  readonly complete = true
  readonly providerError = undefined
  readonly content: 'Other' | 'Unmetered'
  readonly #readUsage: ((object: unknown) => Usage | undefined) | undefined
  #usage: Usage | undefined
  #images = 0

  /** Without a reader nothing is metered. */
  constructor(readUsage?: (object: unknown) => Usage | undefined) {
    this.#readUsage = readUsage
    this.content = readUsage === undefined ? 'Unmetered' : 'Other'
  }

  wants(text: string): boolean {
    return this.#readUsage !== undefined && HINT.test(text)
  }

  read({ name, data }: SseEvent): 'Forward' {
    const event = members(parseJson(data))
    // Gemini's interactions have it one level further in.
    this.#take(event.usage ?? members(event.interaction).usage)
    this.#hear(String(event.type ?? name))
    return 'Forward'
  }

  /** A finished image. */
  readOversized({ name, data }: SseEvent, tail: Buffer): void {
    this.#take(memberFromEnd(tail, '"usage"', 1))
    this.#hear(name === '' ? String(/"type"\s*:\s*"([^"\\]*)"/.exec(data)?.[1]) : name)
  }

  usage(): Usage | undefined {
    return this.#images === 0 ? this.#usage : { ...NO_TOKENS, ...this.#usage, images: this.#images }
  }

  #hear(type: string): void {
    if (IMAGE.test(type)) this.#images++
  }

  #take(usage: unknown): void {
    this.#usage = this.#readUsage?.(usage) ?? this.#usage
  }
}
