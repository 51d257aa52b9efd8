// A KubeClient that answers from a script, one step per request, and tells what it was asked and when.
import { type KubeClient, KubeError, type KubeRequest, type WatchEvent } from '../../../operator/kube/client.ts'
import type { VirtualClock } from '../../support/virtual-clock.ts'

export type Step =
  /** Of a list. */
  | { answer: unknown }
  | { fails: KubeError }
  /** Of a watch; how it goes on after the events, `afterMs` later. */
  | { events: readonly WatchEvent[]; ending: 'End' | 'Silence' | KubeError; afterMs?: number }

export interface ScriptedClient extends KubeClient {
  /** E.g. `0 list limit=500`, `800 watch 7`. */
  readonly asked: readonly string[]
  readonly requests: readonly KubeRequest[]
}

/** After the last step, every request waits for ever. */
export function scriptedClient(clock: VirtualClock, steps: readonly Step[]): ScriptedClient {
  const left = [...steps]
  const asked: string[] = []
  const requests: KubeRequest[] = []

  const next = (what: string, request: KubeRequest): Step | undefined => {
    asked.push(`${clock.now()} ${what}`)
    requests.push(request)
    return left.shift()
  }

  return {
    asked,
    requests,
    async request<Answer>(request: KubeRequest, signal?: AbortSignal): Promise<Answer> {
      const { limit, continue: token } = request.query ?? {}
      const words = ['list', ...(limit ? [`limit=${limit}`] : []), ...(token ? [`continue=${token}`] : [])]
      const step = next(words.join(' '), request)
      if (step === undefined) return endOf<Answer>(signal)
      if ('fails' in step) throw step.fails
      if ('answer' in step) return step.answer as Answer
      throw new Error('the script has a watch here')
    },
    async watch(request, onEvent, signal) {
      const step = next(`watch ${request.query?.resourceVersion}`, request)
      if (step === undefined) return endOf(signal)
      if ('fails' in step) throw step.fails
      if ('answer' in step) throw new Error('the script has a list here')
      for (const event of step.events) onEvent(event)
      if (step.ending === 'Silence') return endOf(signal)
      await Promise.race([pause(clock, step.afterMs ?? 0), endOf(signal)])
      if (step.ending !== 'End') throw step.ending
    },
    close() {},
  }
}

export function refusal(status: number, reason: string, retryAfterMs?: number): KubeError {
  return new KubeError(reason, { status, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
}

function endOf<T>(signal: AbortSignal | undefined): Promise<T> {
  const { promise, reject } = Promise.withResolvers<T>()
  const aborted = new KubeError('Aborted', { status: 0, reason: 'Aborted' })
  if (signal?.aborted) reject(aborted)
  signal?.addEventListener('abort', () => reject(aborted), { once: true })
  return promise
}

function pause(clock: VirtualClock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.startTimer(resolve, ms))
}
