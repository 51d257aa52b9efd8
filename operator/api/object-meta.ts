/** The part of Kubernetes' ObjectMeta that Outrigger reads. */
export interface ObjectMeta {
  name: string
  /** Always set: both kinds are namespaced, and file mode fills in its default namespace. */
  namespace: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  /** RFC 3339, set by the apiserver; absent in file mode. */
  creationTimestamp?: string
  /** Set by the apiserver; absent in file mode. */
  uid?: string
  /** Counts the changes of `spec`; set by the apiserver, absent in file mode. */
  generation?: number
}
