// Requests whose cost nobody can tell: the price of what they used is unknown, or the provider told no usage. Ledger and metrics count
// them apart, once for each place where a request left such a cost, since a cost of 0 would read as free of charge.
import type { RequestRecord } from './request-record.ts'

export interface UnpricedCount {
  unpriced: number
  /** Number of the last request that was counted; 0 for none. */
  unpricedRequest: number
}

/** `request`: its number, from 1 up; a second attempt of it counts no second time. */
export function noteUnpriced(count: UnpricedCount, request: number): void {
  if (count.unpricedRequest === request) return
  count.unpricedRequest = request
  count.unpriced++
}

/**
 * A generation that went well and told no usage, which escapes every budget. Reading a stored answer is none; images and audio may be
 * billed by something else than tokens.
 */
export function lacksUsage(record: RequestRecord): boolean {
  if (record.usage !== undefined || record.fault !== undefined || record.status >= 300) return false
  if (record.method !== 'POST' || record.provider === '') return false
  switch (record.operation) {
    case 'Chat':
    case 'Completions':
    case 'Responses':
    case 'Messages':
    case 'Embeddings':
      return true
    default:
      return false
  }
}
