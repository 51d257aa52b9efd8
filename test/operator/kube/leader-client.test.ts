import { expect, test } from '@jest/globals'
import { KubeError, type KubeRequest } from '../../../operator/kube/client.ts'
import { clientOfTerm } from '../../../operator/kube/leader-client.ts'

const REQUEST: KubeRequest = { method: 'PATCH', path: '/api/v1/namespaces/shop/configmaps/outrigger-config' }

function start() {
  const signals: (AbortSignal | undefined)[] = []
  const term = new AbortController()
  const lease = { isHeld: true }
  const client = {
    async request<Answer>(_request: KubeRequest, signal?: AbortSignal) {
      signals.push(signal)
      return 'answer' as Answer
    },
    watch: () => Promise.resolve(),
    close: () => {},
  }
  const limited = clientOfTerm(client, { signal: term.signal, leads: () => lease.isHeld })
  return { limited, signals, term, lease }
}

test('asks while the term lasts, and gives up what is under way with it', async () => {
  const { limited, signals, term } = start()
  expect(await limited.request(REQUEST)).toBe('answer')
  expect(signals).toEqual([term.signal])
})

test.each<[name: string, end: (it: ReturnType<typeof start>) => void]>([
  ['after the term', ({ term }) => term.abort()],
  [
    'when the lease has run out and nobody has noticed yet',
    ({ lease }) => {
      lease.isHeld = false
    },
  ],
])('asks nobody %s', async (_name, end) => {
  const it = start()
  end(it)
  const error = await it.limited.request(REQUEST).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(KubeError)
  expect(error).toMatchObject({ status: 0, reason: 'Aborted' })
  expect(it.signals).toEqual([])
})
