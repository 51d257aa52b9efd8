// What the sidecars come to: the counts, and the condition Programmed of an object that is right in itself.
import { expect, test } from '@jest/globals'
import { unpublishable } from '../../../operator/render/problems.ts'
import type { SidecarCounts } from '../../../operator/rollout/count.ts'
import { statusesOf } from '../../../operator/status/statuses.ts'
import { llmProvider, llmRoute } from '../../support/resources.ts'

const NONE: SidecarCounts = { total: 0, current: 0, outdated: 0, missing: 0, imageOutdated: 0, unreachable: 0 }

function check(name: string, counts: Partial<SidecarCounts>, currentOfTotal: string, programmed: string): void {
  test(name, () => {
    const [update] = statusesOf({
      namespace: 'shop',
      snapshot: { providers: [llmProvider('shop/openai')], routes: [] },
      problems: [],
      warnings: [],
      sidecarsOf: () => ({ ...NONE, ...counts }),
      usesOf: () => undefined,
      now: '2026-11-21T10:00:00Z',
    })
    const { status, reason, message } = update?.status.conditions?.find(({ type }) => type === 'Programmed') ?? {}
    expect(`${status} ${reason}: ${message}`).toBe(programmed)
    const { unreachableExample: _, ...numbers } = { ...NONE, ...counts }
    expect(update?.status.sidecars).toEqual({ ...numbers, currentOfTotal })
  })
}

check('nobody is concerned', {}, '0/0', 'True NoSidecars: No running sidecar is concerned')
check(
  'pods ask for a sidecar and none has one',
  { missing: 2 },
  '0/0',
  'True NoSidecars: No running sidecar is concerned; pods that ask for a sidecar and run without one: 2',
)
check('all follow', { total: 12, current: 12 }, '12/12', 'True Programmed: 12 of 12 sidecars run it')
check(
  'all follow, some of an older image, some missing',
  { total: 3, current: 3, imageOutdated: 1, missing: 2 },
  '3/3',
  'True Programmed: 3 of 3 sidecars run it; pods that ask for a sidecar and run without one: 2; ' +
    'sidecars of another image than new pods get: 1',
)
check('some lag', { total: 12, current: 8, outdated: 4 }, '8/12', 'False Pending: 8 of 12 sidecars run it, 4 not yet')
check(
  'some lag and some cannot be asked: what is known counts',
  { total: 12, current: 8, outdated: 4, unreachable: 1, unreachableExample: 'shop/web-1: connection refused' },
  '8/12',
  'False Pending: 8 of 12 sidecars run it, 3 not yet, 1 cannot be asked (shop/web-1: connection refused)',
)
check(
  'all that lag cannot be asked',
  { total: 12, current: 11, outdated: 1, unreachable: 1, unreachableExample: 'shop/web-1: connection refused' },
  '11/12',
  'Unknown SidecarsUnreachable: 11 of 12 sidecars run it, 1 cannot be asked (shop/web-1: connection refused)',
)
check(
  'nobody says why',
  { total: 1, outdated: 1, unreachable: 1 },
  '0/1',
  'Unknown SidecarsUnreachable: 0 of 1 sidecars run it, 1 cannot be asked',
)

test('a document that cannot be published leaves every object of the namespace unprogrammed, whatever its sidecars run', () => {
  const snapshot = { providers: [llmProvider('shop/openai')], routes: [llmRoute('shop/chat'), llmRoute('cart/chat')] }
  const problems = unpublishable('shop', { what: 'Document', bytes: 9_000_000, bytesMax: 8_000_000 }, snapshot)
  const counts = { ...NONE, total: 2, current: 2 }
  const now = '2026-11-21T10:00:00Z'
  const [sidecarsOf, usesOf] = [() => counts, () => undefined]
  const updates = statusesOf({ namespace: 'shop', snapshot, problems, warnings: [], sidecarsOf, usesOf, now })
  const programmed = updates.map(({ object, status }) => {
    const condition = status.conditions?.find(({ type }) => type === 'Programmed')
    return `${object.kind} ${object.metadata.name} ${condition?.status} ${condition?.reason}`
  })
  expect(programmed).toEqual(['LLMProvider openai False ConfigTooLarge', 'LLMRoute chat False ConfigTooLarge'])
})
