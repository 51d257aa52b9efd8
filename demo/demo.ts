// Plays the demo on the cluster that kubectl points to: applies the three manifests, shows the application's answers, changes
// the route, and waits until an answer comes by the new one. Needs the operator in the cluster, and the images outrigger:0.1.0
// and outrigger-demo:0.1.0 on its nodes (README.md beside this file). Fails when a question failed after the first answer.
//
//   node demo/demo.ts             plays, and leaves everything running
//   node demo/demo.ts --remove    removes it
//   … --kubectl 'COMMAND ARGS'    another way to call kubectl
import { execFileSync, spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

const NAMESPACE = 'demo'
const PATIENCE_MS = 120_000

/** As asking.ts prints them. */
const LINE = {
  answer: /^\d+ 200 /,
  byOldModel: /^\d+ 200 gpt-5-mini by /,
  byNewModel: /^\d+ 200 gpt-5 by /,
  failure: /^\d+ failed /,
  nothing: /(?!)/,
} as const

type Lines = AsyncIterator<string>

const { values: flags } = parseArgs({
  options: { remove: { type: 'boolean' }, kubectl: { type: 'string', default: 'kubectl' } },
})
const [command = 'kubectl', ...commandArgs] = flags.kubectl.split(' ')

if (flags.remove) kubectl('delete', 'namespace', NAMESPACE)
else await play()

async function play(): Promise<void> {
  for (const file of ['app', 'mock', 'provider']) kubectl('apply', '-f', path.join(import.meta.dirname, `${file}.yaml`))
  for (const name of ['mock', 'app']) {
    kubectl('-n', NAMESPACE, 'rollout', 'status', `deployment/${name}`, `--timeout=${PATIENCE_MS / 1000}s`)
  }
  const follow = [...commandArgs, '-n', NAMESPACE, 'logs', 'deployment/app', '--container=app', '--follow', '--tail=1']
  const log = spawn(command, follow, { stdio: ['ignore', 'pipe', 'inherit'], timeout: PATIENCE_MS })
  const lines = createInterface(log.stdout)[Symbol.asyncIterator]()
  try {
    await showAnswers(lines)
    await changeModel(lines)
  } finally {
    // What kubectl was called by may not pass the signal on: with nobody to read it, the log ends all the same.
    log.kill()
    log.stdout.destroy()
    log.unref()
  }
  kubectl('-n', NAMESPACE, 'get', 'llmproviders,llmroutes,pods')
}

/** The first questions may come before the configuration: they fail, and say so. */
async function showAnswers(lines: Lines): Promise<void> {
  await readUntil(lines, LINE.byOldModel, LINE.nothing)
  kubectl('-n', NAMESPACE, 'get', 'llmproviders,llmroutes,pods')
  for (let count = 0; count < 3; count++) await readUntil(lines, LINE.answer, LINE.failure)
}

/** The application asks once a second: the time is what a person sees, and not how fast the change arrives. */
async function changeModel(lines: Lines): Promise<void> {
  const patch = [{ op: 'replace', path: '/spec/rules/0/backends/0/model', value: 'gpt-5' }]
  kubectl('-n', NAMESPACE, 'patch', 'llmroute', 'chat', '--type=json', `--patch=${JSON.stringify(patch)}`)
  const changedAt = performance.now()
  await readUntil(lines, LINE.byNewModel, LINE.failure)
  say(
    `--- answered by the new model ${Math.round(performance.now() - changedAt)} ms after the change, nothing restarted`,
  )
}

/** Shows the lines on the way. Throws at one of the second pattern, and when there are no more. */
async function readUntil(lines: Lines, wanted: RegExp, unwanted: RegExp): Promise<void> {
  for (let next = await lines.next(); !next.done; next = await lines.next()) {
    say(`    ${next.value}`)
    if (wanted.test(next.value)) return
    if (unwanted.test(next.value)) throw new Error('a question failed')
  }
  throw new Error(`the application's log ended, or showed nothing of ${wanted} in ${PATIENCE_MS / 1000} s`)
}

function kubectl(...args: readonly string[]): void {
  say(`$ kubectl ${args.join(' ')}`)
  execFileSync(command, [...commandArgs, ...args], { stdio: 'inherit' })
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
