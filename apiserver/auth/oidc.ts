import { createPublicKey } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { keyIdOf } from './tokens.ts';

export const discoveryPath = '/.well-known/openid-configuration';
export const keysPath = '/openid/v1/jwks';

/** Seconds that others may keep an answer. Upstream: `pkg/routes/openidmetadata.go`. */
const freshness = 3_600;

/**
 * Tells everybody who may ask (the role `system:service-account-issuer-discovery`) how to know a service account's token
 * (KEP-1393): OpenID Connect Discovery, RFC 7517.
 *
 * @param address HOST:PORT under which this server is known
 * @returns false where the issuer is no URL that could be discovered
 */
export function serveOidc(
  path: string,
  response: ServerResponse,
  { issuer, publicKey, address }: { issuer: string; publicKey: string; address: string },
): boolean {
  if (!issuer.startsWith('https://')) return false;
  const body =
    path === keysPath
      ? { keys: [jwk(publicKey)] }
      : {
          issuer,
          jwks_uri: `https://${address}${keysPath}`,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['ES256'],
        };
  response.setHeader('Content-Type', path === keysPath ? 'application/jwk-set+json' : 'application/json');
  response.setHeader('Cache-Control', `public, max-age=${freshness}`);
  response.end(JSON.stringify(body));
  return true;
}

function jwk(pem: string): object {
  const key = createPublicKey(pem);
  const { kty, crv, x, y } = key.export({ format: 'jwk' });
  return { use: 'sig', kty, kid: keyIdOf(key), crv, alg: 'ES256', x, y };
}
