// Where cluster tests run: Node's environment, plus two things that must not depend on anybody's memory. A test that this machine
// cannot run is reported as skipped, with its hooks; and when one fails, the cluster's logs are collected before anything cleans up.
const { spawnSync } = require('node:child_process')
const path = require('node:path')
const { TestEnvironment } = require('jest-environment-node')

const LOGS = process.env.OUTRIGGER_TEST_LOGS ?? path.join(__dirname, '../../.cache/cluster-logs')
const NO_NAME = /(?!)/
const COLLECTING_MS = 60_000

module.exports = class ClusterEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context)
    const skipped = process.env.OUTRIGGER_TEST_SKIPPED
    const withoutNode = /[\\/]control-plane[\\/]/.test(context.testPath)
    this.skips = skipped === 'All' || (skipped === 'WithNode' && !withoutNode)
    this.file = path.basename(context.testPath, '.test.ts')
  }

  handleTestEvent(event, state) {
    if (event.name === 'run_start' && this.skips) state.testNamePattern = NO_NAME
    if (event.name === 'test_fn_failure') this.collect(event.test.name)
    if (event.name === 'hook_failure') this.collect(`${event.hook.type} ${event.test?.name ?? ''}`)
  }

  collect(name) {
    const folder = path.join(LOGS, this.file, name.replace(/[^\w-]+/g, '-').slice(0, 80))
    const main = path.join(__dirname, 'main.ts')
    const { status } = spawnSync(process.execPath, [main, 'logs', folder], { timeout: COLLECTING_MS, stdio: 'ignore' })
    process.stderr.write(status === 0 ? `logs: ${folder}\n` : 'logs: there is no cluster to ask\n')
  }
}
