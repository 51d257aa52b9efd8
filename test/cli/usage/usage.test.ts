// `outrigger usage` as a process: what it takes, where it writes, its exit codes.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import type { UsageReport } from '../../../contract/usage-report.ts'
import { outrigger } from '../../support/command.ts'
import { report } from './reports.ts'

const servers: http.Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function sidecar(told: UsageReport): Promise<string> {
  const server = http.createServer((_, response) => response.end(JSON.stringify(told)))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('several sidecars are added up, however they are named; one that is gone is told and is no failure', async () => {
  const urls = await Promise.all([report(), report({ instance: 'b' }), report({ instance: 'c' })].map(sidecar))
  const args = ['usage', '--from', `${urls[0]},${urls[1]}`, '--from', urls[2] ?? '', '--from', 'http://127.0.0.1:1']
  expect(await outrigger([...args, '--by', 'workload']).finished).toEqual({
    code: 0,
    stdout:
      'WORKLOAD   REQUESTS   REFUSED   ATTEMPTS   FAILED   INPUT   CACHED   OUTPUT   COST(USD)\n' +
      'web        9          0         12         3        300     0        60       0.0003\n' +
      'TOTAL      9          0         12         3        300     0        60       0.0003\n',
    stderr: expect.stringMatching(/^outrigger: http:\/\/127\.0\.0\.1:1 cannot be asked: .*ECONNREFUSED.*\n$/),
  })
})

test('it fails when nobody can be asked', async () => {
  const { code, stdout, stderr } = await outrigger(['usage', '--from', 'http://127.0.0.1:1']).finished
  expect([code, stdout, stderr]).toEqual([1, '', expect.stringMatching(/cannot be asked/)])
})

const WRONG: [args: string[], stderr: RegExp][] = [
  [
    ['--from', 'localhost:8788'],
    /^outrigger: --from: expected URLs such as http:\/\/127\.0\.0\.1:8788, not "localhost:8788"\n$/,
  ],
  [['--by', 'team'], /^outrigger: --by: expected one of namespace, workload, .*, day, not "team"\n$/],
  [['--by', ''], /^outrigger: --by: expected at least one of namespace, /],
  [
    ['--since', 'yesterday'],
    /^outrigger: --since: expected a date such as 2026-11-21, or days such as 7d, not "yesterday"\n$/,
  ],
  [['-o', 'yaml'], /^outrigger: --output: expected one of table, json, csv, not "yaml"\n$/],
  [['-n', 'Shop'], /^outrigger: --namespace: expected a namespace's name, not "Shop"\n$/],
  [['-n', 'shop', '-A'], /^outrigger: --namespace and --all-namespaces exclude each other\n$/],
  [['-A', '--from', 'http://127.0.0.1:1'], /^outrigger: usage asks either --from URLs or the sidecars of a cluster\n$/],
  [['shop'], /^outrigger: Unexpected argument 'shop'/],
]

test('a wrong command line is told on stderr: exit code 2', async () => {
  const finished = await Promise.all(WRONG.map(([args]) => outrigger(['usage', ...args]).finished))
  expect(finished).toEqual(WRONG.map(([, stderr]) => ({ code: 2, stdout: '', stderr: expect.stringMatching(stderr) })))
})

test('a cluster that cannot be reached is told, with the kubeconfig of the environment', async () => {
  const { code, stderr } = await outrigger(['usage', '-A'], { KUBECONFIG: 'gone.yaml' }).finished
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/^outrigger: the cluster cannot be asked: kubeconfig gone\.yaml: ENOENT/),
  ])
})
