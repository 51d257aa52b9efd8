/** Runs something once, later; gives what takes it back. */
export type SetTimer = (run: () => void, delayMs: number) => () => void

export const setTimer: SetTimer = (run, delayMs) => {
  const timer = setTimeout(run, delayMs)
  return () => clearTimeout(timer)
}

/** A pause that can be cut short. */
export interface Pause {
  /** Resolves after `delayMs`, or at once when it is woken, or was woken since the last wait. */
  wait(delayMs: number): Promise<void>
  wake(): void
}

export function createPause(startTimer: SetTimer): Pause {
  let woken = false
  let end: (() => void) | undefined
  return {
    async wait(delayMs) {
      if (!woken) {
        await new Promise<void>((resolve) => {
          const cancel = startTimer(resolve, delayMs)
          end = () => {
            cancel()
            resolve()
          }
        })
      }
      end = undefined
      woken = false
    },
    wake() {
      woken = true
      end?.()
    },
  }
}
