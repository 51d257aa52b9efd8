// Where the tests have Helm from: $HELM, the PATH, or what the cluster's tests have built. None is built here: the quick tests
// do without, and say so. Helm 4, because what it says about values that the schema refuses is part of what is tested.
import { execFile, spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import path from 'node:path'
import { describe } from '@jest/globals'
import { cacheFolder } from '../cluster/support/place.ts'

export const ROOT = path.join(import.meta.dirname, '../..')
export const CHART = path.join(ROOT, 'charts/outrigger')
export const CRDS_CHART = path.join(ROOT, 'charts/outrigger-crds')

/** Undefined when there is none. */
export const HELM = findHelm()

/** For the names of tests that are skipped for want of it. */
export const WITHOUT_HELM = HELM === undefined ? ' (skipped: no Helm 4 here; set HELM, or put it on the PATH)' : ''

/** Of the templates' `.Capabilities`, so that expected outputs do not depend on the Helm that renders them. */
export const KUBE_VERSION = '1.36.0'

export interface HelmResult {
  code: number
  stdout: string
  stderr: string
}

/** Skipped, and said so, where there is no Helm. */
export function describeWithHelm(name: string, tests: () => void): void {
  if (HELM !== undefined) return describe(name, tests)
  process.stderr.write(`${name}${WITHOUT_HELM}\n`)
  describe.skip(`${name}${WITHOUT_HELM}`, tests)
}

function findHelm(): string | undefined {
  const built = globSync(path.join(cacheFolder(), 'bin/*/helm'))
  const candidates = [process.env.HELM ?? '', 'helm', ...built].filter((each) => each !== '')
  return candidates.find((candidate) => {
    const { status, stdout } = spawnSync(candidate, ['version', '--short'], { encoding: 'utf8' })
    return status === 0 && stdout.startsWith('v4.')
  })
}

export function helm(args: readonly string[]): Promise<HelmResult> {
  return new Promise((resolve, reject) => {
    if (HELM === undefined) return reject(new Error('there is no helm'))
    execFile(HELM, args, { maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code
      if (typeof code === 'number') resolve({ code, stdout, stderr })
      else reject(error ?? new Error('helm ended without a code'))
    })
  })
}

/** What `helm template` makes of the chart for release `outrigger` in namespace `outrigger`. */
export function template(args: readonly string[], kubeVersion = KUBE_VERSION): Promise<HelmResult> {
  return helm(['template', 'outrigger', CHART, '--namespace', 'outrigger', '--kube-version', kubeVersion, ...args])
}
