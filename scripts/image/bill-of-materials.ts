// Renders the bill of materials of one image as CycloneDX 1.6: Node with what it contains, the npm packages inside the bundles,
// each Debian package with the libraries taken from it. In: facts. Out: JSON, equal bytes for equal facts: no random serial
// number, no clock. Only what is in the image is in here; build tools are not.
import { createHash } from 'node:crypto'
import { type Layer, splitReference } from './archive.ts'
import type { DebianPackage, Library } from './libraries.ts'
import type { NpmPackage } from './packages.ts'
import { libraryPath, NODE_PATH, packagesOf, type Runtime } from './rootfs.ts'

export interface ImageFacts {
  reference: string
  digest: string
  created: string
  runtime: Runtime
  /** Node's own `process.versions`; empty when unknown. */
  nodeParts: Readonly<Record<string, string>>
  npmPackages: readonly NpmPackage[]
  /** The bundles. */
  layer: Layer
}

interface Component {
  type: 'container' | 'platform' | 'library' | 'file'
  'bom-ref': string
  name: string
  version?: string
  purl?: string
  cpe?: string
  licenses?: { expression: string }[]
  hashes?: { alg: 'SHA-256'; content: string }[]
  components?: Component[]
  evidence?: { occurrences: { location: string }[] }
}

/** Of `process.versions`: names of interfaces and data tables, which are no software. */
const NOT_SOFTWARE = new Set(['node', 'modules', 'napi', 'unicode', 'cldr', 'tz'])

/** By Debian source package without its version; from the packages' copyright files. */
const LICENSES: Readonly<Record<string, string>> = {
  glibc: 'LGPL-2.1-or-later',
  gcc: 'GPL-3.0-or-later WITH GCC-exception-3.1',
}

/** The file's text. */
export function renderBillOfMaterials(facts: ImageFacts): string {
  const image = imageComponent(facts)
  const components = [
    nodeComponent(facts),
    ...packagesOf(facts.runtime.libraries).map((found) => debianComponent(found, facts.runtime)),
    ...facts.npmPackages.map(npmComponent),
    ...bundleComponents(facts.layer),
  ]
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: serialNumber(facts.digest),
    version: 1,
    metadata: { timestamp: facts.created, component: image },
    components,
    dependencies: [{ ref: image['bom-ref'], dependsOn: components.map((component) => component['bom-ref']) }],
  }
  return `${JSON.stringify(document, undefined, 2)}\n`
}

function imageComponent({ reference, digest, runtime }: ImageFacts): Component {
  const { name, tag } = splitReference(reference)
  const shortName = name.slice(name.lastIndexOf('/') + 1)
  const qualifiers = `arch=${runtime.platform.architecture}&tag=${encodeURIComponent(tag)}`
  const purl = `pkg:oci/${shortName}@${encodeURIComponent(digest)}?${qualifiers}`
  const hashes: Component['hashes'] = [{ alg: 'SHA-256', content: digest.replace('sha256:', '') }]
  return { type: 'container', 'bom-ref': purl, name: shortName, version: tag, purl, hashes }
}

function nodeComponent({ runtime, nodeParts }: ImageFacts): Component {
  const { version, binary } = runtime.node
  const purl = `pkg:generic/node@${version}`
  const parts = Object.entries(nodeParts).filter(([name, value]) => value !== '' && !NOT_SOFTWARE.has(name))
  return {
    type: 'platform',
    'bom-ref': purl,
    name: 'node',
    version,
    purl,
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    licenses: [{ expression: 'MIT' }],
    hashes: [{ alg: 'SHA-256', content: sha256([binary]) }],
    components: parts.map(([name, value]) => nodePart(name, value, purl)),
    evidence: { occurrences: [{ location: NODE_PATH }] },
  }
}

function nodePart(name: string, version: string, node: string): Component {
  const purl = `pkg:generic/${name}@${encodeURIComponent(version)}`
  return { type: 'library', 'bom-ref': `${node}#${name}`, name, version, purl }
}

function npmComponent({ name, version, license }: NpmPackage): Component {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${encodeURIComponent(version)}`
  const licenses = license === '' ? {} : { licenses: [{ expression: license }] }
  return { type: 'library', 'bom-ref': purl, name, version, purl, ...licenses }
}

function debianComponent(found: DebianPackage, { libraries, platform, release }: Runtime): Component {
  const { name, version, architecture, source } = found
  const expression = LICENSES[source.replace(/-\d+$/, '')]
  const own = libraries.filter((library) => library.package.name === name)
  const qualifiers = `arch=${architecture}&distro=${distribution(release)}`
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?${qualifiers}`
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    ...(expression !== undefined && { licenses: [{ expression }] }),
    components: own.map((library) => libraryFile(library, purl)),
    evidence: { occurrences: own.map(({ soname }) => ({ location: libraryPath(soname, platform) })) },
  }
}

function libraryFile({ soname, content }: Library, owner: string): Component {
  const hashes: Component['hashes'] = [{ alg: 'SHA-256', content: sha256([content]) }]
  return { type: 'file', 'bom-ref': `${owner}#${soname}`, name: soname, hashes }
}

function bundleComponents({ entries }: Layer): Component[] {
  return entries.flatMap((entry): Component[] => {
    if (entry.kind !== 'File' || !entry.path.endsWith('.cjs')) return []
    const location = `/${entry.path}`
    const hashes: Component['hashes'] = [{ alg: 'SHA-256', content: sha256(entry.chunks) }]
    return [{ type: 'file', 'bom-ref': location, name: location, hashes }]
  })
}

/** As package URLs want it: debian-12; without the number where a distribution has none, as Debian's unstable. */
function distribution(release: Buffer): string {
  const values = ['ID', 'VERSION_ID'].map(
    (name) => new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(release.toString())?.[1],
  )
  return values.filter((value) => value !== undefined).join('-')
}

/** Of the image's digest, in the form of a version 8 UUID (RFC 9562): of the maker's choosing. */
function serialNumber(digest: string): string {
  const hex = sha256([Buffer.from(digest)])
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function sha256(chunks: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const chunk of chunks) hash.update(chunk)
  return hash.digest('hex')
}
