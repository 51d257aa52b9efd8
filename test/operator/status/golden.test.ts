// Every YAML file in the folders beside this one is a case: resources as users write them, then `# Output` with the statuses
// that the operator writes for namespace `shop` when three of three sidecars run everything. GOLDEN=write writes the output
// anew; read its diff like code.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parse, stringify } from 'yaml'
import { parseFiles } from '../../../cli/files/parse.ts'
import { STATE_REASONS } from '../../../operator/api/condition.ts'
import { REASONS } from '../../../operator/api/reason.ts'
import { compile } from '../../../operator/compile/compile.ts'
import { resolve } from '../../../operator/resolve/resolve.ts'
import type { Snapshot } from '../../../operator/resolve/snapshot.ts'
import { type StatusUpdate, statusesOf } from '../../../operator/status/statuses.ts'

const FOLDER = import.meta.dirname
const NAMESPACE = 'shop'
const OUTPUT = '---\n# Output\n'
const NOW = '2026-11-21T10:00:00Z'
const SIDECARS = { total: 3, current: 3, outdated: 0, missing: 0, imageOutdated: 0, unreachable: 0 }

/** Reasons that depend on more than resources; programmed.test.ts has them. */
const NOT_FROM_RESOURCES = ['ConfigTooLarge', 'NoSidecars', 'Pending', 'SidecarsUnreachable']

const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .sort()

function inputOf(file: string): string {
  return readFileSync(join(FOLDER, file), 'utf8').split(OUTPUT)[0] ?? ''
}

function snapshotOf(file: string): Snapshot {
  const options = { allowLoopback: 'Refuse', defaultNamespace: NAMESPACE } as const
  const { objects, problems } = parseFiles([{ path: file, text: inputOf(file) }], {}, options)
  expect(problems).toEqual([])
  const secrets = objects.secrets.map(({ values, ...secret }) => ({ ...secret, keys: Object.keys(values) }))
  return { ...objects, secrets }
}

function statusesFor(file: string): StatusUpdate[] {
  const snapshot = snapshotOf(file)
  const { problems, warnings } = compile(resolve(snapshot, NAMESPACE))
  const [sidecarsOf, usesOf] = [() => SIDECARS, () => undefined]
  return statusesOf({ namespace: NAMESPACE, snapshot, problems, warnings, sidecarsOf, usesOf, now: NOW })
}

function render(updates: readonly StatusUpdate[]): string {
  const statuses = updates.map(({ object: { kind, metadata }, status }) => ({
    object: `${kind} ${metadata.namespace}/${metadata.name}`,
    ...status,
  }))
  return stringify(statuses, { lineWidth: 0, aliasDuplicateObjects: false })
}

test.each(files)('%s', (file) => {
  const expected = `${inputOf(file)}${OUTPUT}${render(statusesFor(file))}`
  if (process.env.GOLDEN === 'write') writeFileSync(join(FOLDER, file), expected)
  else expect(readFileSync(join(FOLDER, file), 'utf8')).toBe(expected)
})

test('every reason of a condition has a case', () => {
  const outputs = files.map((file) => readFileSync(join(FOLDER, file), 'utf8').split(OUTPUT)[1] ?? '')
  const statuses = outputs.flatMap((output) => parse(output) as { conditions: { reason: string }[] }[])
  const seen = new Set(statuses.flatMap(({ conditions }) => conditions.map(({ reason }) => reason)))
  const all = new Set([...Object.keys(REASONS), ...Object.keys(STATE_REASONS)])
  expect([...all.difference(seen)].sort()).toEqual(NOT_FROM_RESOURCES)
})
