// The ledgers of all namespaces as they are known to be written. What is about to be written counts only as far as it would be true of
// what was there before as well: a write may fail, or be done and not be answered.
import { UNDECLARED_MS } from './known-limits.ts'
import type { Ledger, LedgerEntry } from './ledger.ts'

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

  /** How much of it may be granted at most: 0 where it is not held. */
  heldOf(namespace: string, name: string): number {
    const entry = this.entry(namespace, name)
    return entry?.type === 'Held' ? mostOf(entry) : 0
  }

  forget(namespace: string, name: string): void {
    const ledger = new Map(this.#ledgers.get(namespace))
    ledger.delete(name)
    this.#ledgers.set(namespace, ledger)
  }

  /** Of counts that are not known, what is to stay: the documents may come yet. */
  unknown(namespace: string, isKnown: (name: string) => boolean, nowMs: number): [string, LedgerEntry][] {
    const isLate = nowMs - (this.#readMs.get(namespace) ?? nowMs) >= UNDECLARED_MS
    if (isLate) return []
    return [...(this.#ledgers.get(namespace) ?? [])].filter(([name]) => !isKnown(name))
  }

  /** This is about to be written. */
  expect(namespace: string, ledger: Ledger, isKnown: (name: string) => boolean): void {
    const stays = [...(this.#ledgers.get(namespace) ?? [])].flatMap(([name, present]): [string, LedgerEntry][] => {
      if (!isKnown(name)) return [[name, present]]
      const next = ledger.get(name)
      return next?.type === 'Held' ? [[name, smallerOf(present, next)]] : []
    })
    this.#ledgers.set(namespace, new Map(stays))
  }
}

function mostOf({ most }: Extract<LedgerEntry, { type: 'Held' }>): number {
  return most ?? Number.POSITIVE_INFINITY
}

function smallerOf(present: LedgerEntry, next: Extract<LedgerEntry, { type: 'Held' }>): LedgerEntry {
  return present.type === 'Held' && mostOf(next) < mostOf(present) ? next : present
}
