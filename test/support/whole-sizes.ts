/** For every test: an arbitrary with a `maxLength` goes up to it. By itself, fast-check stops at about ten. */

import fc from 'fast-check'

fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true })
