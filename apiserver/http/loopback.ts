import { IncomingMessage, type RequestListener, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Answer, Transport } from '../../api/transport.ts';

/**
 * How components in the apiserver's own process reach it: the very handler that answers everybody else, but
 * no connection, so that a request costs no more than what it asks for. Upstream: the loopback client config.
 * Open watches end with `end`.
 */
export function createLoopback(handler: RequestListener, end: AbortSignal): Transport {
  const answers = new Set<Readable>();
  end.addEventListener('abort', () => {
    for (const body of answers) body.destroy();
  });

  return {
    close() {},
    open(method, path, { body, headers, signal }) {
      const request = new IncomingMessage(new Socket());
      const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
      const entity = bytes && { 'content-type': 'application/json', 'content-length': String(bytes.length) };
      Object.assign(request, {
        method,
        url: path,
        headers: { accept: 'application/json', ...entity, ...headers },
      });
      if (bytes) request.push(bytes);
      request.push(null);
      return new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const response = new ServerResponse(request);
        const answer = divert(response, resolve);
        const abort = () => {
          answer.destroy();
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', abort);
        answers.add(answer);
        answer.once('close', () => {
          answers.delete(answer);
          signal?.removeEventListener('abort', abort);
          reject(new Error(`${method} ${path}: the apiserver ended before it answered`));
        });
        // As a request that comes over a connection: not within the caller's own turn.
        setImmediate(handler, request, response);
      });
    },
  };
}

/**
 * Leads what is written to a response into a stream that is given to `begun` with the first byte, or with the
 * headers alone. Writing and closing are all that is replaced; headers stay where express looks for them.
 */
function divert(response: ServerResponse, begun: (answer: Answer) => void): Readable {
  let open = true;
  let started = false;
  const body = new Readable({
    read() {
      response.emit('drain');
    },
  });
  const close = () => {
    if (!response.destroyed) {
      response.destroyed = true;
      response.emit('close');
    }
  };
  const start = () => {
    if (started) return;
    started = true;
    begun(Object.assign(body, { statusCode: response.statusCode }));
  };
  body.once('close', close);
  Object.defineProperties(response, {
    headersSent: { get: () => started },
    writableEnded: { get: () => !open },
    writableLength: { get: () => body.readableLength },
  });
  Object.assign(response, {
    flushHeaders: start,
    write(chunk: Buffer | string) {
      start();
      return open && body.push(chunk);
    },
    end(chunk?: Buffer | string) {
      start();
      if (!open) return response;
      open = false;
      if (chunk !== undefined) body.push(chunk);
      body.push(null);
      response.emit('finish');
      return response;
    },
    destroy() {
      open = false;
      body.destroy();
      return response;
    },
  });
  return body;
}
