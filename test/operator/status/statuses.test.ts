// What statusesOf makes of the object that is there: which statuses are written, and what they keep.
import { describe, expect, test } from '@jest/globals'
import type { Condition } from '../../../operator/api/condition.ts'
import type { LLMProvider, LLMProviderStatus } from '../../../operator/api/llm-provider.ts'
import type { LLMRouteLimit } from '../../../operator/api/llm-route.ts'
import type { ObjectReference, Problem } from '../../../operator/api/problem.ts'
import type { SidecarCounts } from '../../../operator/rollout/count.ts'
import type { LimitUses } from '../../../operator/status/limit-use.ts'
import { type StatusInputs, statusesOf } from '../../../operator/status/statuses.ts'
import { llmProvider, llmRoute, ruleTo } from '../../support/resources.ts'

const EARLIER = '2026-11-21T10:00:00Z'
const NOW = '2026-11-21T11:30:00.123Z'
const NOW_SECONDS = '2026-11-21T11:30:00Z'
const CURRENT: SidecarCounts = { total: 2, current: 2, outdated: 0, missing: 0, imageOutdated: 0, unreachable: 0 }
const LAGGING: SidecarCounts = { ...CURRENT, current: 1, outdated: 1 }

function inputs(provider: LLMProvider, parts: Partial<StatusInputs> = {}): StatusInputs {
  const snapshot = { providers: [provider], routes: [] }
  const [sidecarsOf, usesOf] = [() => CURRENT, () => undefined]
  return { namespace: 'shop', snapshot, problems: [], warnings: [], sidecarsOf, usesOf, now: NOW, ...parts }
}

function provider(generation: number, status?: LLMProviderStatus): LLMProvider {
  const { metadata, ...object } = llmProvider('shop/openai')
  return { ...object, metadata: { ...metadata, generation }, ...(status && { status }) }
}

/** The status that the operator would have written at EARLIER. */
function statusAt(generation: number, sidecars: SidecarCounts = CURRENT): LLMProviderStatus {
  const [update] = statusesOf(inputs(provider(generation), { now: EARLIER, sidecarsOf: () => sidecars }))
  if (update === undefined) throw new Error('an object without status has one to be written')
  return update.status
}

function timesOf(conditions: readonly Condition[] = []): string[] {
  return conditions.map(({ type, status, lastTransitionTime }) => `${type} ${status} ${lastTransitionTime}`)
}

const secretNotFound: Problem = {
  object: { kind: 'LLMProvider', namespace: 'shop', name: 'openai' },
  field: 'spec.credentials[0].secretRef.name',
  reason: 'SecretNotFound',
  message: 'Secret shop/keys does not exist; create it in namespace shop',
}

test('the first status has all conditions, in their order, as of now and of this generation', () => {
  const [update] = statusesOf(inputs(provider(3)))
  expect(timesOf(update?.status.conditions)).toEqual([
    `Accepted True ${NOW_SECONDS}`,
    `ResolvedRefs True ${NOW_SECONDS}`,
    `Programmed True ${NOW_SECONDS}`,
  ])
  expect(update?.status.observedGeneration).toBe(3)
  expect(update?.status.conditions?.map(({ observedGeneration }) => observedGeneration)).toEqual([3, 3, 3])
})

describe('an object whose status is as it should be', () => {
  const status = statusAt(3)

  function checkSilent(name: string, stored: LLMProviderStatus): void {
    test(`is not written: ${name}`, () => {
      expect(statusesOf(inputs(provider(3, stored)))).toEqual([])
    })
  }

  checkSilent('as the operator wrote it', status)
  checkSilent(
    'with members in another order',
    Object.fromEntries(Object.entries(status).reverse()) as LLMProviderStatus,
  )
  const foreign: Condition = { ...conditionAt(status, 0), type: 'example.com/Audited', lastTransitionTime: EARLIER }
  checkSilent("beside somebody else's condition", { ...status, conditions: [foreign, ...(status.conditions ?? [])] })
})

function conditionAt({ conditions = [] }: LLMProviderStatus, index: number): Condition {
  const condition = conditions[index]
  if (condition === undefined) throw new Error(`no condition ${index}`)
  return condition
}

describe('a status is written anew', () => {
  function checkWritten(name: string, stored: LLMProviderStatus, parts: Partial<StatusInputs>, times: string[]): void {
    test(name, () => {
      const [update, ...others] = statusesOf(inputs(provider(3, stored), parts))
      expect(others).toEqual([])
      expect(timesOf(update?.status.conditions)).toEqual(times)
    })
  }

  checkWritten(
    'when a problem came: only the condition that became False has a new time',
    statusAt(3),
    {
      problems: [secretNotFound],
    },
    [`Accepted True ${EARLIER}`, `ResolvedRefs False ${NOW_SECONDS}`, `Programmed True ${EARLIER}`],
  )
  checkWritten('when the generation changed: every time stays', statusAt(2), {}, [
    `Accepted True ${EARLIER}`,
    `ResolvedRefs True ${EARLIER}`,
    `Programmed True ${EARLIER}`,
  ])
  checkWritten('when sidecars lag', statusAt(3), { sidecarsOf: () => LAGGING }, [
    `Accepted True ${EARLIER}`,
    `ResolvedRefs True ${EARLIER}`,
    `Programmed False ${NOW_SECONDS}`,
  ])
  checkWritten(
    'when only a count changed: every time stays',
    statusAt(3, LAGGING),
    {
      sidecarsOf: () => ({ ...LAGGING, total: 3, current: 2 }),
    },
    [`Accepted True ${EARLIER}`, `ResolvedRefs True ${EARLIER}`, `Programmed False ${EARLIER}`],
  )
  checkWritten('when somebody emptied it', {}, {}, [
    `Accepted True ${NOW_SECONDS}`,
    `ResolvedRefs True ${NOW_SECONDS}`,
    `Programmed True ${NOW_SECONDS}`,
  ])
})

test('a namespace writes its own objects only, and asks for their sidecars only', () => {
  const providers = [llmProvider('shop/openai'), llmProvider('ai/openai')]
  const routes = [llmRoute('shop/openai', [ruleTo('openai')]), llmRoute('cart/chat', [ruleTo('openai')])]
  const asked: ObjectReference[] = []
  const updates = statusesOf({
    ...inputs(provider(1)),
    snapshot: { providers, routes },
    sidecarsOf: (object) => {
      asked.push(object)
      return CURRENT
    },
  })
  const expected = [
    { kind: 'LLMProvider', namespace: 'shop', name: 'openai' },
    { kind: 'LLMRoute', namespace: 'shop', name: 'openai' },
  ]
  expect(updates.map(({ object: { kind, metadata } }) => ({ kind, ...metadata }))).toEqual(expected)
  expect(asked).toEqual(expected)
})

test('a problem reaches the object that it names: not its namesake of another kind, not that of another namespace', () => {
  const snapshot = {
    providers: [llmProvider('shop/openai'), llmProvider('shop/other')],
    routes: [llmRoute('shop/openai', [ruleTo('other')])],
  }
  const problems = [secretNotFound, { ...secretNotFound, object: { ...secretNotFound.object, namespace: 'ai' } }]
  const updates = statusesOf({ ...inputs(provider(1)), snapshot, problems })
  const broken = updates.filter(({ status }) => status.conditions?.some((condition) => condition.status === 'False'))
  expect(broken.map(({ object }) => `${object.kind} ${object.metadata.name}`)).toEqual(['LLMProvider openai'])
  expect(broken[0]?.status.conditions?.[1]?.message).toBe(`${secretNotFound.field}: ${secretNotFound.message}`)
})

test('a warning of one object changes its message and nothing else, and gives way to a problem', () => {
  const object = secretNotFound.object
  const warning: Problem = {
    ...{ object, field: 'spec.limits[0]', reason: 'PriceUnknown', message: 'some models have no price' },
  }
  const problem: Problem = {
    ...{ object, field: 'spec.tls.caBundle', reason: 'InvalidCertificate', message: 'it cannot be read' },
  }
  const elsewhere: Problem = { ...warning, object: { ...object, name: 'other' } }
  const accepted = (warnings: Problem[], problems: Problem[]) => {
    const [update] = statusesOf(inputs(provider(3, statusAt(3)), { warnings, problems }))
    const { status, reason, message } = update?.status.conditions?.[0] ?? {}
    return update === undefined ? 'Unwritten' : `${status} ${reason}: ${message}`
  }
  expect(accepted([warning], [])).toBe(
    'True Accepted: Every field can be used, but spec.limits[0]: some models have no price',
  )
  expect(accepted([warning], [problem])).toBe('False InvalidCertificate: spec.tls.caBundle: it cannot be read')
  expect(accepted([elsewhere], [])).toBe('Unwritten')
})

test('a message longer than an apiserver takes is cut between two characters', () => {
  const long: Problem = { ...secretNotFound, message: '😀'.repeat(40_000) }
  const [update] = statusesOf(inputs(provider(1), { problems: [long] }))
  const message = update?.status.conditions?.[1]?.message ?? ''
  expect([...message]).toHaveLength(32_768)
  expect(message.endsWith('😀…')).toBe(true)
})

describe('what is used of limits', () => {
  const RPM: LLMRouteLimit = {
    ...{ name: 'rpm', what: 'Requests', limit: 600, window: '1m', maxKeys: 1000, mode: 'Enforce' },
  }
  const AT_HALF = { name: 'rpm', what: 'Requests', limit: '600', used: '300', percent: 50, window: '1m' }
  const limited = (status?: LLMProviderStatus): LLMProvider => {
    const { spec, ...object } = provider(3, status)
    return { ...object, spec: { ...spec, limits: [RPM] } }
  }
  const used = (amount: number): LimitUses => new Map([['provider:shop/openai/rpm', { used: amount, limit: 600 }]])

  function check(
    name: string,
    limits: LLMProviderStatus['limits'],
    uses: LimitUses | undefined,
    expected: LLMProviderStatus['limits'] | 'Unwritten',
  ): void {
    test(name, () => {
      const stored = { ...statusAt(3), ...(limits && { limits }) }
      const [update] = statusesOf(inputs(limited(stored), { usesOf: () => uses }))
      expect(update === undefined ? 'Unwritten' : update.status.limits).toEqual(expected)
      if (update === undefined) return
      expect(update.status).toEqual({ ...statusAt(3), ...(expected && { limits: expected }) })
    })
  }

  check('is written when it is known, and changes nothing else', undefined, used(300), [AT_HALF])
  check('is not written when it stands there', [AT_HALF], used(300), 'Unwritten')
  check('stays while it is not known', [AT_HALF], undefined, 'Unwritten')
  check('is written when it is another', [{ ...AT_HALF, used: '60', percent: 10 }], used(300), [AT_HALF])
  check('is taken away when nothing is counted together', [AT_HALF], new Map(), undefined)
})
