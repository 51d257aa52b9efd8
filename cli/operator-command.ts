// The operator behind one dynamic import: a bundle of its own, which a pod's sidecar never loads.
import { OperatorInputError, startOperator } from '../operator/main.ts'

export { OperatorInputError, startOperator }
