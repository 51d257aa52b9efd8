// Both ways of injection, the webhook and the policy in which the API server injects by itself, give the same pod: every
// golden case of injection is tried on a real API server, with the chart's usual values and with others.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithHelm } from '../charts/helm.ts'
import { readCases } from '../operator/inject/cases.ts'
import { type InjectionSite, openInjectionSite, POD } from './injection-site.ts'

const OTHER_VALUES: Readonly<Record<string, object>> = {
  'values that are hard to write': {
    image: { repository: 'registry.example/mirror/outrigger', digest: `sha256:${'0123456789abcdef'.repeat(4)}` },
    injection: {
      image: { tag: '9.9.9-test', pullPolicy: 'Always' },
      logLevel: 'debug',
      resources: { requests: { cpu: 2.5, memory: 100_000_000 }, limits: { cpu: 3, 'ephemeral-storage': '1Gi' } },
      env: { OUTRIGGER_ACCESS_LOG: 'off', OUTRIGGER_ALLOW_HOST: `a "quoted" {{ name }}, 'one',\\back\nslash\t<&>$(X)` },
    },
  },
  'no resources': { injection: { resources: { requests: null, limits: null } } },
}

/** Of the cases, those that show the settings. */
const SHOWING_SETTINGS = ['deployment.yaml', 'copy-of-another-version.yaml', 'pod-resources.yaml']

const STARTED_MS = 300_000

describeWithHelm('the policy and the webhook', () => {
  const site = siteForTests({})

  test.each(readCases())('do the same: $file', async ({ pod, expected }) => {
    const policy = await site().create('Policy', pod)
    const webhook = await site().create('Webhook', pod)
    if (expected.outcome === 'Refused') {
      expect(webhook).toEqual({ refused: expect.stringContaining(expected.message ?? 'no message') })
      expect(policy).toEqual({ refused: expect.stringMatching(/-injection' denied request: spec.*the sidecar/) })
      return
    }
    expect(policy).toEqual(webhook)
    // The same, because both did something. (The API server itself refuses ephemeral containers.)
    const asked = expected.outcome === 'Injected' || expected.outcome === 'Complete'
    if ('pod' in policy) expect(JSON.stringify(policy.pod).includes('"outrigger.dev/injected":"0.1.0"')).toBe(asked)
  })

  test('give a container that somebody adds later its variables', async () => {
    const policy = await site().create('Policy', POD)
    expect(policy).toEqual(await site().create('Webhook', POD))
    const variables = [{ name: 'OPENAI_BASE_URL' }, {}, {}, {}, {}, { name: 'GEMINI_API_KEY' }]
    expect(policy).toMatchObject({
      pod: { spec: { containers: [{ name: 'shop' }, { name: 'added', env: variables }] } },
    })
  })

  test('inject no more than Pod Security admits where it is restricted', async () => {
    const pod = readCases().find(({ file }) => file === 'restricted.yaml')?.pod ?? {}
    const policy = await site().create('Policy', pod, 'Restricted')
    expect(policy).toHaveProperty('pod')
    expect(policy).toEqual(await site().create('Webhook', pod, 'Restricted'))
    const { refused } = (await site().create('Webhook', POD, 'Restricted')) as { refused?: string }
    expect(refused).toMatch(/violates PodSecurity "restricted/)
    expect(refused).not.toMatch(/"outrigger"/)
  })

  test('have expressions that the type checker does not complain about', async () => {
    expect(await site().typeWarnings()).toEqual([])
  })

  test('do not give up on a pod with thousands of variables', async () => {
    const env = Array.from({ length: 300 }, (_, index) => ({ name: `VARIABLE_${index}`, value: 'x' }))
    const image = 'registry.example/shop:1'
    const pod = {
      ...POD,
      spec: { ...POD.spec, containers: Array.from({ length: 20 }, (_, index) => ({ name: `c${index}`, image, env })) },
    }
    const policy = await site().create('Policy', pod)
    expect(policy).toHaveProperty('pod')
    expect(policy).toEqual(await site().create('Webhook', pod))
  })
})

for (const [name, values] of Object.entries(OTHER_VALUES)) {
  describeWithHelm(`the policy and the webhook, with ${name}`, () => {
    const site = siteForTests(values)

    test.each(readCases().filter(({ file }) => SHOWING_SETTINGS.includes(file)))(
      'do the same: $file',
      async ({ pod }) => {
        const policy = await site().create('Policy', pod)
        expect(policy).toHaveProperty('pod')
        expect(policy).toEqual(await site().create('Webhook', pod))
      },
    )
  })
}

/** Use it inside tests only. */
function siteForTests(values: object): () => InjectionSite {
  let site: InjectionSite | undefined
  beforeAll(async () => {
    site = await openInjectionSite(values)
  }, STARTED_MS)
  afterAll(() => site?.close())
  return () => {
    if (site === undefined) throw new Error('there is no site before beforeAll')
    return site
  }
}
