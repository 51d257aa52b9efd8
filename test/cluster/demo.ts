// `make demo`: what a user does by hand, on the cluster that `make cluster-up` started: the image and the demo's application are
// built and imported, the chart is installed as its README says, and demo/demo.ts plays.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { binary } from './support/binaries.ts'
import { attachCluster } from './support/cluster.ts'
import { importImage } from './support/containers.ts'

const ROOT = path.join(import.meta.dirname, '../..')
const CHART = 'charts/outrigger'
const NAMESPACE = 'outrigger'

const cluster = await attachCluster()
if (cluster === undefined) throw new Error('no cluster is up: make cluster-up')
const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string }
for (const [name, flags] of [
  ['outrigger', []],
  ['outrigger-demo', ['--app', 'demo/app.ts']],
] as const) {
  const file = path.join('dist', `${name}-${version}.tar`)
  await told('node', ['scripts/image.ts', '--tag', `${name}:${version}`, '--out', file, '--sbom', 'none', ...flags])
  await importImage(cluster.place, path.join(ROOT, file))
}
const install = ['upgrade', '--install', 'outrigger', CHART, '--namespace', NAMESPACE, '--create-namespace', '--wait']
say(`$ helm ${install.join(' ')} --set image.repository=outrigger`)
await cluster.inCluster(await binary('helm'), [...install, '--set', 'image.repository=outrigger'], {
  cwd: ROOT,
  env: { KUBECONFIG: cluster.place.kubeconfig, HOME: cluster.place.folder },
  timeoutMs: 300_000,
})
await told('node', ['demo/demo.ts', '--kubectl', 'node test/cluster/main.ts kubectl', ...process.argv.slice(2)])
say('It goes on running: make cluster-kubectl ARGS="get pods -A", and make cluster-down at the end.')

async function told(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit' })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
