import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
// @ts-expect-error a script, without types
import { generate } from '../../../scripts/generate-codec.mjs'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

test('the checked-in codecs are what the generator writes', async () => {
  const files = (await generate()) as Map<string, string>
  expect(files.size).toBeGreaterThan(0)
  for (const [path, text] of files) {
    const isSame = readFileSync(`${ROOT}/${path}`, 'utf8') === text
    expect(isSame, `${path} is stale: run node scripts/generate-codec.mjs`).toBe(true)
  }
})
