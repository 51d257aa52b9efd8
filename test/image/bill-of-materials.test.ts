import { expect, test } from '@jest/globals'
import { type ImageFacts, renderBillOfMaterials } from '../../scripts/image/bill-of-materials.ts'
import { platformOf } from '../../scripts/image/platform.ts'
import { fileEntry } from '../../scripts/image/tar.ts'

interface Component {
  type: string
  name: string
  'bom-ref': string
  version?: string
  purl?: string
  licenses?: { expression: string }[]
  hashes?: { alg: string; content: string }[]
  components?: Component[]
  evidence?: { occurrences: { location: string }[] }
}

interface Bill {
  bomFormat: string
  specVersion: string
  serialNumber: string
  version: number
  metadata: { timestamp: string; component: Component }
  components: Component[]
  dependencies: { ref: string; dependsOn: string[] }[]
}

const LIBC = {
  name: 'libc6',
  version: '2.36-9+deb12u14',
  architecture: 'amd64',
  source: 'glibc',
  copyright: Buffer.from('LGPL'),
}
const LIBSTDCXX = { ...LIBC, name: 'libstdc++6', version: '12.2.0-14+deb12u1', source: 'gcc-12' }

const FACTS: ImageFacts = {
  reference: 'localhost/outrigger:1.2.3',
  digest: `sha256:${'ab'.repeat(32)}`,
  created: '2026-11-21T00:00:00.000Z',
  runtime: {
    platform: platformOf('amd64'),
    node: { binary: Buffer.from('node'), version: '26.10.0', license: undefined },
    libraries: [
      { soname: 'ld-linux-x86-64.so.2', content: Buffer.from('ld'), package: LIBC },
      { soname: 'libc.so.6', content: Buffer.from('libc'), package: LIBC },
      { soname: 'libstdc++.so.6', content: Buffer.from('libstdc++'), package: LIBSTDCXX },
    ],
    release: Buffer.from('NAME="Debian"\nVERSION_ID="12"\nID=debian\n'),
  },
  nodeParts: { node: '26.10.0', openssl: '3.5.8', modules: '147', ngtcp2: '' },
  npmPackages: [
    { name: '@bufbuild/cel', version: '0.6.1', license: 'Apache-2.0' },
    { name: 'unlicensed', version: '1.0.0-rc.1+build', license: '' },
  ],
  layer: { comment: '', entries: [fileEntry('app/outrigger.cjs', 'bundle'), fileEntry('app/LICENSE', 'text')] },
}

const text = renderBillOfMaterials(FACTS)
const bill = JSON.parse(text) as Bill

test('names what is in the image by package URLs, and nothing else', () => {
  expect(bill.components.map(({ purl, name }) => purl ?? name)).toEqual([
    'pkg:generic/node@26.10.0',
    'pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&distro=debian-12',
    'pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12',
    'pkg:npm/%40bufbuild/cel@0.6.1',
    'pkg:npm/unlicensed@1.0.0-rc.1%2Bbuild',
    '/app/outrigger.cjs',
  ])
  expect(bill.metadata.component.purl).toBe(`pkg:oci/outrigger@sha256%3A${'ab'.repeat(32)}?arch=amd64&tag=1.2.3`)
})

test('says what Node contains, which licences hold and where libraries lie', () => {
  const [node, libc, libstdcxx, cel, unlicensed] = bill.components
  expect(node?.components?.map(({ purl }) => purl)).toEqual(['pkg:generic/openssl@3.5.8'])
  expect(libc?.evidence?.occurrences.map(({ location }) => location)).toEqual([
    '/lib64/ld-linux-x86-64.so.2',
    '/lib/x86_64-linux-gnu/libc.so.6',
  ])
  const licenses = [libc, libstdcxx, cel, unlicensed].map((component) => component?.licenses?.[0]?.expression)
  const expected = ['LGPL-2.1-or-later', 'GPL-3.0-or-later WITH GCC-exception-3.1', 'Apache-2.0', undefined]
  expect(licenses).toEqual(expected)
})

test('keeps to the rules of CycloneDX 1.6: versions, unique references, forms of hashes, dates and serial number', () => {
  expect(bill).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 })
  expect(bill.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(new Date(bill.metadata.timestamp).toISOString()).toBe(bill.metadata.timestamp)
  const components = [bill.metadata.component, ...bill.components].flatMap(withParts)
  const references = components.map((component) => component['bom-ref'])
  expect(new Set(references).size).toBe(references.length)
  for (const { type, name, hashes = [] } of components) {
    expect(['container', 'platform', 'library', 'file']).toContain(type)
    expect(name).not.toBe('')
    for (const { alg, content } of hashes)
      expect([alg, content]).toEqual(['SHA-256', expect.stringMatching(/^[0-9a-f]{64}$/)])
  }
  for (const { ref, dependsOn } of bill.dependencies)
    expect(references).toEqual(expect.arrayContaining([ref, ...dependsOn]))
})

test('equal facts give equal bytes, another image another serial number', () => {
  expect(renderBillOfMaterials({ ...FACTS })).toBe(text)
  const other = JSON.parse(renderBillOfMaterials({ ...FACTS, digest: `sha256:${'cd'.repeat(32)}` })) as Bill
  expect(other.serialNumber).not.toBe(bill.serialNumber)
})

function withParts(component: Component): Component[] {
  return [component, ...(component.components ?? []).flatMap(withParts)]
}
