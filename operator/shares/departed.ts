import { countsUntil, type Span } from './span.ts'

/** Of a window: entries are as many at most, and count on for one part longer at most. */
const PARTS = 64

/** What sidecars that are gone may have used, until it has left the window or the period is over. */
export class Departed {
  /** Amounts by the moment from which they no longer count. */
  readonly #amounts = new Map<number, number>()

  add(amount: number, span: Span, nowMs: number): void {
    if (span.type === 'Open') return
    const part = span.type === 'Window' ? Math.ceil(span.windowMs / PARTS) : 1
    this.addUntil(amount, Math.ceil(countsUntil(span, nowMs) / part) * part)
  }

  addUntil(amount: number, untilMs: number): void {
    if (amount > 0) this.#amounts.set(untilMs, (this.#amounts.get(untilMs) ?? 0) + amount)
  }

  total(nowMs: number): number {
    for (const untilMs of this.#amounts.keys()) if (untilMs <= nowMs) this.#amounts.delete(untilMs)
    return [...this.#amounts.values()].reduce((sum, amount) => sum + amount, 0)
  }

  /** When the last of it no longer counts; undefined when there is nothing. Ask for the total first. */
  get untilMs(): number | undefined {
    return this.#amounts.size === 0 ? undefined : Math.max(...this.#amounts.keys())
  }
}
