/** `npm run build`: compiles src to dist. */

import { build, checkNode, ensurePackages } from './setup.mjs'

checkNode()
ensurePackages(true)
build()
