import { expect, test } from '@jest/globals'
import type { Condition, ConditionStatus } from '../../../operator/api/condition.ts'
import { eventsOf } from '../../../operator/status/events.ts'
import type { ObjectStatus } from '../../../operator/status/statuses.ts'
import { llmRoute } from '../../support/resources.ts'

const ROUTE = llmRoute('shop/chat', [], { uid: 'u-1' })

/** `True Programmed`: a status and a reason. */
type Said = `${ConditionStatus} ${string}`

function statusWith(said: Partial<Record<string, Said>>, message: string): ObjectStatus {
  const conditions = Object.entries(said).map(([type, words = '']): Condition => {
    const [status, reason = ''] = words.split(' ')
    return { type, status: status as ConditionStatus, reason, message, lastTransitionTime: '2026-11-21T10:00:00Z' }
  })
  return { conditions }
}

function check(
  name: string,
  before: Partial<Record<string, Said>> | undefined,
  after: Partial<Record<string, Said>>,
  expected: string[],
): void {
  test(name, () => {
    const events = eventsOf(before && statusWith(before, 'as it was'), statusWith(after, 'as it is'), ROUTE)
    expect(events.map(({ type, reason, message }) => `${type} ${reason}: ${message}`)).toEqual(expected)
  })
}

const sound: Record<string, Said> = {
  Accepted: 'True Accepted',
  ResolvedRefs: 'True ResolvedRefs',
  Programmed: 'True Programmed',
}

check('an object that is sound from the start is no event', undefined, sound, [])
check('an object that is broken from the start is one', undefined, { ...sound, ResolvedRefs: 'False SecretNotFound' }, [
  'Warning SecretNotFound: as it is',
])
check('nothing changed but messages and counts', sound, sound, [])
check('a condition became False', sound, { ...sound, Accepted: 'False InvalidField' }, [
  'Warning InvalidField: as it is',
])
check('a condition became True', { ...sound, ResolvedRefs: 'False ProviderNotFound' }, sound, [
  'Normal ResolvedRefs: as it is',
])
check(
  'a condition is False for another reason',
  { ...sound, ResolvedRefs: 'False SecretNotFound' },
  { ...sound, ResolvedRefs: 'False SecretKeyNotFound' },
  ['Warning SecretKeyNotFound: as it is'],
)
check('a condition is True for another reason', sound, { ...sound, Programmed: 'True NoSidecars' }, [])
check('sidecars that are about to follow are nothing to warn of', sound, { ...sound, Programmed: 'False Pending' }, [
  'Normal Pending: as it is',
])
check('sidecars that cannot be asked are', sound, { ...sound, Programmed: 'Unknown SidecarsUnreachable' }, [
  'Warning SidecarsUnreachable: as it is',
])
check(
  'several conditions changed',
  sound,
  { ...sound, ResolvedRefs: 'False ModelNotFound', Programmed: 'False RuleUnavailable' },
  ['Warning ModelNotFound: as it is', 'Warning RuleUnavailable: as it is'],
)
check("somebody else's condition is not ours to tell of", sound, { ...sound, Audited: 'False Overdue' }, [])

test('an event says which object it is about', () => {
  const [event] = eventsOf(undefined, statusWith({ Accepted: 'False InvalidField' }, 'x'), ROUTE)
  expect(event?.regarding).toEqual({
    apiVersion: 'outrigger.dev/v1alpha1',
    kind: 'LLMRoute',
    namespace: 'shop',
    name: 'chat',
    uid: 'u-1',
  })
})

test('a message longer than an event takes is cut between two characters', () => {
  const [event] = eventsOf(undefined, statusWith({ Accepted: 'False InvalidField' }, 'ä'.repeat(600)), ROUTE)
  expect(event?.message).toBe(`${'ä'.repeat(510)}…`)
  expect(Buffer.byteLength(event?.message ?? '')).toBeLessThanOrEqual(1024)
})
