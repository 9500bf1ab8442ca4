// How a pod asks the apiserver: with the token, authority and address that its service account and environment give it.
import { readFileSync } from 'node:fs';
import { request } from 'node:https';

const folder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What `Authorization` says just now; tokens are replaced before they expire. */
export const authorization = () => `Bearer ${readFileSync(`${folder}/token`, 'utf8').trim()}`;

/** The answer's JSON, or text where it is none. Rejects where it is no success. */
export function askApiserver(path) {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  if (!host)
    throw new Error(
      'unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined',
    );
  const ca = readFileSync(`${folder}/ca.crt`);
  return new Promise((resolve, reject) => {
    const asked = request(
      { host, port, path, ca, headers: { authorization: authorization() } },
      async (answer) => {
        const chunks = [];
        for await (const chunk of answer) chunks.push(chunk);
        const text = Buffer.concat(chunks).toString();
        if (answer.statusCode >= 300) return reject(new Error(`${answer.statusCode}: ${text}`));
        resolve(/json/.test(answer.headers['content-type'] ?? '') ? JSON.parse(text) : text);
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}
