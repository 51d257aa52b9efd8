import { expect, test } from '@jest/globals'
import { SecretValue } from '../../../contract/secret.ts'
import { failedByRefusal } from '../../../sidecar/attempt/failed-attempt.ts'
import { type Taken, type Turn, Turns } from '../../../sidecar/attempt/turns.ts'
import { createRuntime, type Provider } from '../../../sidecar/config/runtime.ts'
import { Refusal } from '../../../sidecar/errors.ts'
import { route } from '../../../sidecar/request/route.ts'
import { CredentialStanding } from '../../../sidecar/standing/credential-standing.ts'
import { Standings } from '../../../sidecar/standing/standings.ts'
import { createRecord } from '../../../sidecar/telemetry/request-record.ts'
import { createCredentials } from '../../../sidecar/upstream/credentials.ts'
import { decodedRequest } from '../../support/decoded-request.ts'
import {
  backend,
  CIRCUIT_BREAKER,
  provider,
  routeConfig,
  ruleConfig,
  sidecarConfig,
} from '../../support/sidecar-config.ts'

const random = (): number => 0

/** Two providers with a key each, the second of which stands by. */
function scene() {
  const providers = ['ai/first', 'ai/second'].map((id) =>
    provider(id, 'OpenAI', ['m'], {
      credentials: [{ name: 'primary', file: 'key', weight: 1 }],
      circuitBreaker: { ...CIRCUIT_BREAKER, consecutiveFailures: 1 },
    }),
  )
  const backends = providers.map(({ id }, at) => backend(id, 1, at))
  const routes = [routeConfig('shop/all', [ruleConfig('all', { backends })])]
  const runtime = createRuntime(sidecarConfig({ providers, routes }), {})
  const files = new Map([['key', new SecretValue('sk-0123456789')]])
  const credentials = createCredentials(runtime, files, undefined, () => new CredentialStanding(random, () => {}))
  const standings = new Standings(random, { onCircuit() {}, onHealth() {} })
  standings.adopt(runtime.providers)
  return { runtime, credentials, standings, second: runtime.providers[1] as Provider }
}

test('a key that may be tried again is not tried by a request that the circuit keeps from its provider', () => {
  const { runtime, credentials, standings, second } = scene()
  const request = decodedRequest({ dialect: 'OpenAI', operation: 'Chat', stream: false, model: 'm' })
  const [key] = credentials.of(second)
  key?.standing?.refused(401, 'm', 0)
  const nowMs = 60_000
  const turns = new Turns({
    choice: route(runtime, request),
    request,
    credentials,
    record: createRecord('request-1', 'POST', nowMs),
    standings,
    random,
    now: () => nowMs,
  })
  const first = turns.take(turns.next() as Turn) as Taken
  const elsewhere = standings.of(second)
  const permit = elsewhere.begin('Chat', 'Healthy', nowMs)
  if (permit !== undefined) elsewhere.end(permit, 'Failure', nowMs)
  turns.failed(first, failedByRefusal(new Refusal('provider_unreachable')))
  expect(turns.take(turns.next() as Turn)).toBeUndefined()
  expect(credentials.lacking(second, first.attempt.model, nowMs)).toBeUndefined()
})
