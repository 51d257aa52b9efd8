// Injection: what turns a pod that asks for it into one with Outrigger's sidecar. Goes in: the pod as the API server sent it,
// and the settings. Comes out: a JSON Patch, or why there is none. It asks nobody and cannot fail.
//
// The patch only adds, so every field that is not known here survives, and what the pod says itself wins. Applied twice it is
// empty the second time; a container that another webhook added in between still gets its variables.
//
// A sidecar that is already there: of this version, it stays as it is, whatever another webhook has made of it (a registry
// mirror in the image, resources by an autoscaler): to put ours back would undo that, and Kubernetes calls each webhook twice
// at most. Of another version, it came with a copy of a running pod, and is replaced. Without the annotation, it is
// somebody else's, and the pod is refused. Rejected: skipping every pod that has one, which keeps old images alive in copies;
// replacing it always, for the reason above.
import { SHARES_ANNOTATION } from '../../contract/limit-shares.ts'
import { INJECT_LABEL, INJECTED_ANNOTATION, SIDECAR_CONTAINER, VOLUME } from '../../contract/names.ts'
import { conflicts } from './conflict.ts'
import { missingVariables } from './environment.ts'
import { injectedVersion } from './injected-version.ts'
import { append, type JsonPatchOperation, pointer, prepend } from './json-patch.ts'
import { isRecord, type RawObject, recordAt, recordsAt, textAt } from './raw-object.ts'
import type { InjectionSettings } from './settings.ts'
import { sidecarContainer, sidecarVolume } from './sidecar-container.ts'
import { warnings } from './warnings.ts'

export type Injection =
  | { outcome: 'Injected'; patch: readonly JsonPatchOperation[]; warnings: readonly string[] }
  /** The pod is admitted as it is: it does not ask, nothing is missing in it, or it has the node's network. */
  | { outcome: 'NotAsked' | 'Complete' | 'HostNetwork'; warnings: readonly string[] }
  /** The pod must not be admitted; the message is for its author. */
  | { outcome: 'Refused'; message: string }

/** `pod` is the whole object, of any form; its kind is not checked. */
export function inject(pod: unknown, settings: InjectionSettings): Injection {
  const raw = isRecord(pod) ? pod : {}
  const labels = recordAt(recordAt(raw, 'metadata'), 'labels')
  if (labels[INJECT_LABEL] !== 'true') return { outcome: 'NotAsked', warnings: [] }
  if (recordAt(raw, 'spec').hostNetwork === true) {
    // All pods of the node would share the sidecar's ports, and everybody on the node would have the pod's providers.
    return {
      outcome: 'HostNetwork',
      warnings: [`spec.hostNetwork: such a pod gets no sidecar, in spite of ${INJECT_LABEL}`],
    }
  }
  const found = conflicts(raw)
  if (found.length > 0) return { outcome: 'Refused', message: found.join('; ') }
  const patch = patchOf(raw, settings)
  return patch.length === 0
    ? { outcome: 'Complete', warnings: [] }
    : { outcome: 'Injected', patch, warnings: warnings(raw) }
}

function patchOf(pod: RawObject, settings: InjectionSettings): JsonPatchOperation[] {
  return [
    // Before the sidecar goes in front of the init containers and moves their indexes.
    ...variables(pod, 'containers'),
    ...variables(pod, 'initContainers'),
    ...volume(pod, settings),
    ...sidecar(pod, settings),
    ...copiedShares(pod),
    ...annotation(pod, settings),
  ]
}

/** In front, so that the application's own variables can refer to these as `$(NAME)`, which looks back only. */
function variables(pod: RawObject, list: 'containers' | 'initContainers'): JsonPatchOperation[] {
  return recordsAt(recordAt(pod, 'spec'), list).flatMap((container, index) =>
    list === 'initContainers' && textAt(container, 'name') === SIDECAR_CONTAINER
      ? []
      : prepend(['spec', list, index, 'env'], container.env, missingVariables(container)),
  )
}

function volume(pod: RawObject, settings: InjectionSettings): JsonPatchOperation[] {
  const index = indexOf(pod, 'volumes', VOLUME)
  if (index === -1) return append(['spec', 'volumes'], recordAt(pod, 'spec').volumes, [sidecarVolume()])
  return isCurrent(pod, settings)
    ? []
    : [{ op: 'replace', path: pointer('spec', 'volumes', index), value: sidecarVolume() }]
}

/** First of all: init containers that come after it may use it, too. */
function sidecar(pod: RawObject, settings: InjectionSettings): JsonPatchOperation[] {
  const spec = recordAt(pod, 'spec')
  const container = sidecarContainer(settings, pod)
  const index = indexOf(pod, 'initContainers', SIDECAR_CONTAINER)
  if (index === -1) return prepend(['spec', 'initContainers'], spec.initContainers, [container])
  return isCurrent(pod, settings)
    ? []
    : [{ op: 'replace', path: pointer('spec', 'initContainers', index), value: container }]
}

/** A copy of a running pod brings shares of limits that were granted to the other, which goes on using them. */
function copiedShares(pod: RawObject): JsonPatchOperation[] {
  const shares = textAt(recordAt(recordAt(pod, 'metadata'), 'annotations'), SHARES_ANNOTATION) ?? ''
  const path = pointer('metadata', 'annotations', SHARES_ANNOTATION)
  return shares === '' ? [] : [{ op: 'replace', path, value: '' }]
}

function annotation(pod: RawObject, settings: InjectionSettings): JsonPatchOperation[] {
  if (isCurrent(pod, settings)) return []
  const { annotations } = recordAt(pod, 'metadata')
  return isRecord(annotations)
    ? [{ op: 'add', path: pointer('metadata', 'annotations', INJECTED_ANNOTATION), value: settings.version }]
    : [{ op: 'add', path: pointer('metadata', 'annotations'), value: { [INJECTED_ANNOTATION]: settings.version } }]
}

function isCurrent(pod: RawObject, settings: InjectionSettings): boolean {
  return injectedVersion(pod) === settings.version
}

function indexOf(pod: RawObject, list: string, name: string): number {
  return recordsAt(recordAt(pod, 'spec'), list).findIndex((item) => textAt(item, 'name') === name)
}
