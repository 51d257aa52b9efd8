// Real Redis servers for tests: each on a free port, in a folder of its own, ended by its own process. Which one is run says REDIS_SERVER:
// a path, such as that of a valkey-server; the redis-server that PATH finds where it is not set. Its build needs TLS for the tests of TLS.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Redis } from 'ioredis'

const { REDIS_SERVER: SERVER = 'redis-server' } = process.env

export const HAS_REDIS = spawnSync(SERVER, ['--version']).status === 0

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Of somebody else, to look on. */
  readonly client: Redis
  signal(signal: NodeJS.Signals): void
  /** Resolves when it is gone. */
  kill(): Promise<void>
  /** On the same port and folder; what was not saved is lost. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** `config`: lines of redis.conf. Ready when it answers. */
export async function startRedis(
  config: readonly string[] = [],
  mode: 'Server' | 'Sentinel' = 'Server',
): Promise<RedisServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-redis-'))
  const port = await freePort()
  const file = path.join(folder, 'redis.conf')
  await writeFile(
    file,
    [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, 'save ""', 'enable-debug-command yes', ...config].join('\n'),
  )
  let child = await started(file, mode)
  // A client that is gone already is held for the whole time limit when it is disconnected.
  const quick = { retryStrategy: () => 50, disconnectTimeout: 100 }
  const client = new Redis({ port, host: '127.0.0.1', protocol: 2, lazyConnect: true, ...quick })
  client.on('error', () => {})
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    client,
    signal: (signal) => void child.kill(signal),
    kill: () => ended(child, 'SIGKILL'),
    async restart() {
      await ended(child, 'SIGKILL')
      child = await started(file, mode)
    },
    async stop() {
      client.disconnect()
      await ended(child, 'SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function started(file: string, mode: 'Server' | 'Sentinel'): Promise<ChildProcess> {
  const args = mode === 'Sentinel' ? [file, '--sentinel'] : [file]
  const child = spawn(SERVER, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const { promise: ready, resolve } = Promise.withResolvers<void>()
  let log = ''
  child.stdout.on('data', (chunk: Buffer) => {
    log = (log + chunk).slice(-10_000)
    if (/Ready to accept connections|Sentinel ID is/.test(log)) resolve()
  })
  await Promise.race([ready, once(child, 'exit')])
  if (child.exitCode !== null) throw new Error(`${SERVER} ended: ${log}`)
  return child
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
