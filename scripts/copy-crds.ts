// Copies crds/*.yaml into the chart outrigger-crds, and that chart into charts/outrigger/charts/, where it is a dependency.
//
//   node scripts/copy-crds.ts            writes the files, and deletes what has no source any more
//   node scripts/copy-crds.ts --check    writes nothing; exit 1 and the file names when something is out of date
//
// A copy, so that `helm install charts/outrigger` needs no `helm dependency build` and no registry. A symlink was rejected:
// Helm warns about it with every command, and a checkout without symlinks has a text file in its place. The definitions
// are edited as text, because Helm's own YAML functions sort keys and write large integers as floats.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const SOURCE = 'crds'
const CHART = 'charts/outrigger-crds'
const DEPENDENCY = 'charts/outrigger/charts/outrigger-crds'

/** Decided at installation: whether the definition, and with it every object of its kind, outlives the release. */
const KEEP = `  {{- if .Values.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
`

const METADATA = 'metadata:\n  name: '

/** Paths in the repository → texts. */
type Files = ReadonlyMap<string, string>

/** Throws on a definition that a template could not hold as it is. */
export function renderTemplate(definition: string, source: string): string {
  if (definition.includes('{{')) throw new Error(`${source}: holds "{{", which Helm would read as a template`)
  const parts = definition.split(METADATA)
  if (parts.length !== 2) throw new Error(`${source}: expected one "metadata:" with its name first`)
  return `# Copied from ${source} by scripts/copy-crds.ts; do not edit.\n${parts.join(METADATA.replace('\n', `\n${KEEP}`))}`
}

function renderTemplates(): Files {
  const names = readdirSync(join(ROOT, SOURCE)).filter((name) => name.endsWith('.yaml'))
  return new Map(
    names.map((name) => {
      const source = `${SOURCE}/${name}`
      return [`${CHART}/templates/${name}`, renderTemplate(readFileSync(join(ROOT, source), 'utf8'), source)]
    }),
  )
}

/** Empty when there is no such folder. */
function readFolder(folder: string): Files {
  const path = join(ROOT, folder)
  if (!existsSync(path)) return new Map()
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(
    files.map(({ parentPath, name }) => {
      const file = join(parentPath, name)
      return [relative(ROOT, file).replaceAll('\\', '/'), readFileSync(file, 'utf8')]
    }),
  )
}

/** What both folders must hold, and nothing else. */
function renderAll(): Files {
  const chart = new Map(
    [...readFolder(CHART)].filter(([path]) => !path.startsWith(`${CHART}/templates/`)).concat([...renderTemplates()]),
  )
  const dependency = [...chart].map(([path, text]) => [path.replace(CHART, DEPENDENCY), text] as const)
  return new Map([...chart, ...dependency])
}

function main(mode: 'write' | 'check'): number {
  const expected = renderAll()
  const actual = new Map([...readFolder(CHART), ...readFolder(DEPENDENCY)])
  const outdated = [...expected].filter(([path, text]) => actual.get(path) !== text)
  const stale = [...actual.keys()].filter((path) => !expected.has(path))
  if (mode === 'check') {
    for (const path of [...outdated.map(([path]) => path), ...stale]) {
      console.error(`${path} is out of date: run node scripts/copy-crds.ts`)
    }
    return outdated.length + stale.length === 0 ? 0 : 1
  }
  for (const path of stale) rmSync(join(ROOT, path))
  for (const [path, text] of outdated) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true })
    writeFileSync(join(ROOT, path), text)
  }
  return 0
}

if (import.meta.main) process.exitCode = main(process.argv.includes('--check') ? 'check' : 'write')
