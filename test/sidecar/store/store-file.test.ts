// A sidecar that is told of its store by a file which comes later than itself, and changes.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { folderForTests } from '../../support/folder.ts'
import { startTestSidecar, type TestSidecar } from '../../support/sidecar.ts'
import { sidecarConfig } from '../../support/sidecar-config.ts'
import { type RedisServer, startRedis } from './redis.ts'
import { eventually } from './sources.ts'
import { describeWithRedis } from './with-redis.ts'

const PAGES = ['/status', '/health', '/health/detailed', '/config', '/limits', '/metrics', '/readyz?verbose']

const folder = folderForTests()
let redis: RedisServer | undefined
let sidecar: TestSidecar | undefined

afterEach(async () => {
  await sidecar?.stop()
  await redis?.stop()
})

async function page(name: string): Promise<string> {
  return (await fetch(`${sidecar?.adminUrl}${name}`)).text()
}

async function storeReport(): Promise<Record<string, unknown>> {
  return JSON.parse(await page('/status')).store
}

async function writeURL(password: string): Promise<string> {
  const file = path.join(folder(), 'store-url')
  await writeFile(file, `redis://limits:${password}@127.0.0.1:${redis?.port}\n`)
  return file
}

describeWithRedis('the file of the store', () => {
  test('may come after the sidecar and change under it, and no page or log shows what is in it', async () => {
    redis = await startRedis(['user limits on >hunter1 ~* +@all'])
    await redis.client.connect()
    const file = path.join(folder(), 'store-url')
    sidecar = await startTestSidecar({ config: sidecarConfig({}) }, { store: { file }, storeTimeout: 1000 })
    const problem = `--store file:${file}: there is no such file yet`
    expect(await storeReport()).toMatchObject({ state: 'Connecting', store: null, why: problem, problem })
    expect((await fetch(`${sidecar.adminUrl}/readyz`)).status).toBe(200)
    expect(JSON.parse(await page('/health'))).toMatchObject({ status: 'degraded' })

    await writeURL('hunter1')
    await eventually(async () => (await storeReport()).state === 'Up')
    const store = `Standalone 127.0.0.1:${redis.port}`
    expect(await storeReport()).toMatchObject({ store, problem: null })

    await writeURL('hunter2')
    await eventually(async () => String((await storeReport()).problem).startsWith(`${store}: WRONGPASS`))
    await redis.client.call('ACL', 'SETUSER', 'limits', '>hunter2')
    await eventually(async () => (await storeReport()).problem === null)

    const addresses = sidecar.logLines.filter(({ msg }) => String(msg).includes('address'))
    const told = addresses.map(({ level, problem: why, store: used }) => [level, why ?? used])
    expect(told.slice(0, 2)).toEqual([
      ['warn', problem],
      ['info', store],
    ])
    expect(told.slice(2)).toContainEqual(['warn', expect.stringContaining(`${store}: WRONGPASS`)])
    expect(told.at(-1)).toEqual(['info', store])
    const shown = JSON.stringify([sidecar.logLines, await Promise.all(PAGES.map(page))])
    for (const text of ['hunter', 'limits:']) expect(shown).not.toContain(text)
  })
})
