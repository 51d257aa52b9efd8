import type { PodSharing } from '../../operator/rollout/pod.ts'

/** Of a pod in a test that is about something else. */
export const NOT_SHARING: PodSharing = {
  workload: 'Deployment/web',
  admin: undefined,
  annotation: undefined,
  resourceVersion: '1',
}
