// What a request costs here, measured against nginx's plain proxy_pass in the same run.
//
// Subject and nginx are pinned to one core, load (wrk) and upstream (another nginx) to the other; rounds are interleaved and
// only ratios within a round count, since the absolute figures move with the machine. The steady measure is CPU time per
// request (user + system of the subject's process). Needs nginx, wrk and taskset; says so where they are missing.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { publish } from '../../cli/publish.ts'
import { CONFIG_FILE, credentialFile } from '../../contract/names.ts'
import { benchConfig, LIMITED_MODEL, MODEL } from './config.ts'

const SECONDS = Number(process.env.BENCH_SECONDS ?? 4)
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5)
/** What limits cost is a few µs: seen only in many short rounds, close together. */
const LIMIT_ROUNDS = 30
const LIMIT_SECONDS = 1
const CONNECTIONS = 64
/** Between an answer and the next request of its connection: about 10,000 requests a second, half of what a core can. */
const PAUSE_MS = [4, 8] as const
/** nginx takes no longer answer out of its configuration. */
const EVENTS = 16
const SUBJECT_CORE = '0'
const LOAD_CORE = '1'
const PORTS = { upstream: 19100, nginx: 19101, outrigger: 19102, admin: 19103 }

interface Scenario {
  name: string
  path: string
  body: string
  load: 'Saturating' | 'Paced'
}

interface Sample {
  requestsPerSecond: number
  cpuMicroseconds: number
  p50Ms: number
  p99Ms: number
  rssMiB: number
}

interface Subject {
  name: 'nginx' | 'outrigger'
  port: number
  process: ChildProcess
}

const PLAIN = chat('chat, 1 KB', 1024)
const LIMITED = chat('chat, 1 KB, limited in requests and tokens', 1024, { model: LIMITED_MODEL })
const SCENARIOS: readonly Scenario[] = [
  PLAIN,
  LIMITED,
  chat('chat, 20 KB', 20 * 1024),
  chat('chat, 200 KB', 200 * 1024),
  chat(`stream of ${EVENTS} events in one piece, 1 KB`, 1024, { stream: true }),
]

function chat(name: string, bytes: number, extra: object = {}): Scenario {
  return { name, path: '/v1/chat/completions', body: chatBody(bytes, extra), load: 'Saturating' }
}

/** A chat request of about this many bytes. */
function chatBody(bytes: number, extra: object): string {
  const body = (text: string): string =>
    JSON.stringify({ model: MODEL, ...extra, messages: [{ role: 'user', content: text }], temperature: 0.2 })
  return body('Tell me a story. '.repeat(Math.ceil(bytes / 17)).slice(0, Math.max(1, bytes - body('').length)))
}

function requireTools(): void {
  const missing = ['nginx', 'wrk', 'taskset'].filter((tool) => {
    try {
      execFileSync('which', [tool])
      return false
    } catch {
      return true
    }
  })
  if (missing.length === 0) return
  console.error(`make bench needs ${missing.join(', ')}: apt-get install nginx wrk util-linux`)
  process.exit(1)
}

function start(core: string, command: string, args: readonly string[], log: string): ChildProcess {
  const out = openSync(log, 'w')
  const child = spawn('taskset', ['-c', core, command, ...args], { stdio: ['ignore', out, out] })
  closeSync(out)
  return child
}

function nginx(core: string, folder: string, name: string, server: string): ChildProcess {
  const file = path.join(folder, `${name}.conf`)
  writeFileSync(
    file,
    `daemon off; master_process off; worker_processes 1; pid ${folder}/${name}.pid; error_log ${folder}/${name}.err;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; client_max_body_size 64m; client_body_buffer_size 1m;
  client_body_temp_path ${folder}/${name}-body; proxy_temp_path ${folder}/${name}-proxy;
  fastcgi_temp_path ${folder}/${name}-f; uwsgi_temp_path ${folder}/${name}-u; scgi_temp_path ${folder}/${name}-s;
  ${server}
}`,
  )
  return start(core, 'nginx', ['-c', file, '-p', folder], path.join(folder, `${name}.log`))
}

/** Answers with a fixed completion, or with a whole event stream to requests that ask for one. */
function upstreamServer(): string {
  const answer = readFileSync(path.join(import.meta.dirname, 'answer.json'), 'utf8').trim()
  const events = Array.from({ length: EVENTS }, (_, i) => `data: ${chunk({ content: ` tok${i}` }, null)}`)
  const stream = [...events, `data: ${chunk({}, 'stop')}`, `data: ${usageChunk()}`, 'data: [DONE]', ''].join('\n\n')
  return `map $http_x_bench $bench_body { default '${answer}'; stream '${stream}'; }
  map $http_x_bench $bench_type { default application/json; stream text/event-stream; }
  server { listen 127.0.0.1:${PORTS.upstream};
    location / { default_type $bench_type; add_header x-request-id req_9d2c1bb7; return 200 $bench_body; } }`
}

function chunk(delta: object, finishReason: string | null): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }]
  return JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'gpt-5-mini',
    choices,
    usage: null,
  })
}

function usageChunk(): string {
  const usage = { prompt_tokens: 19, completion_tokens: EVENTS, total_tokens: 19 + EVENTS }
  return JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'gpt-5-mini',
    choices: [],
    usage,
  })
}

function proxyServer(): string {
  return `upstream backend { server 127.0.0.1:${PORTS.upstream}; keepalive 256; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${PORTS.nginx};
    location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_buffering off;
      proxy_set_header Authorization 'Bearer sk-up-0123456789abcdef'; } }`
}

async function startSubjects(folder: string): Promise<Subject[]> {
  return [
    { name: 'nginx', port: PORTS.nginx, process: nginx(SUBJECT_CORE, folder, 'proxy', proxyServer()) },
    await startSidecar(folder),
  ]
}

async function startSidecar(folder: string): Promise<Subject> {
  const mount = path.join(folder, 'outrigger')
  mkdirSync(mount)
  await publish(
    mount,
    new Map([
      [CONFIG_FILE, JSON.stringify(benchConfig(`http://127.0.0.1:${PORTS.upstream}/v1`))],
      [credentialFile('default', 'openai', 'primary'), 'sk-up-0123456789abcdef'],
    ]),
  )
  const outrigger = path.join(import.meta.dirname, '../../bin/outrigger')
  const addresses = ['--listen', `127.0.0.1:${PORTS.outrigger}`, '--admin', `127.0.0.1:${PORTS.admin}`]
  const args = ['sidecar', ...addresses, '--config-dir', mount]
  const child = start(SUBJECT_CORE, outrigger, args, path.join(folder, 'outrigger.log'))
  return { name: 'outrigger', port: PORTS.outrigger, process: child }
}

/** User and system time of a process, in microseconds; of its threads, since only theirs is told more exactly than in ticks. */
function cpuOf(pid: number): number {
  const nanoseconds = readdirSync(`/proc/${pid}/task`).map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  )
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1000
}

function rssMiB(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1] ?? 0) / 1024
}

async function measure(subject: Subject, scenario: Scenario, folder: string, seconds: number): Promise<Sample> {
  const script = path.join(folder, 'load.lua')
  const stream = scenario.body.includes('"stream":true')
  writeFileSync(
    script,
    `wrk.method = "POST"
wrk.body = [==[${scenario.body}]==]
wrk.headers["content-type"] = "application/json"
wrk.headers["accept"] = "application/json"
wrk.headers["user-agent"] = "OpenAI/JS 7.55.0"
wrk.headers["authorization"] = "Bearer placeholder"
wrk.headers["x-stainless-lang"] = "js"
wrk.headers["x-stainless-package-version"] = "7.55.0"
wrk.headers["x-stainless-retry-count"] = "0"
${stream ? 'wrk.headers["x-bench"] = "stream"' : ''}
${scenario.load === 'Paced' ? `delay = function() return math.random(${PAUSE_MS.join(', ')}) end` : ''}
done = function(summary, latency)
  io.write(string.format("RESULT %d %d %d %f %f\\n", summary.requests, summary.duration,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end`,
  )
  const pid = subject.process.pid as number
  const before = cpuOf(pid)
  const url = `http://127.0.0.1:${subject.port}${scenario.path}`
  const output = await runWrk(['-t', '1', '-c', String(CONNECTIONS), '-d', `${seconds}s`, '-s', script, url])
  const [, requests, microseconds, errors, p50, p99] =
    /RESULT (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+)/.exec(output)?.map(Number) ?? []
  if (!requests || errors !== 0) throw new Error(`${subject.name}, ${scenario.name}: failed requests\n${output}`)
  return {
    requestsPerSecond: (requests / (microseconds ?? 1)) * 1e6,
    cpuMicroseconds: (cpuOf(pid) - before) / requests,
    p50Ms: (p50 ?? 0) / 1000,
    p99Ms: (p99 ?? 0) / 1000,
    rssMiB: rssMiB(pid),
  }
}

function runWrk(args: readonly string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const child = spawn('taskset', ['-c', LOAD_CORE, 'wrk', ...args])
  let output = ''
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString()
  })
  child.on('close', () => resolve(output))
  child.on('error', reject)
  return promise
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * part)] ?? 0
}

interface Row {
  scenario: Scenario
  theirs: Sample[]
  ours: Sample[]
}

async function measureAll(subjects: readonly Subject[], folder: string): Promise<Row[]> {
  const rows: Row[] = SCENARIOS.map((scenario) => ({ scenario, theirs: [], ours: [] }))
  const named = (name: Subject['name']): Subject => subjects.find((subject) => subject.name === name) as Subject
  for (const subject of subjects) for (const scenario of SCENARIOS) await measure(subject, scenario, folder, 2)
  for (let round = 0; round < ROUNDS; round++) {
    for (const { scenario, theirs, ours } of rows) {
      theirs.push(await measure(named('nginx'), scenario, folder, SECONDS))
      ours.push(await measure(named('outrigger'), scenario, folder, SECONDS))
    }
  }
  return rows
}

function table(rows: readonly Row[]): string[] {
  const lines = [
    '| scenario | nginx req/s | Outrigger req/s | nginx CPU-µs | Outrigger CPU-µs | nginx ÷ Outrigger CPU (min–max) | p50 / p99 ms | loaded RSS MiB |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
  ]
  for (const { scenario, theirs, ours } of rows) {
    const ratios = ours.map((sample, i) => (theirs[i]?.cpuMicroseconds ?? 0) / sample.cpuMicroseconds)
    const of = (samples: readonly Sample[], key: keyof Sample): number => median(samples.map((sample) => sample[key]))
    lines.push(
      `| ${scenario.name} | ${of(theirs, 'requestsPerSecond').toFixed(0)} | ${of(ours, 'requestsPerSecond').toFixed(0)} ` +
        `| ${of(theirs, 'cpuMicroseconds').toFixed(1)} | ${of(ours, 'cpuMicroseconds').toFixed(1)} ` +
        `| **${median(ratios).toFixed(2)}** (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}) ` +
        `| ${of(ours, 'p50Ms').toFixed(2)} / ${of(ours, 'p99Ms').toFixed(2)} | ${of(ours, 'rssMiB').toFixed(0)} |`,
    )
  }
  return lines
}

/**
 * CPU-µs that two limits add to a request: in one process, since two that are alike differ by a µs or two, and at a rate that leaves it
 * time. Saturated, a slower subject is one whose load generator falls asleep more often, and waking it is on the subject's account: a
 * busy loop of 3.1 µs added 7.0 CPU-µs there, and 3.3 at this rate.
 */
async function costOfLimits(subject: Subject, folder: string): Promise<string[]> {
  const cost = async (scenario: Scenario): Promise<number> =>
    (await measure(subject, { ...scenario, load: 'Paced' }, folder, LIMIT_SECONDS)).cpuMicroseconds
  const added: number[] = []
  for (let round = 0; round < LIMIT_ROUNDS; round++) added.push(-(await cost(PLAIN)) + (await cost(LIMITED)))
  const [low, middle, high] = [0.25, 0.5, 0.75].map((part) => quantile(added, part).toFixed(1))
  return [
    `Two limits add ${middle} CPU-µs to a request: the median of ${LIMIT_ROUNDS} rounds of ${LIMIT_SECONDS} s without and with them (quartiles ${low}`,
    `and ${high}), at about 10,000 requests a second. The rows above differ by more: in a saturated loop any µs more lets the load`,
    'generator sleep more often, and waking it is on the account of whoever does it.',
  ]
}

async function main(): Promise<void> {
  requireTools()
  const folder = mkdtempSync(path.join(os.tmpdir(), 'outrigger-bench-'))
  const upstream = nginx(LOAD_CORE, folder, 'upstream', upstreamServer())
  const subjects = await startSubjects(folder)
  try {
    await sleep(1500)
    const idle = rssMiB(subjects[1]?.process.pid as number)
    const rows = await measureAll(subjects, folder)
    const text = [
      '# What a request costs',
      '',
      `Written by \`make bench\` on ${new Date().toISOString().slice(0, 10)}: ${os.cpus()[0]?.model.trim()}, Node ${process.version}, ` +
        `${execFileSync('sh', ['-c', 'nginx -v 2>&1']).toString().trim().split(': ')[1]}.`,
      `${CONNECTIONS} keep-alive connections, ${ROUNDS} interleaved rounds of ${SECONDS} s, medians; one core for the subject, one for load and upstream.`,
      'nginx is plain `proxy_pass` with keep-alive: it reads no body. Outrigger does everything it does: decode, route, key swap,',
      'usage and cost, metrics, access log line. Only the ratio means anything; the figures move with the machine.',
      '',
      ...table(rows),
      '',
      `Idle: ${idle.toFixed(0)} MiB resident.`,
      '',
      ...(await costOfLimits(subjects[1] as Subject, folder)),
      '',
    ].join('\n')
    console.log(text)
    writeFileSync(path.join(import.meta.dirname, 'RESULTS.md'), text)
  } finally {
    for (const child of [upstream, ...subjects.map((subject) => subject.process)]) child.kill('SIGTERM')
    await sleep(500)
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
