// The ledgers of all namespaces as they are known to be written. What is about to be written counts only as far as it would be true of
// what was there before as well: a write may fail, or be done and not be answered.
import type { Ledger, LedgerEntry } from './ledger.ts'

/** What a ledger has of limits that no document declares is kept so long: the documents may come yet. */
const UNKNOWN_MS = 3_600_000

export class Ledgers {
  readonly #ledgers = new Map<string, Ledger>()
  readonly #readMs = new Map<string, number>()

  /** As it was read, or written. */
  set(namespace: string, ledger: Ledger, nowMs: number): void {
    if (!this.#ledgers.has(namespace)) this.#readMs.set(namespace, nowMs)
    this.#ledgers.set(namespace, ledger)
  }

  has(namespace: string): boolean {
    return this.#ledgers.has(namespace)
  }

  /** Those that were read. */
  namespaces(): string[] {
    return [...this.#ledgers.keys()]
  }

  /** All entries, with their namespaces. */
  names(): [namespace: string, name: string][] {
    return [...this.#ledgers].flatMap(([namespace, ledger]) =>
      [...ledger.keys()].map((name): [string, string] => [namespace, name]),
    )
  }

  entry(namespace: string, name: string): LedgerEntry | undefined {
    return this.#ledgers.get(namespace)?.get(name)
  }

  isHeld(namespace: string, name: string): boolean {
    return this.entry(namespace, name)?.type === 'Held'
  }

  forget(namespace: string, name: string): void {
    const ledger = new Map(this.#ledgers.get(namespace))
    ledger.delete(name)
    this.#ledgers.set(namespace, ledger)
  }

  /** Of counts that are not known, what is to stay. */
  unknown(namespace: string, isKnown: (name: string) => boolean, nowMs: number): [string, LedgerEntry][] {
    const isEarly = nowMs - (this.#readMs.get(namespace) ?? nowMs) < UNKNOWN_MS
    return [...(this.#ledgers.get(namespace) ?? [])].filter(([name]) => isEarly && !isKnown(name))
  }

  /** This is about to be written. */
  expect(namespace: string, ledger: Ledger, isKnown: (name: string) => boolean): void {
    const present = [...(this.#ledgers.get(namespace) ?? [])]
    const stays = present.filter(([name]) => ledger.get(name)?.type === 'Held' || !isKnown(name))
    this.#ledgers.set(namespace, new Map(stays))
  }
}
