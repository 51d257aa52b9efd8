// Time that passes only when a test says so. Promises that are ready are run to their end before each step.
import type { SetTimer } from '../../operator/kube/timer.ts'

export interface VirtualClock {
  /** Milliseconds since the start. */
  now(): number
  startTimer: SetTimer
  /** Timers that have not fired. */
  readonly pending: number
  /** Fires, in order, what is due until then. */
  advance(ms: number): Promise<void>
}

interface Timer {
  due: number
  run: () => void
}

export function createVirtualClock(): VirtualClock {
  const timers = new Set<Timer>()
  let time = 0

  const nextUntil = (end: number): Timer | undefined => {
    let next: Timer | undefined
    for (const timer of timers) if (timer.due <= end && (next === undefined || timer.due < next.due)) next = timer
    return next
  }

  return {
    now: () => time,
    startTimer(run, delayMs) {
      const timer = { due: time + delayMs, run }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    get pending() {
      return timers.size
    },
    async advance(ms) {
      const end = time + ms
      await settled()
      for (let timer = nextUntil(end); timer !== undefined; timer = nextUntil(end)) {
        timers.delete(timer)
        time = Math.max(time, timer.due)
        timer.run()
        await settled()
      }
      time = end
    },
  }
}

/** Promises call each other until none is ready; only then does the event loop go on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
