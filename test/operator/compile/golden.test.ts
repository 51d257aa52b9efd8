// Every YAML file in the folders beside this one is a case: resources as users write them, then `# Output` with what they
// compile to for namespace `shop`. `make golden` (GOLDEN=write) writes the output anew; read its diff like code.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { type LoadResult, parseFiles } from '../../../cli/files/parse.ts'
import { parseSidecarConfig } from '../../../contract/parse.ts'
import type { Problem } from '../../../operator/api/problem.ts'
import { type Compiled, compile } from '../../../operator/compile/compile.ts'
import { resolve } from '../../../operator/resolve/resolve.ts'
import type { Snapshot } from '../../../operator/resolve/snapshot.ts'

const FOLDER = import.meta.dirname
const NAMESPACE = 'shop'
const OUTPUT = '---\n# Output\n'

const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .sort()

test('there are cases', () => {
  expect(files.length).toBeGreaterThan(25)
})

describe.each(files)('%s', (file) => {
  const path = join(FOLDER, file)
  const text = readFileSync(path, 'utf8')
  const [input = ''] = text.split(OUTPUT)
  const loaded = parseFiles([{ path: file, text: input }], {}, { allowLoopback: 'Refuse', defaultNamespace: NAMESPACE })
  const snapshot = snapshotOf(loaded)
  const compiled = compile(resolve(snapshot, NAMESPACE))

  test(input.slice(2, input.indexOf('\n')), () => {
    expect([...loaded.problems, ...loaded.warnings]).toEqual([])
    const expected = `${input}${OUTPUT}${render(compiled, loaded)}`
    if (process.env.GOLDEN === 'write') writeFileSync(path, expected)
    else expect(text).toBe(expected)
  })

  test('a sidecar can read it', () => {
    expect(parseSidecarConfig(JSON.stringify(compiled.config))).toEqual({ config: compiled.config })
  })

  test('each file that the document names is published once, and nothing else', () => {
    expect(compiled.credentials.map(({ file }) => file).sort()).toEqual(filesNamedBy(compiled).sort())
  })

  test('resources in another order give the same bytes', () => {
    const random = randomFrom(1)
    for (let round = 0; round < 20; round++) {
      const other = compile(resolve(shuffled(snapshot, random), NAMESPACE))
      expect(JSON.stringify(other)).toBe(JSON.stringify(compiled))
    }
  })
})

/** Secrets lose their values here, as in the cluster: none can reach the output. */
function snapshotOf({ objects }: LoadResult): Snapshot {
  return {
    ...objects,
    secrets: objects.secrets.map(({ values, ...secret }) => ({ ...secret, keys: Object.keys(values) })),
  }
}

/** With the line that a user would be shown for each problem. */
function render({ problems, warnings, ...rest }: Compiled, { locate }: LoadResult): string {
  const located = ({ object: { kind, namespace, name }, ...flaw }: Problem) => ({
    object: `${kind} ${namespace}/${name}`,
    ...flaw,
    line: locate(kind, namespace, name, flaw.field)?.line ?? 'nowhere',
  })
  const told = { problems: problems.map(located), ...(warnings.length > 0 && { warnings: warnings.map(located) }) }
  return stringify({ ...rest, ...told }, { lineWidth: 0, aliasDuplicateObjects: false })
}

function filesNamedBy({ config }: Compiled): string[] {
  return config.providers.flatMap(({ credentials, tls: { clientCertificate }, egressProxy }) => [
    ...credentials.map(({ file }) => file),
    ...(clientCertificate ? [clientCertificate.certificateFile, clientCertificate.keyFile] : []),
    ...(egressProxy?.credentialsFile === undefined ? [] : [egressProxy.credentialsFile]),
  ])
}

function shuffled(snapshot: Snapshot, random: () => number): Snapshot {
  const shuffle = <T>(items: readonly T[]): T[] =>
    items
      .map((item) => ({ item, rank: random() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ item }) => item)
  return {
    providers: shuffle(snapshot.providers),
    routes: shuffle(snapshot.routes),
    secrets: shuffle(snapshot.secrets).map((secret) => ({ ...secret, keys: shuffle(secret.keys) })),
    namespaces: shuffle(snapshot.namespaces),
  }
}

/** Numbers from 0 to 1, the same for the same seed, so that a failure can be repeated (Park and Miller's generator). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
}
