// Preloaded by the commands that print much: they end quietly when nobody reads on, as behind
// `| head`. What they have running ends with them, as on every exit.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
}
