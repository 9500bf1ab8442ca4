// agnhost webhook: allows, denies and changes what is written, for tests of admission webhooks. Upstream: test/images/agnhost/webhook.
import { flagsOf, serveReviews } from './reviews.mjs';

const flags = flagsOf(process.argv.slice(2), {
  'tls-cert-file': '',
  'tls-private-key-file': '',
  port: '443',
  'sidecar-image': '',
});

const allowed = { allowed: true };
const denied = (status) => ({ allowed: false, status: { metadata: {}, ...status } });
const patched = (...patch) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
});

const unwanted = 'webhook-e2e-test';

serveReviews(flags, {
  '/always-allow-delay-5s': async () => {
    await new Promise((resolve) => setTimeout(resolve, 5000));
    return { allowed: true, status: { metadata: {}, message: 'this webhook allows all requests' } };
  },
  '/always-deny': () => denied({ message: 'this webhook denies all requests' }),
  '/add-label': ({ object }) => {
    const { labels = {} } = object.metadata;
    if (labels['added-label'] === 'yes') return allowed;
    const none = Object.keys(labels).length === 0;
    if (none) return patched({ op: 'add', path: '/metadata/labels', value: { 'added-label': 'yes' } });
    const op = 'added-label' in labels ? 'replace' : 'add';
    return patched({ op, path: '/metadata/labels/added-label', value: 'yes' });
  },
  '/pods': ({ object }) => {
    const label = object.metadata.labels?.[unwanted];
    if (label === 'wait-forever') return new Promise(() => undefined);
    const said = [
      ...(label === 'webhook-disallow' ? ['the pod contains unwanted label;'] : []),
      ...object.spec.containers
        .filter(({ name }) => name.includes('webhook-disallow'))
        .map(() => 'the pod contains unwanted container name;'),
    ];
    return said.length > 0 ? denied({ message: said.join(' ') }) : allowed;
  },
  '/pods/attach': ({ name, object }) =>
    name === 'to-be-attached-pod' && object.stdin && object.container === 'container1'
      ? denied({ message: "attaching to pod 'to-be-attached-pod' is not allowed" })
      : allowed,
  '/mutating-pods': ({ object }) => {
    const name = 'webhook-added-init-container';
    if (object.metadata.name !== 'webhook-to-be-mutated' || has(object.spec.initContainers, name))
      return allowed;
    const container = { image: 'webhook-added-image', name, resources: {} };
    return patched({ op: 'add', path: '/spec/initContainers', value: [container] });
  },
  '/mutating-pods-sidecar': ({ object }) => {
    const [name, image] = ['webhook-added-sidecar', flags['sidecar-image']];
    if (!image)
      return denied({
        status: 'Failure',
        message: 'No image specified by the sidecar-image parameter',
        code: 500,
      });
    if (has(object.spec.containers, name)) return allowed;
    return patched({ op: 'add', path: '/spec/containers/-', value: { image, name, resources: {} } });
  },
  '/configmaps': (request) =>
    keptOut(request, {
      written: 'the configmap contains unwanted key and value',
      removed: 'the configmap cannot be deleted because it contains unwanted key and value',
    }),
  '/mutating-configmaps': ({ object }) => nextStage(object),
  '/custom-resource': (request) =>
    keptOut(request, {
      written: 'the custom resource contains unwanted data',
      removed: 'the custom resource cannot be deleted because it contains unwanted key and value',
    }),
  '/mutating-custom-resource': ({ object }) => nextStage(object),
  '/crd': ({ object }) =>
    object.metadata.labels?.[unwanted] === 'webhook-disallow'
      ? denied({ message: 'the crd contains unwanted label' })
      : allowed,
});

function has(containers = [], name) {
  return containers.some((one) => one.name === name);
}

function keptOut({ operation, object, oldObject }, { written, removed }) {
  const value = (operation === 'DELETE' ? oldObject : object).data?.[unwanted];
  if (value === 'webhook-disallow' && (operation === 'CREATE' || operation === 'UPDATE'))
    return denied({ reason: written });
  if (value === 'webhook-nondeletable' && operation === 'DELETE') return denied({ reason: removed });
  return allowed;
}

/** Two webhooks with this one behind each other show that the second sees what the first has changed. */
function nextStage({ data = {} }) {
  const stage = data['mutation-stage-1'] === 'yes' ? 2 : data['mutation-start'] === 'yes' ? 1 : undefined;
  return stage ? patched({ op: 'add', path: `/data/mutation-stage-${stage}`, value: 'yes' }) : allowed;
}
