// agnhost crd-conversion-webhook: between hostPort of stable.example.com/v1 and host and port of its v2. Upstream: crd-conversion-webhook.
import { flagsOf, serveReviews } from './reviews.mjs';

const flags = flagsOf(process.argv.slice(2), {
  'tls-cert-file': '',
  'tls-private-key-file': '',
  port: '443',
});

serveReviews(flags, {
  '/crdconvert': ({ desiredAPIVersion, objects }) => {
    try {
      return {
        convertedObjects: objects.map((one) => ({
          ...converted(one, desiredAPIVersion),
          apiVersion: desiredAPIVersion,
        })),
        result: { metadata: {}, status: 'Success' },
      };
    } catch (error) {
      return { convertedObjects: [], result: { metadata: {}, status: 'Failure', message: error.message } };
    }
  },
});

function converted(object, to) {
  const way = `${object.apiVersion} ${to}`;
  if (object.apiVersion === to)
    throw new Error(`conversion from a version to itself should not call the webhook: ${to}`);
  if (way === 'stable.example.com/v1 stable.example.com/v2') {
    const { hostPort, ...rest } = object;
    if (hostPort === undefined) return rest;
    const parts = hostPort.split(':');
    if (parts.length !== 2) throw new Error(`invalid hostPort value \`${hostPort}\``);
    return { ...rest, host: parts[0], port: parts[1] };
  }
  if (way === 'stable.example.com/v2 stable.example.com/v1') {
    const { host, port, ...rest } = object;
    return host === undefined && port === undefined
      ? rest
      : { ...rest, hostPort: `${host ?? ''}:${port ?? ''}` };
  }
  throw new Error(`unexpected conversion version "${to}"`);
}
