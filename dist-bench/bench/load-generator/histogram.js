/**
 * A latency histogram with a bounded relative error, in the manner of HdrHistogram: values in whole
 * microseconds, 128 linear steps per power of two, so a quantile is at most 0.8 % too high. The
 * largest value is kept exactly.
 *
 *   value   0 … 255      → its own bucket
 *   value 256 … 511      → buckets of 2
 *   value 512 … 1023     → buckets of 4, and so on up to 2^36 µs (19 hours)
 */
const stepBits = 7;
const stepsPerOctave = 1 << stepBits;
const octaves = 30;
const bucketCount = (octaves + 1) * stepsPerOctave;
export class Histogram {
    #counts;
    #total = 0;
    #maxMicros = 0;
    constructor() {
        this.#counts = new Float64Array(bucketCount);
    }
    get count() {
        return this.#total;
    }
    get maxMicros() {
        return this.#maxMicros;
    }
    record(micros) {
        const value = micros < 0 ? 0 : Math.floor(micros);
        const bucket = bucketOf(value);
        this.#counts[bucket] = this.#counts[bucket] + 1;
        this.#total++;
        if (value > this.#maxMicros)
            this.#maxMicros = value;
    }
    /** The smallest bucket's upper end under which at least `quantile` (0–1) of the values lie. */
    quantileMicros(quantile) {
        const wanted = Math.max(1, Math.ceil(this.#total * quantile));
        let seen = 0;
        for (let bucket = 0; bucket < bucketCount; bucket++) {
            seen += this.#counts[bucket];
            if (seen >= wanted)
                return Math.min(upperEndOf(bucket), this.#maxMicros);
        }
        return this.#maxMicros;
    }
    /** A copy that can be posted to another thread. */
    toData() {
        return { counts: this.#counts.slice(), maxMicros: this.#maxMicros };
    }
    add(data) {
        for (let bucket = 0; bucket < bucketCount; bucket++) {
            const count = data.counts[bucket];
            this.#counts[bucket] = this.#counts[bucket] + count;
            this.#total += count;
        }
        this.#maxMicros = Math.max(this.#maxMicros, data.maxMicros);
    }
}
function bucketOf(value) {
    if (value < 2 * stepsPerOctave)
        return value;
    const shift = Math.floor(Math.log2(value)) - stepBits;
    const bucket = shift * stepsPerOctave + Math.floor(value / 2 ** shift);
    return Math.min(bucket, bucketCount - 1);
}
function upperEndOf(bucket) {
    if (bucket < 2 * stepsPerOctave)
        return bucket;
    const shift = Math.floor(bucket / stepsPerOctave) - 1;
    const step = bucket - shift * stepsPerOctave;
    return (step + 1) * 2 ** shift - 1;
}
