// The components of a cluster, a row each: what is run, with which flags. In: a place and the path of the one binary. Out: command
// lines, in the order in which they are started.
import path from 'node:path'
import { NODE_NAME } from './pki.ts'
import { NODE_IP, type Place, SERVICE_CIDR } from './place.ts'
import type { Program } from './processes.ts'

export type ComponentName =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'containerd'
  | 'kubelet'
  | 'kube-proxy'

/** All of them: what runs when a cluster with a node is up. */
export const NODE_COMPONENTS: readonly ComponentName[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'containerd',
  'kubelet',
  'kube-proxy',
]

type Flags = Readonly<Record<string, string>>

/** Ended last, in this order: an API server that has lost its etcd ignores SIGTERM. */
export const ENDED_LAST: readonly ComponentName[] = [
  'containerd',
  'kube-scheduler',
  'kube-controller-manager',
  'kube-apiserver',
  'etcd',
]

export function component(name: ComponentName, place: Place, kubernetes: string): Program {
  if (name === 'containerd')
    return { name, command: 'containerd', args: ['-c', path.join(place.folder, 'containerd.toml')] }
  const args = Object.entries(FLAGS[name](place)).map(([flag, value]) => `--${flag}=${value}`)
  return { name, command: kubernetes, args: [name, ...args] }
}

const FLAGS: Readonly<Record<Exclude<ComponentName, 'containerd'>, (place: Place) => Flags>> = {
  etcd: ({ folder, ports }) => ({
    'data-dir': path.join(folder, 'etcd'),
    // Nobody misses the data after a crash.
    'unsafe-no-fsync': 'true',
    'listen-client-urls': `http://127.0.0.1:${ports.etcd}`,
    'advertise-client-urls': `http://127.0.0.1:${ports.etcd}`,
    'listen-peer-urls': `http://127.0.0.1:${ports.etcdPeer}`,
    'initial-advertise-peer-urls': `http://127.0.0.1:${ports.etcdPeer}`,
    'initial-cluster': `default=http://127.0.0.1:${ports.etcdPeer}`,
  }),
  'kube-apiserver': (place) => ({ ...apiServerFlags(place), ...aggregationFlags(place) }),
  'kube-controller-manager': (place) => ({
    ...callerFlags('kube-controller-manager', place),
    'use-service-account-credentials': 'true',
    'service-account-private-key-file': `${place.pki}/sa.key`,
    'root-ca-file': `${place.pki}/ca.crt`,
    'cluster-signing-cert-file': `${place.pki}/ca.crt`,
    'cluster-signing-key-file': `${place.pki}/ca.key`,
    'horizontal-pod-autoscaler-sync-period': '5s',
  }),
  'kube-scheduler': (place) => callerFlags('kube-scheduler', place),
  kubelet: ({ folder, pki }) => ({
    config: path.join(folder, 'kubelet.json'),
    kubeconfig: `${pki}/${NODE_NAME}.kubeconfig`,
    'hostname-override': NODE_NAME,
    'node-ip': NODE_IP,
    'root-dir': path.join(folder, 'kubelet'),
  }),
  'kube-proxy': ({ folder }) => ({ config: path.join(folder, 'kube-proxy.json') }),
}

function apiServerFlags({ pki, server, ports, netns }: Place): Flags {
  return {
    'etcd-servers': `http://127.0.0.1:${ports.etcd}`,
    'secure-port': server.port,
    'bind-address': netns === undefined ? server.hostname : '0.0.0.0',
    'advertise-address': server.hostname,
    // A loopback address is no endpoint that the Service `kubernetes` may have.
    ...(netns === undefined ? { 'endpoint-reconciler-type': 'none' } : {}),
    'tls-cert-file': `${pki}/kube-apiserver.crt`,
    'tls-private-key-file': `${pki}/kube-apiserver.key`,
    'client-ca-file': `${pki}/ca.crt`,
    'service-cluster-ip-range': SERVICE_CIDR,
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'allow-privileged': 'true',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': `${pki}/sa.pub`,
    'service-account-signing-key-file': `${pki}/sa.key`,
    'kubelet-client-certificate': `${pki}/admin.crt`,
    'kubelet-client-key': `${pki}/admin.key`,
    // Else `kubectl logs` and `exec` look the node's name up in DNS.
    'kubelet-preferred-address-types': 'InternalIP',
  }
}

/** For APIServices, as autoscalers bring them. One authority for clients and proxies is refused without the allowed names. */
function aggregationFlags({ pki }: Place): Flags {
  return {
    // To the addresses of endpoints, not to a ClusterIP.
    'enable-aggregator-routing': 'true',
    'requestheader-client-ca-file': `${pki}/ca.crt`,
    'requestheader-allowed-names': 'front-proxy-client',
    'requestheader-username-headers': 'X-Remote-User',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'proxy-client-cert-file': `${pki}/front-proxy.crt`,
    'proxy-client-key-file': `${pki}/front-proxy.key`,
  }
}

function callerFlags(name: string, { pki, netns }: Place): Flags {
  const kubeconfig = `${pki}/${name}.kubeconfig`
  return {
    kubeconfig,
    'leader-elect': 'false',
    // Without a namespace of its own it would take a port that somebody else may have: it then serves nothing.
    ...(netns === undefined
      ? { 'secure-port': '0' }
      : { 'authentication-kubeconfig': kubeconfig, 'authorization-kubeconfig': kubeconfig }),
  }
}
