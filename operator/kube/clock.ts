// Time as the operator sees it, so that a test can let an hour pass in a moment.
import { performance } from 'node:perf_hooks'
import { type SetTimer, setTimer } from './timer.ts'

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds of a clock that never goes back. */
  uptime(): number
  startTimer: SetTimer
}

export const systemClock: Clock = {
  now: () => Date.now(),
  uptime: () => performance.now(),
  startTimer: setTimer,
}
