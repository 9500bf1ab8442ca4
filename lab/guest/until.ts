import { Transform, type TransformCallback } from 'node:stream';

/**
 * Passes bytes on until a marker comes, then calls back and passes on nothing more. What may be the beginning of
 * the marker waits for what follows.
 */
export function until(marker: string, onMarker: () => void): Transform {
  const end = Buffer.from(marker);
  let rest = Buffer.alloc(0);
  let seen = false;
  return new Transform({
    transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback) {
      if (seen) return done();
      const bytes = Buffer.concat([rest, chunk]);
      const at = bytes.indexOf(end);
      const pass = at >= 0 ? at : bytes.length - beginningAtEnd(bytes, end);
      rest = bytes.subarray(pass);
      this.push(bytes.subarray(0, pass));
      if (at >= 0) {
        seen = true;
        this.push(null);
        onMarker();
      }
      done();
    },
    flush(done: TransformCallback) {
      if (!seen) this.push(rest);
      done();
    },
  });
}

/** How many bytes at the end may be the beginning of the marker. */
function beginningAtEnd(bytes: Buffer, marker: Buffer): number {
  for (let length = Math.min(marker.length - 1, bytes.length); length > 0; length--)
    if (bytes.subarray(bytes.length - length).equals(marker.subarray(0, length))) return length;
  return 0;
}
