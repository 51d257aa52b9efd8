// Bundles the command line into minified CommonJS, which halves the start and saves 9 MB against modules: what a pod runs in
// outrigger.cjs, the commands that read files in outrigger-files.cjs beside it.
import { type BuildOptions, build, type Plugin } from 'esbuild'

const fileCommandsApart: Plugin = {
  name: 'file-commands-apart',
  setup(bundle) {
    bundle.onResolve({ filter: /^\.\/file-commands\.ts$/ }, () => ({ path: './outrigger-files.cjs', external: true }))
  },
}

const options: BuildOptions = {
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node26',
  format: 'cjs',
  legalComments: 'linked',
  logLevel: 'warning',
  alias: { 'body-parser': './scripts/no-body-parser.cjs' },
}

await build({ ...options, entryPoints: ['cli/main.ts'], outfile: 'dist/outrigger.cjs', plugins: [fileCommandsApart] })
await build({ ...options, entryPoints: ['cli/file-commands.ts'], outfile: 'dist/outrigger-files.cjs' })
