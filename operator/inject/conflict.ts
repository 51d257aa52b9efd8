// What keeps a pod from being injected. Such a pod is refused and not admitted without a sidecar: its application would send
// its requests, with a placeholder for a key, to a port where nobody or somebody else listens. Goes in: a pod that asks for
// injection. Comes out: a sentence per conflict, with the field and what to change.
import { ADMIN_PORT, DATA_PLANE_PORT, INJECT_LABEL, SIDECAR_CONTAINER, VOLUME } from '../../contract/names.ts'
import { injectedVersion } from './injected-version.ts'
import { type RawObject, recordAt, recordsAt, textAt } from './raw-object.ts'

const PORTS: readonly unknown[] = [DATA_PLANE_PORT, ADMIN_PORT]

export function conflicts(pod: RawObject): string[] {
  const spec = recordAt(pod, 'spec')
  return [...platformConflicts(spec), ...nameConflicts(spec, injectedVersion(pod)), ...portConflicts(spec)]
}

/** What concerns all containers of a pod: `spec.containers[0]` and so on, each with its place. */
function placedContainers(spec: RawObject): { place: string; container: RawObject }[] {
  return ['initContainers', 'containers'].flatMap((list) =>
    recordsAt(spec, list).map((container, index) => ({ place: `spec.${list}[${index}]`, container })),
  )
}

function platformConflicts(spec: RawObject): string[] {
  const field = [
    textAt(recordAt(spec, 'os'), 'name') === 'windows' && 'spec.os.name',
    textAt(recordAt(spec, 'nodeSelector'), 'kubernetes.io/os') === 'windows' && 'spec.nodeSelector[kubernetes.io/os]',
  ].find((each) => each !== false)
  return field === undefined
    ? []
    : [`${field}: take the label ${INJECT_LABEL} off Windows pods, the sidecar runs on Linux only`]
}

/** A pod that says that it was injected may have a sidecar and its volume: it is a copy, or it is seen a second time. */
function nameConflicts(spec: RawObject, injected: string | undefined): string[] {
  const containers = placedContainers(spec)
    .filter(({ container }) => textAt(container, 'name') === SIDECAR_CONTAINER)
    .filter(({ place }) => injected === undefined || place.startsWith('spec.containers'))
    .map(({ place }) => `${place}.name: rename or remove the container, "${SIDECAR_CONTAINER}" is the sidecar's name`)
  const volumes = recordsAt(spec, 'volumes').flatMap((volume, index) =>
    injected === undefined && textAt(volume, 'name') === VOLUME
      ? [`spec.volumes[${index}].name: rename or remove the volume, "${VOLUME}" is the name of the sidecar's`]
      : [],
  )
  return [...containers, ...volumes]
}

function portConflicts(spec: RawObject): string[] {
  return placedContainers(spec)
    .filter(({ container }) => textAt(container, 'name') !== SIDECAR_CONTAINER)
    .flatMap(({ place, container }) =>
      recordsAt(container, 'ports').flatMap((port, index) =>
        (textAt(port, 'protocol') ?? 'TCP') === 'TCP' && PORTS.includes(port.containerPort)
          ? [
              `${place}.ports[${index}]: let "${textAt(container, 'name')}" listen on another port, ${PORTS.join(' and ')} are the sidecar's`,
            ]
          : [],
      ),
    )
}
