import { expect, test } from '@jest/globals'
import { matchesSelector } from '../../contract/selector.ts'
import type { SelectorConfig, SelectorTermConfig } from '../../contract/sidecar-config.ts'

const labels = { app: 'shop', tier: '', 'outrigger.dev/inject': 'true' }

function check(name: string, selector: Partial<SelectorConfig>, expected: boolean): void {
  test(name, () => {
    expect(matchesSelector({ matchLabels: {}, matchExpressions: [], ...selector }, labels)).toBe(expected)
  })
}

function term(key: string, operator: SelectorTermConfig['operator'], ...values: string[]): Partial<SelectorConfig> {
  return { matchExpressions: [{ key, operator, values }] }
}

check('an empty selector selects everything', {}, true)
check('a label with the same value is selected', { matchLabels: { app: 'shop' } }, true)
check('a label with another value is not selected', { matchLabels: { app: 'cart' } }, false)
check('every label must match', { matchLabels: { app: 'shop', team: 'search' } }, false)
check('an empty value is a value', { matchLabels: { tier: '' } }, true)
check('an empty value does not stand for a missing label', { matchLabels: { team: '' } }, false)
check('a key that every object inherits is a missing label', term('constructor', 'Exists'), false)

check('In holds for one of the values', term('app', 'In', 'cart', 'shop'), true)
check('In does not hold for another value', term('app', 'In', 'cart'), false)
check('In does not hold for a missing label', term('team', 'In', 'search'), false)
check('NotIn holds for another value', term('app', 'NotIn', 'cart'), true)
check('NotIn does not hold for one of the values', term('app', 'NotIn', 'shop', 'cart'), false)
check('NotIn holds for a missing label', term('team', 'NotIn', 'search'), true)
check('Exists holds for an empty value', term('tier', 'Exists'), true)
check('Exists does not hold for a missing label', term('team', 'Exists'), false)
check('DoesNotExist holds for a missing label', term('team', 'DoesNotExist'), true)
check('DoesNotExist does not hold for an empty value', term('tier', 'DoesNotExist'), false)

check(
  'labels and expressions must hold together',
  { matchLabels: { app: 'shop' }, matchExpressions: [{ key: 'tier', operator: 'DoesNotExist', values: [] }] },
  false,
)
