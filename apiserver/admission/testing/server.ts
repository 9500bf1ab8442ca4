import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { KubeObject } from '../../../api/object.ts';

export interface TestReview {
  kind: string;
  apiVersion: string;
  request: Record<string, unknown> & {
    uid: string;
    operation: string;
    object: KubeObject | null;
    oldObject: KubeObject | null;
  };
}

/** What a webhook of a test answers, its uid left out; a string is sent as it is. */
export type TestAnswer = Record<string, unknown> | string;

export interface WebhookServer {
  /** `https://127.0.0.1:PORT` */
  url: string;
  port: number;
  /** What was asked, by path, in order. */
  asked: { path: string; review: TestReview }[];
  /** What is answered to a path without its query; the review comes back allowed where nothing is said. */
  answers: Map<string, (review: TestReview) => TestAnswer | Promise<TestAnswer>>;
  stop(): Promise<void>;
}

/** A webhook over HTTPS, as a cluster's users run it. */
export async function startWebhookServer(
  { cert, key }: { cert: string; key: string },
  host = '127.0.0.1',
): Promise<WebhookServer> {
  const asked: WebhookServer['asked'] = [];
  const answers: WebhookServer['answers'] = new Map();
  const server: Server = createServer({ cert, key }, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const review = JSON.parse(Buffer.concat(chunks).toString()) as TestReview;
    const path = request.url ?? '/';
    asked.push({ path, review });
    const answer = (await answers.get(path.split('?')[0] ?? '')?.(review)) ?? { allowed: true };
    response.setHeader('Content-Type', 'application/json');
    if (typeof answer === 'string') {
      response.statusCode = 500;
      response.end(answer);
      return;
    }
    const { kind, apiVersion } = review;
    response.end(JSON.stringify({ kind, apiVersion, response: { uid: review.request.uid, ...answer } }));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `https://${host}:${port}`, port, asked, answers },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A JSON patch as webhooks send it. */
export const jsonPatch = (...operations: object[]): Record<string, unknown> => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});
