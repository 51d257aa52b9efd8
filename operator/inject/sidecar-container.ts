// The sidecar as it lies in a pod: a native sidecar container and the volume that it reads. Goes in: the settings. Comes out:
// two objects of the Kubernetes API, as they are sent. They pass Pod Security `restricted` and ask for no privilege.

import {
  ADMIN_PORT,
  CREDENTIALS_SECRET,
  LABELS_FILE,
  MOUNT_PATH,
  SHARDS_MAX,
  SIDECAR_CONTAINER,
  shardConfigMap,
  VOLUME,
} from '../../contract/names.ts'
import type { RawObject } from './raw-object.ts'
import type { InjectionSettings } from './settings.ts'

/** Of the image: no user of the node, and the one that most images without a root user have. */
const SIDECAR_USER = 65532

/**
 * Every address of the pod, because the kubelet probes its first address and Prometheus may take any. The IPv6 wildcard takes
 * IPv4 as well, also where sysctls have taken IPv6 off all interfaces; 0.0.0.0 would not answer in a pod that has IPv6 only.
 * The pod's own address by downward API would, but `kubectl port-forward` connects to the loopback one.
 */
const ADMIN_ADDRESS = `[::]:${ADMIN_PORT}`

const SECURITY_CONTEXT: RawObject = {
  runAsNonRoot: true,
  runAsUser: SIDECAR_USER,
  runAsGroup: SIDECAR_USER,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

/** Whose resources the sidecar uses: a pod that declares them as a whole (`spec.resources`) would be invalid with ours on top. */
export type ResourcesOf = 'Container' | 'Pod'

export function sidecarContainer(settings: InjectionSettings, resourcesOf: ResourcesOf): RawObject {
  return {
    name: SIDECAR_CONTAINER,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    args: ['sidecar'],
    restartPolicy: 'Always',
    env: [{ name: 'OUTRIGGER_ADMIN', value: ADMIN_ADDRESS }, ...settings.env],
    // Declared because a PodMonitor's portNumber matches only what is; without a name because several consumers of named
    // ports look at spec.containers only, so that nobody comes to depend on one.
    ports: [{ containerPort: ADMIN_PORT, protocol: 'TCP' }],
    // The application's containers wait for the first success: so every second, and for two minutes on a node that is busy.
    startupProbe: {
      httpGet: { path: '/startupz', port: ADMIN_PORT },
      periodSeconds: 1,
      timeoutSeconds: 5,
      failureThreshold: 120,
    },
    // A restart ends all open requests of the pod: only after half a minute of silence.
    livenessProbe: {
      httpGet: { path: '/livez', port: ADMIN_PORT },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 3,
    },
    readinessProbe: {
      httpGet: { path: '/readyz', port: ADMIN_PORT },
      periodSeconds: 5,
      timeoutSeconds: 5,
      failureThreshold: 3,
    },
    ...(resourcesOf === 'Container' && { resources: settings.resources }),
    securityContext: SECURITY_CONTEXT,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [{ name: VOLUME, mountPath: MOUNT_PATH, readOnly: true }],
  }
}

/**
 * One projected volume, because all of it is swapped at once: the document is never paired with the credentials of another
 * time. Everything but the labels is optional: a pod starts, and its sidecar says that it has no configuration, before
 * anything is published for its namespace.
 *
 * Mode 0444: the kubelet writes the files as root and gives to the container's user only tokens of service accounts; to a
 * group only when the pod has an fsGroup, which is the application's to choose. So the sidecar reads as "others". Nobody
 * else can: no other container mounts the volume, and on the node only root enters the pods' folder.
 */
export function sidecarVolume(): RawObject {
  const configMaps = Array.from({ length: SHARDS_MAX }, (_, shard) => shardConfigMap(shard))
  return {
    name: VOLUME,
    projected: {
      defaultMode: 0o444,
      sources: [
        ...configMaps.map((name) => ({ configMap: { name, optional: true } })),
        { secret: { name: CREDENTIALS_SECRET, optional: true } },
        {
          downwardAPI: { items: [{ path: LABELS_FILE, fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.labels' } }] },
        },
      ],
    },
  }
}
