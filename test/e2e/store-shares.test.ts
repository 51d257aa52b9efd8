// A pod that comes while the store is away, in a cluster: it counts no more of a shared limit than the operator grants it.
import { afterAll, expect, test } from '@jest/globals'
import { SHARES_FILE } from '../../contract/limit-shares.ts'
import { parseStoreAddress } from '../../sidecar/store/store-address.ts'
import { mockForTests } from '../mock/with-mock.ts'
import { ask, askJson, chat } from '../support/client.ts'
import { startTestSidecar, type TestSidecar } from '../support/sidecar.ts'
import { backend, limitConfig, provider, routeConfig, ruleConfig, sidecarConfig } from '../support/sidecar-config.ts'

const ID = 'route:shop/all/all/rpm'
/** Nobody listens there. */
const STORE = 'redis://127.0.0.1:1'

const mock = mockForTests()
let sidecar: TestSidecar

afterAll(() => sidecar.stop())

function document(shares: string) {
  const credentials = [{ name: 'primary', file: 'key', weight: 1 }]
  const openAi = provider('shop/openai', 'OpenAI', ['m'], { baseURL: `${mock().url}/v1`, credentials })
  const rule = ruleConfig('all', {
    backends: [backend('shop/openai', 1, 0)],
    limits: [limitConfig(ID, 'Requests', 10)],
  })
  const config = sidecarConfig({ providers: [openAi], routes: [routeConfig('shop/all', [rule])] })
  return { config, keys: { key: 'sk-any', [SHARES_FILE]: shares } }
}

async function statuses(count: number): Promise<number[]> {
  const all: number[] = []
  for (let i = 0; i < count; i++) {
    all.push((await ask(`${sidecar.url}/v1/chat/completions`, { body: chat('m') })).status)
  }
  return all
}

test('it admits nothing before it has a share, and then the share', async () => {
  sidecar = await startTestSidecar(document(''), { limitShares: 'assigned', store: parseStoreAddress(STORE) })
  expect(await statuses(1)).toEqual([429])
  const before = await askJson(`${sidecar.adminUrl}/limits`)
  expect(before).toMatchObject({ store: 'Away', limits: [{ id: ID, share: 0 }] })

  const { instance } = before
  await sidecar.publish(document(JSON.stringify({ instance, version: 1, shares: { [ID]: 2 } })))
  expect(await statuses(3)).toEqual([200, 200, 429])
  expect(await askJson(`${sidecar.adminUrl}/limits`)).toMatchObject({
    store: 'Away',
    sharesVersion: 1,
    limits: [{ id: ID, share: 2 }],
  })
})
