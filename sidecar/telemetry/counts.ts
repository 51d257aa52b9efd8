// What is counted without labels, or by a table that is closed.
import { FAILURES, type FailureCode } from '../errors.ts'

export interface Counts {
  inFlight: number
  /** Requests; also the number of the last one. */
  ended: number
  failures: Record<FailureCode, number>
  costUnknown: number
  usageMissing: number
  revision: string | undefined
  adoptedAtMs: number
  rejections: number
  /** 1 while the newest document is not the one in use. */
  rejected: 0 | 1
}

export const FAILURE_CODES = Object.keys(FAILURES) as FailureCode[]

export function createCounts(): Counts {
  return {
    inFlight: 0,
    ended: 0,
    failures: Object.fromEntries(FAILURE_CODES.map((code) => [code, 0])) as Record<FailureCode, number>,
    costUnknown: 0,
    usageMissing: 0,
    revision: undefined,
    adoptedAtMs: 0,
    rejections: 0,
    rejected: 0,
  }
}
