// What the parser refuses of limits, budgets and prices; the rest is in parse.test.ts.
import { expect, test } from '@jest/globals'
import { parseSidecarConfig } from '../../contract/parse.ts'
import { documentWith, remove } from './changed-document.ts'
import { fullDocument } from './full-document.ts'

/** `sentence` is what is said of `at`, the changed place itself unless it is given. */
function check(place: string, value: unknown, sentence: string, at = place): void {
  const what = value === remove ? 'removed' : JSON.stringify(value)
  test(`${place} ${what} is refused`, () => {
    const parsed = parseSidecarConfig(JSON.stringify(documentWith(place, value)))
    expect('problems' in parsed ? parsed.problems : []).toEqual([`${at}: ${sentence}`])
  })
}

function checkAllowed(place: string, value: unknown): void {
  test(`${place} ${JSON.stringify(value)} is taken`, () => {
    const document = documentWith(place, value)
    expect(parseSidecarConfig(JSON.stringify(document))).toEqual({ config: document })
  })
}

const RULE = 'routes[0].rules[0]'
const LIMIT = `${RULE}.limits[0]`
const OPEN = `${RULE}.limits[1]`
const BUDGET = `${RULE}.budgets[0]`
const ROLLING = `${RULE}.budgets[1]`
const QUOTA = 'providers[0].limits[0]'
const PRICE = 'providers[0].models[0].price'

check('providers[0].limits', remove, 'missing')
check('routes[0].limits', remove, 'missing')
check('routes[0].budgets', {}, 'expected a list')
check(`${RULE}.limits`, remove, 'missing')
check(`${RULE}.budgets`, remove, 'missing')
check(`${RULE}.unknownPrice`, remove, 'missing')
check(`${RULE}.unknownPrice`, 'Allow', 'expected one of Reject, AllowUnpriced')

for (const field of ['id', 'name', 'scope', 'per', 'keysMax', 'mode', 'what', 'limit']) {
  check(`${LIMIT}.${field}`, remove, 'missing')
}
for (const field of ['amountPicoUsd', 'period', 'warnAtPercent', 'onExhausted']) {
  check(`${BUDGET}.${field}`, remove, 'missing')
}
check(`${LIMIT}.store`, 'Redis', 'unknown field')
check(`${BUDGET}.limit`, 1, 'unknown field')
check(`${LIMIT}.id`, 'route:shop/chat/fast/tpm', 'expected route:shop/chat/fast/rpm')
check('routes[0].limits[0].id', 'route:shop/chat/open', 'expected route:shop/chat//open')
check('routes[0].budgets[0].id', 'route:shop/other//month', 'expected route:shop/chat//month')
check(`${QUOTA}.id`, 'provider:ai/openai/rpm', 'expected provider:ai/azure/rpm')
check(`${LIMIT}.scope`, 'Namespace', 'expected Pod, by per')
check(`${QUOTA}.scope`, 'Namespace', 'expected Cluster, by per')
check('routes[0].limits[0].scope', 'Cluster', 'expected Namespace, by per')
check(`${LIMIT}.scope`, 'Fleet', 'expected one of Pod, Workload, Namespace, Cluster')
check(`${LIMIT}.keysMax`, 0, 'expected an integer ≥ 1')
check(`${LIMIT}.keysMax`, 10_001, 'expected an integer ≤ 10000')
check(`${LIMIT}.mode`, 'Off', 'expected one of Enforce, Shadow')
check(`${LIMIT}.what`, 'Bytes', 'expected one of Requests, Tokens, InputTokens, OutputTokens, Cost, Concurrency')
check(`${LIMIT}.limit`, 0, 'expected an integer ≥ 1')
check(`${LIMIT}.limit`, '600', 'expected an integer ≥ 1')
check(`${OPEN}.limit`, 0.5, 'expected an integer ≥ 1')
checkAllowed(`${LIMIT}.limit`, 2 ** 53 * 10)
checkAllowed(`${LIMIT}.burst`, 600)
check(`${LIMIT}.burst`, 601, 'expected at most limit')
check(`${LIMIT}.burst`, 0, 'expected an integer ≥ 1')
check(`${OPEN}.burst`, 1, 'not allowed with Concurrency')
check(`${LIMIT}.windowMs`, remove, 'required with Requests')
check(`${OPEN}.windowMs`, 60_000, 'not allowed with Concurrency')
check(`${LIMIT}.windowMs`, 9999, 'expected an integer ≥ 10000')
check(`${ROLLING}.period.windowMs`, 2_592_000_001, 'expected an integer ≤ 2592000000')

const KEY_TYPES = 'expected one of Pod, Workload, Namespace, Provider, Model, Header'
check(`${LIMIT}.per[1]`, { type: 'User' }, KEY_TYPES, `${LIMIT}.per[1].type`)
check(`${LIMIT}.per[1]`, { type: 'constructor' }, KEY_TYPES, `${LIMIT}.per[1].type`)
check(`${LIMIT}.per[1]`, {}, KEY_TYPES, `${LIMIT}.per[1].type`)
check(`${LIMIT}.per[1]`, 'Pod', 'expected an object')
check(`${LIMIT}.per[1]`, { type: 'Pod', name: 'x' }, 'unknown field', `${LIMIT}.per[1].name`)
check(`${LIMIT}.per[0].name`, 'X-User', 'expected a lower-case header name')
check(`${LIMIT}.per[0].name`, remove, 'missing')
check(`${LIMIT}.per[0]`, { type: 'Pod' }, 'expected more than the one before it', `${LIMIT}.per[1]`)
check(`${QUOTA}.per[1]`, { type: 'Header', name: 'x-user' }, 'expected more than the one before it')

checkAllowed(`${BUDGET}.amountPicoUsd`, 1e21)
check(`${BUDGET}.amountPicoUsd`, 1.5, 'expected an integer ≥ 1')
check(`${BUDGET}.amountPicoUsd`, 0, 'expected an integer ≥ 1')
check(`${BUDGET}.amountPicoUsd`, 1e22, 'expected an integer ≤ 1e+21')
check(`${BUDGET}.period.type`, 'Yearly', 'expected one of Calendar, Rolling')
check(`${BUDGET}.period.unit`, 'Year', 'expected one of Hour, Day, Week, Month')
check(`${BUDGET}.period.timeZone`, 'Europe/Berln', 'expected a time zone that is known here, such as Europe/Berlin')
check(`${BUDGET}.period.timeZone`, remove, 'missing')
check(`${ROLLING}.period.timeZone`, 'UTC', 'unknown field')
check(`${BUDGET}.warnAtPercent[1]`, 100, 'expected an integer ≤ 99')
check(`${BUDGET}.warnAtPercent[0]`, 0, 'expected an integer ≥ 1')
check(`${BUDGET}.warnAtPercent[1]`, 80, 'expected more than the one before it')
check(`${BUDGET}.onExhausted`, 'Ignore', 'expected one of Reject, Fallback')

check(`${PRICE}.reasoningPicoUsd`, remove, 'missing')
check(`${PRICE}.tiers`, remove, 'missing')
check(`${PRICE}.tiers[0].aboveInputTokens`, 0, 'expected an integer ≥ 1')
check(`${PRICE}.tiers[0].outputPicoUsd`, remove, 'missing')
check(`${PRICE}.tiers[0].tiers`, [], 'unknown field')
check(`${PRICE}.perImagePicoUsd`, -1, 'expected an integer ≥ 0')
check(`${PRICE}.perSecondPicoUsd`, null, 'expected an integer ≥ 0')
check(`${PRICE}.perPage`, 1, 'unknown field')

test('tiers of a price that are not in order, or equal, are refused', () => {
  for (const aboveInputTokens of [100_000, 200_000]) {
    const document = fullDocument()
    const [tier] = document.providers[0]?.models[0]?.price.tiers ?? []
    const place = `${PRICE}.tiers`
    const parsed = parseSidecarConfig(JSON.stringify(documentWith(place, [tier, { ...tier, aboveInputTokens }])))
    expect(parsed).toEqual({ problems: [`${place}[1]: expected more than the one before it`] })
  }
})

test('names of limits and budgets of one owner are told apart', () => {
  const named = (name: string) => ({ name, id: `route:shop/chat/fast/${name}` })
  const [rule] = fullDocument().routes[0]?.rules ?? []
  const budgets = rule?.budgets.map((one) => ({ ...one, ...named('rpm') }))
  const limits = rule?.limits.map((one) => ({ ...one, ...named('rpm') }))
  const problemsWith = (field: string, rows: unknown) => parseSidecarConfig(JSON.stringify(documentWith(field, rows)))
  expect(problemsWith(`${RULE}.limits`, limits)).toEqual({
    problems: [`${RULE}.limits[1].name: "rpm" is there already`],
  })
  expect(problemsWith(`${RULE}.budgets`, budgets?.slice(0, 1))).toEqual({
    problems: [`${RULE}.budgets[0].name: a limit has it already`],
  })
})
