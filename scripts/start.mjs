/**
 * `npm start -- [flags]`: makes what is missing, then is the server, in this very process, so that
 * signals and exit codes need no forwarding.
 */

import { pathToFileURL } from 'node:url'
import { checkNode, ensureBuild, ensurePackages, SERVER } from './setup.mjs'

checkNode()
ensurePackages(false)
ensureBuild()
process.argv[1] = SERVER
await import(pathToFileURL(SERVER).href)
