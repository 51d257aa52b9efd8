// The commands that read files or play a provider, behind one dynamic import: a bundle of their own, which a sidecar in a pod
// never loads (YAML, CEL, the schemas, the mock: half of the code).
import { startMock } from '../mock/server.ts'
import { compileFiles } from './compile.ts'
import { InputError, run } from './run.ts'

export { compileFiles, InputError, run, startMock }
