// The operator, and what else asks an API server, behind one dynamic import: a bundle of its own, which a pod's sidecar never loads.
import { OperatorInputError, startOperator } from '../operator/main.ts'
import { askCluster } from './usage-pods.ts'

export { askCluster, OperatorInputError, startOperator }
