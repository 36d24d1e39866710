/**
 * Assertions that stay on in production. A broken invariant is a bug in this program, never an
 * expected outcome: nobody catches an AssertionError, the process logs it and ends.
 */
export class AssertionError extends Error {
    name = 'AssertionError';
    details;
    constructor(text, details = {}) {
        const shown = Object.entries(details).map(([name, value]) => `${name}=${String(value)}`);
        super(shown.length === 0 ? text : `${text} (${shown.join(', ')})`);
        this.details = details;
    }
}
/**
 * Ends the current turn with an AssertionError when `condition` does not hold. Pass the numbers
 * that explain the failure as `details`; on a hot path guard an object literal with `if`.
 */
export function assert(condition, text, details) {
    if (!condition)
        throw new AssertionError(text, details);
}
/** The last branch of an exhaustive `switch`: fails to compile while a case is missing. */
export function unreachable(value) {
    throw new AssertionError('unreachable value', { value });
}
