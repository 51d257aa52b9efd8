import { beforeEach, expect, test } from '@jest/globals'
import { createRuntime, type Provider } from '../../../sidecar/config/runtime.ts'
import type { AttemptPermit } from '../../../sidecar/standing/provider-standing.ts'
import { Standings } from '../../../sidecar/standing/standings.ts'
import { CIRCUIT_BREAKER, provider, sidecarConfig } from '../../support/sidecar-config.ts'

let told: object[]
let standings: Standings

beforeEach(() => {
  told = []
  standings = new Standings(() => 0, {
    onCircuit: (change) => told.push(change),
    onHealth: (change) => told.push(change),
  })
})

/** Adopts a document with these, each `id` or `id base-URL`. */
function adopt(...names: string[]): Provider[] {
  const providers = names.map((name) => {
    const [id = '', baseURL = 'https://llm.example'] = name.split(' ')
    return provider(id, 'OpenAI', [], { baseURL, circuitBreaker: { ...CIRCUIT_BREAKER, consecutiveFailures: 1 } })
  })
  const adopted = [...createRuntime(sidecarConfig({ providers }), {}).providers]
  standings.adopt(adopted)
  return adopted
}

function begin(one: Provider): AttemptPermit {
  return standings.of(one).begin('Chat', 'Panic', 0) as AttemptPermit
}

function fail(one: Provider): void {
  standings.of(one).end(begin(one), 'Failure', 0)
}

test('a provider that the next document has too keeps its standing, also for requests of the earlier one', () => {
  const [before] = adopt('ai/a') as [Provider]
  fail(before)
  const [after] = adopt('ai/a') as [Provider]
  expect(standings.of(after)).toBe(standings.of(before))
  expect(standings.of(after).circuit('Chat', 0)).toBe('Open')
})

test('at another base URL it is another server', () => {
  const [before] = adopt('ai/a') as [Provider]
  fail(before)
  const [after] = adopt('ai/a https://other.example') as [Provider]
  expect([standings.of(before).circuit('Chat', 0), standings.of(after).circuit('Chat', 0)]).toEqual(['Open', 'Closed'])
})

test('what is said of one names it', () => {
  const [, second] = adopt('ai/a', 'ai/b') as [Provider, Provider]
  fail(second)
  standings.of(second).setHealth('Unhealthy', 'x', 0)
  expect(told).toEqual([
    { provider: 'ai/b', operation: 'Chat', from: 'Closed', to: 'Open', why: 'a request failed' },
    { provider: 'ai/b', healthy: 'Unhealthy', why: 'x' },
  ])
})

test('one that is gone for a document comes back as it was, while requests to it are under way', () => {
  const [before] = adopt('ai/a') as [Provider]
  fail(before)
  const permit = begin(before)
  adopt()
  adopt('ai/b')
  const [back] = adopt('ai/b', 'ai/a').slice(1) as [Provider]
  expect(standings.of(back)).toBe(standings.of(before))
  standings.of(back).end(permit, 'Neutral', 0)
  adopt('ai/b')
  const [afresh] = adopt('ai/a') as [Provider]
  expect(standings.of(afresh).circuit('Chat', 0)).toBe('Closed')
})

test('a request of a document that is long gone still ends', () => {
  const [before] = adopt('ai/a') as [Provider]
  const permit = begin(before)
  for (let i = 0; i < 3; i++) adopt()
  standings.of(before).end(permit, 'Failure', 0)
  expect([standings.of(before).inFlight, standings.report(0)]).toEqual([0, []])
})

test('the report has the providers in force, in the order of the document', () => {
  adopt('ai/b', 'ai/a', 'ai/c')
  adopt('ai/c', 'ai/b')
  expect(standings.report(0).map((one) => one.provider)).toEqual(['ai/c', 'ai/b'])
})

test('one that was never adopted has no standing', () => {
  const [stranger] = createRuntime(sidecarConfig({ providers: [provider('ai/x', 'OpenAI')] }), {}).providers
  expect(() => standings.of(stranger as Provider)).toThrow('provider ai/x was never adopted')
})
