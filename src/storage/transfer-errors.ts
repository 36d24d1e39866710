/** What goes wrong when a state is copied without harm to the store: the copy is worth nothing. */

/** A state could not be gathered; the one in use is as good as before. */
export class StagingError extends Error {
  override readonly name = 'StagingError'
}

/** The records were not read to their end. */
export class ViewEndedError extends Error {
  override readonly name = 'ViewEndedError'

  constructor() {
    super('the state store was closed or replaced while its records were read')
  }
}
