/**
 * The Huffman code of HPACK (RFC 7541 appendix B), for decoding only. The code is canonical: within
 * one length the codes count upwards in symbol order, and the first code of a length follows from
 * the shorter ones. So the lengths alone define it.
 */
/** Code length in bits of every octet 0–255, then of the end-of-string symbol 256. */
const codeLengths = [
    [13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
    [28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
    [6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
    [5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
    [13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
    [7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
    [15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
    [6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
    [20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
    [24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
    [22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
    [21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
    [26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
    [19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
    [20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
    [26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
    [30],
].flat();
const longestCode = 30;
const endOfString = 256;
export class HuffmanDecoder {
    /** Symbols ordered by (code length, symbol). */
    #symbols;
    /** By length: the numeric value of its first code, and where its symbols start in `#symbols`. */
    #firstCode = new Int32Array(longestCode + 1);
    #firstSymbol = new Int32Array(longestCode + 1);
    #count = new Int32Array(longestCode + 1);
    constructor() {
        const symbols = [];
        let code = 0;
        for (let length = 1; length <= longestCode; length++) {
            code *= 2;
            this.#firstCode[length] = code;
            this.#firstSymbol[length] = symbols.length;
            for (let symbol = 0; symbol < codeLengths.length; symbol++) {
                if (codeLengths[symbol] === length)
                    symbols.push(symbol);
            }
            this.#count[length] = symbols.length - this.#firstSymbol[length];
            code += this.#count[length];
        }
        this.#symbols = symbols;
    }
    /** Decodes bytes [start, end) to a latin1 string; undefined when they are not valid code. */
    decode(bytes, start, end) {
        let text = '';
        let code = 0;
        let length = 0;
        for (let offset = start; offset < end; offset++) {
            for (let bit = 7; bit >= 0; bit--) {
                code = (code << 1) | ((bytes[offset] >> bit) & 1);
                length++;
                if (length > longestCode)
                    return undefined;
                const rank = code - this.#firstCode[length];
                if (rank >= this.#count[length])
                    continue;
                const symbol = this.#symbols[this.#firstSymbol[length] + rank];
                if (symbol === endOfString)
                    return undefined;
                text += String.fromCharCode(symbol);
                code = 0;
                length = 0;
            }
        }
        // Padding is at most 7 bits, all ones (RFC 7541 §5.2).
        return length < 8 && code === (1 << length) - 1 ? text : undefined;
    }
}
