// The client of one term: nothing goes out after the term has ended, and what is under way then is given up. What another
// leader has written meanwhile must not be overwritten by one that does not know yet that it is none.
import { type KubeClient, KubeError, type KubeRequest } from './client.ts'

export interface TermLimits {
  /** Aborted when the term ends. */
  signal: AbortSignal
  /** Asks the clocks: a timer that should have ended the term may be late. */
  leads(): boolean
}

/** Throws KubeError with the reason `Aborted`. `close` is the other client's alone. */
export function clientOfTerm(client: KubeClient, { signal, leads }: TermLimits): Omit<KubeClient, 'watch' | 'close'> {
  return {
    request: async <Answer>(request: KubeRequest) => {
      if (signal.aborted || !leads()) {
        const message = `${request.method} ${request.path}: this process does not lead`
        throw new KubeError(message, { status: 0, reason: 'Aborted' })
      }
      return client.request<Answer>(request, signal)
    },
  }
}
