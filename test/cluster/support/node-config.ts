// The configuration files of what runs on the node: containerd, its network plugin, kubelet, kube-proxy. In: a place. Out: texts.
// They make no assumption about the machine's own Docker or containerd, and write nowhere but into the cluster's folders.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { NODE_NAME } from './pki.ts'
import { NODE_IP, type Place, POD_CIDR } from './place.ts'

/** By file name, below the cluster's folder. */
export function nodeConfig(place: Place): Readonly<Record<string, string>> {
  return {
    'containerd.toml': containerdConfig(place),
    'cni/10-outrigger.conflist': JSON.stringify(networkConfig(place)),
    'kubelet.json': JSON.stringify(kubeletConfig(place)),
    'kube-proxy.json': JSON.stringify(proxyConfig(place)),
    'resolv.conf': `nameserver ${NODE_IP}\n`,
  }
}

export function containerdSocket({ runFolder }: Place): string {
  return path.join(runFolder, 'containerd.sock')
}

/** Where distributions put the plugins; undefined when none has the one that is used here. */
export function networkPlugins(): string | undefined {
  return ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'].find((folder) => existsSync(path.join(folder, 'ptp')))
}

export const PAUSE_IMAGE = 'localhost/pause:test'

/** Plugins that would look for devices, or write outside the cluster's folders. */
const NOT_NEEDED = [
  'io.containerd.internal.v1.opt',
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
]

function containerdConfig(place: Place): string {
  return `version = 2
root = "${place.folder}/containerd"
state = "${place.runFolder}/containerd"
disabled_plugins = ${JSON.stringify(NOT_NEEDED)}
[grpc]
  address = "${containerdSocket(place)}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # A machine without CAP_SYS_RESOURCE refuses negative scores: pods would never start.
  restrict_oom_score_adj = true
  disable_apparmor = true
  # So that they are found, and removed, with the rest.
  netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${networkPlugins() ?? ''}"
  conf_dir = "${place.folder}/cni"
`
}

/** A routed link per pod. A bridge was rejected: replies between its ports would not pass kube-proxy's rules again, and ClusterIPs break. */
function networkConfig(place: Place): unknown {
  const ipam = {
    type: 'host-local',
    dataDir: `${place.runFolder}/ipam`,
    ranges: [[{ subnet: POD_CIDR }]],
    routes: [{ dst: '0.0.0.0/0' }],
  }
  return { cniVersion: '0.4.0', name: 'outrigger', plugins: [{ type: 'ptp', ipMasq: false, ipam }] }
}

function kubeletConfig(place: Place): unknown {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${containerdSocket(place)}`,
    tlsCertFile: `${place.pki}/${NODE_NAME}.crt`,
    tlsPrivateKeyFile: `${place.pki}/${NODE_NAME}.key`,
    authentication: {
      x509: { clientCAFile: `${place.pki}/ca.crt` },
      anonymous: { enabled: false },
      webhook: { enabled: false },
    },
    authorization: { mode: 'AlwaysAllow' },
    podLogsDir: `${place.folder}/pod-logs`,
    volumePluginDir: `${place.folder}/volume-plugins`,
    resolvConf: `${place.folder}/resolv.conf`,
    clusterDNS: [NODE_IP],
    clusterDomain: 'cluster.local',
    // What follows lets it live on any machine: with cgroup v1 (refused since 1.35, and only this field allows it), with swap, without
    // CAP_SYS_RESOURCE, on a full disk.
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    oomScoreAdj: 0,
    evictionHard: {
      'memory.available': '100Mi',
      'nodefs.available': '0%',
      'nodefs.inodesFree': '0%',
      'imagefs.available': '0%',
      'imagefs.inodesFree': '0%',
    },
    imageGCHighThresholdPercent: 100,
    localStorageCapacityIsolation: false,
    makeIPTablesUtilChains: false,
  }
}

function proxyConfig(place: Place): unknown {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: `${place.pki}/kube-proxy.kubeconfig` },
    hostnameOverride: NODE_NAME,
    mode: 'nftables',
    clusterCIDR: POD_CIDR,
    // The machine's limits stay as they are.
    conntrack: { maxPerCore: 0, min: 0 },
  }
}
