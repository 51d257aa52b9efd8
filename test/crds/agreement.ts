// Holds file mode's admission against what a real API server said of the same object. They need not say everything in the same
// words, and an API server tells only some mistakes at a time; but they must admit and refuse the same, store the same, blame
// the same fields for the same reasons, and give the messages of CEL rules letter by letter.
import { admit } from '../../cli/files/admission.ts'
import { renderFieldPath } from '../../cli/files/field-path.ts'
import type { FileReason } from '../../cli/files/problem.ts'
import { sameJson } from '../../operator/status/same-json.ts'
import type { CreateAnswer, KubernetesObject, Refused } from './apiserver.ts'
import { listNodes, readDefinitions } from './custom-resource-definitions.ts'

export interface FileFinding {
  field: string
  reason: FileReason
  message: string
}

type FileVerdict = { stored: unknown } | { findings: FileFinding[] }

const RULE_MESSAGES = new Set(
  readDefinitions().flatMap(({ schema }) =>
    listNodes(schema).flatMap(({ schema: node }) => (node['x-kubernetes-validations'] ?? []).map((one) => one.message)),
  ),
)

/** An API server adds this to other causes when it left rules out. */
const NO_FIELD = '<nil>'

/** Undefined when they agree, else what they say. */
export function disagreement(object: KubernetesObject, answer: CreateAnswer): string | undefined {
  const verdict = fileModeVerdict(object)
  if (agrees(verdict, answer)) return undefined
  const ours = 'stored' in verdict ? verdict.stored : verdict.findings
  const theirs = 'stored' in answer ? answer.stored.spec : answer.refused.message
  return `file mode: ${JSON.stringify(ours)}; API server: ${JSON.stringify(theirs)}`
}

export function fileModeVerdict(object: KubernetesObject): FileVerdict {
  const kind = object.kind as 'LLMProvider' | 'LLMRoute'
  const admission = admit(kind, { ...object, metadata: { namespace: 'default', ...object.metadata } }, 'Enforce')
  if (!('findings' in admission)) return { stored: admission.object.spec }
  return { findings: admission.findings.map(({ path, ...finding }) => ({ field: renderFieldPath(path), ...finding })) }
}

function agrees(verdict: FileVerdict, answer: CreateAnswer): boolean {
  if ('stored' in verdict) return 'stored' in answer && sameJson(verdict.stored, answer.stored.spec)
  if ('stored' in answer) return false
  const { findings } = verdict
  const { refused } = answer
  return refused.reason === 'Invalid' ? blamesTheSame(findings, refused) : knowsTheSame(findings, refused)
}

/** The first finding of each field, because an API server looks no further; what it blames beyond that lies inside. */
function blamesTheSame(findings: readonly FileFinding[], { causes }: Refused): boolean {
  const firsts = [...new Map(findings.toReversed().map((finding) => [finding.field, finding])).values()]
  const told = causes.filter(({ field }) => field !== NO_FIELD)
  const ours = firsts.every(({ field, reason, message }) => {
    const same = told.filter((cause) => cause.field === field && cause.reason === reason)
    return same.some((cause) => !RULE_MESSAGES.has(message) || cause.message.endsWith(message))
  })
  const theirs = told.every((cause) => firsts.some(({ field }) => isWithin(cause.field, field)))
  return ours && theirs
}

/** Fields that nobody knows are refused before anything else is looked at. */
function knowsTheSame(findings: readonly FileFinding[], { message }: Refused): boolean {
  const unknown = Array.from(message.matchAll(/unknown field "([^"]+)"/g), ([, field]) => field ?? '')
  return unknown.length > 0 && unknown.every((field) => findings.some((finding) => isWithin(field, finding.field)))
}

function isWithin(field: string, outer: string): boolean {
  return field === outer || field.startsWith(`${outer}.`) || field.startsWith(`${outer}[`)
}
