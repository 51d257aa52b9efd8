import { expect, test } from '@jest/globals'
import { parseInjectionSettings } from '../../../operator/inject/settings.ts'
import { USUAL_SETTINGS } from './cases.ts'

test('reads what the chart renders', () => {
  check(USUAL_SETTINGS, { settings: USUAL_SETTINGS })
})

test('takes numbers for quantities, as YAML makes them', () => {
  const resources = { requests: { cpu: 1, 'ephemeral-storage': '1.5Gi' }, limits: { cpu: 2.5, memory: 1e9 } }
  check(
    { ...USUAL_SETTINGS, resources },
    {
      settings: {
        ...USUAL_SETTINGS,
        resources: {
          requests: { cpu: '1', 'ephemeral-storage': '1.5Gi' },
          limits: { cpu: '2.5', memory: '1000000000' },
        },
      },
    },
  )
})

const MISTAKES: readonly (readonly [changed: object, problem: string])[] = [
  [{ version: undefined }, 'version: expected a text without spaces, not nothing'],
  [{ image: 'a b' }, 'image: expected a text without spaces, not "a b"'],
  [{ image: '' }, 'image: expected a text without spaces, not ""'],
  [{ imagePullPolicy: 'Sometimes' }, 'imagePullPolicy: expected one of Always, IfNotPresent, Never, not "Sometimes"'],
  [{ tag: 'x' }, 'tag: expected no such field, only version, image, imagePullPolicy, resources, env'],
  [{ resources: undefined }, 'resources: expected an object with requests and limits, not nothing'],
  [{ resources: { claims: [] } }, 'resources.claims: expected no such field, only requests and limits'],
  [{ resources: { limits: '1' } }, 'resources.limits: expected an object of quantities, not "1"'],
  [
    { resources: { limits: { cpu: '1 core' } } },
    'resources.limits.cpu: expected a quantity such as 100m or 64Mi, not "1 core"',
  ],
  [
    { resources: { requests: { cpu: -1 } } },
    'resources.requests.cpu: expected a quantity such as 100m or 64Mi, not -1',
  ],
  [{ env: { A: 'b' } }, 'env: expected a list of {name, value}, not {"A":"b"}'],
  [{ env: ['A=b'] }, "env[0].name: expected a variable's name, not nothing"],
  [{ env: [{ name: '1A', value: '' }] }, 'env[0].name: expected a variable\'s name, not "1A"'],
  [{ env: [{ name: 'A', value: 1 }] }, 'env[0].value: expected a text, not 1'],
  [{ env: [{ name: 'A', value: '', valueFrom: {} }] }, 'env[0].valueFrom: expected no such field, only name and value'],
  [
    {
      env: [
        { name: 'A', value: '' },
        { name: 'A', value: '' },
      ],
    },
    'env[1].name: expected each name once, not A again',
  ],
  [
    { env: [{ name: 'OUTRIGGER_LISTEN', value: ':1' }] },
    'env[0].name: expected another variable: injection sets OUTRIGGER_LISTEN itself',
  ],
]

test.each(MISTAKES)('names the field of a mistake: %j', (changed, problem) => {
  check({ ...USUAL_SETTINGS, ...changed }, { problems: [problem] })
})

test('names all mistakes at once', () => {
  expect(parseInjectionSettings('{}')).toEqual({ problems: Array.from({ length: 5 }, () => expect.any(String)) })
})

test.each(['', '[]', 'null', '{"version"'])('says that %j is no object', (text) => {
  expect(parseInjectionSettings(text)).toEqual({
    problems: [expect.stringMatching(/^(not JSON|expected a JSON object)/)],
  })
})

function check(raw: object, expected: ReturnType<typeof parseInjectionSettings>): void {
  expect(parseInjectionSettings(JSON.stringify(raw))).toEqual(expected)
}
