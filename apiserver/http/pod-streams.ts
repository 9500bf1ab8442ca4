import { pipeline } from 'node:stream/promises';
import { resources } from '../../api/scheme.ts';
import { type StatusError, statusError } from '../../api/status.ts';
import type { Pod } from '../../api/types.ts';
import { invalid, missing } from '../registry/pipeline/failures.ts';
import type { FieldError } from '../registry/strategy.ts';
import { answerOf, BackendError, requestBackend, urlOf } from './backend.ts';
import type { Kubelets } from './kubelet.ts';
import { type Call, methodNotAllowed, type Serving } from './objects.ts';
import { proxyRequest } from './proxy.ts';
import { wantsUpgrade } from './upgrade.ts';

/** Subresources of pods that the pod's kubelet answers. Upstream: `pkg/registry/core/pod/rest`. */
export type PodStream = 'log' | 'exec' | 'attach' | 'portforward';

/** @throws StatusError in upstream's words when the pod or container is not there */
export async function servePodStream(
  { cache }: Pick<Serving, 'cache'>,
  kubelets: Kubelets,
  call: Call,
  what: PodStream,
): Promise<void> {
  const { name = '', namespace = '' } = call.target;
  const pod = cache.lookup.get(resources.pods, name, namespace);
  if (!pod) throw missing(resources.pods, name);
  if (what === 'log') return serveLog(kubelets, call, pod);
  if (call.verb !== 'get' && call.verb !== 'create') throw methodNotAllowed();
  const container = what === 'portforward' ? '' : `/${containerName(pod, call.query.get('container'))}`;
  const { nodeName } = pod.spec ?? {};
  if (!nodeName) throw statusError('BadRequest', `pod ${name} does not have a host assigned`, {});
  if (!wantsUpgrade(call.request)) throw statusError('BadRequest', 'Upgrade request required', {});
  const path = `/${what === 'portforward' ? 'portForward' : what}/${namespace}/${name}${container}`;
  const parameters = streamParameters(call.query, what).toString();
  await proxyRequest(call, kubelets(nodeName), `${path}${parameters ? `?${parameters}` : ''}`);
}

/** kubelet's names for what the API calls otherwise. */
function streamParameters(query: URLSearchParams, what: PodStream): URLSearchParams {
  const parameters = new URLSearchParams();
  if (what === 'portforward') {
    for (const name of ['port', 'ports'])
      for (const value of query.getAll(name)) parameters.append('port', value);
    return parameters;
  }
  const names = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' };
  for (const [ours, theirs] of Object.entries(names)) {
    if (isTrue(query.get(ours))) parameters.set(theirs, '1');
  }
  for (const word of query.getAll('command')) parameters.append('command', word);
  return parameters;
}

const isTrue = (value: string | null) => value !== null && value.toLowerCase() !== 'false' && value !== '0';

/** @throws StatusError 400 when none is named and there are several, or none of that name */
function containerName({ metadata, spec }: Pod, wanted: string | null): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec ?? {};
  const [first] = containers;
  const all = [...initContainers, ...containers, ...ephemeralContainers].map(({ name }) => name);
  const pod = metadata?.name ?? '';
  if (wanted) {
    if (all.includes(wanted)) return wanted;
    throw statusError('BadRequest', `container ${wanted} is not valid for pod ${pod}`, {});
  }
  if (first && containers.length === 1) return first.name;
  throw statusError(
    'BadRequest',
    `a container name must be specified for pod ${pod}, choose one of: [${all.join(' ')}]`,
    {},
  );
}

async function serveLog(kubelets: Kubelets, call: Call, pod: Pod): Promise<void> {
  const { request, response, query, verb } = call;
  if (verb !== 'get') throw methodNotAllowed();
  const { name = '', namespace = '' } = pod.metadata ?? {};
  const parameters = logParameters(query, name);
  const container = containerName(pod, query.get('container'));
  response.setHeader('Content-Type', 'text/plain');
  // Nothing was started, so nothing was written.
  if (!pod.spec?.nodeName) return void response.end();
  const backend = kubelets(pod.spec.nodeName);
  const path = `/containerLogs/${namespace}/${name}/${container}?${parameters}`;
  const outgoing = requestBackend(backend, { method: 'GET', path, headers: {} });
  outgoing.end();
  response.once('close', () => outgoing.destroy());
  const answer = await answerOf(outgoing, backend).catch((error: unknown) => {
    if (!(error instanceof BackendError)) throw error;
    throw statusError('InternalError', `Get ${JSON.stringify(urlOf(backend, path))}: ${error.message}`);
  });
  const { statusCode = 500 } = answer;
  if (statusCode < 200 || statusCode > 206) throw await kubeletFailure(statusCode, answer, name);
  if (wantsUpgrade(request)) {
    const { sendOverWebSocket } = await import('./log-websocket.ts');
    request.socket.once('close', () => outgoing.destroy());
    return sendOverWebSocket(call, answer);
  }
  response.statusCode = 200;
  response.flushHeaders();
  if (request.method === 'HEAD') return void response.end();
  // Whoever stops following breaks the pipe, and that is no failure.
  await pipeline(answer, response).catch((error: unknown) => {
    if (!response.destroyed) throw error;
  });
}

const longestFailure = 2_000;

/** Upstream: `genericregistry/rest/response_checker.go`. */
async function kubeletFailure(
  code: number,
  answer: AsyncIterable<Buffer>,
  pod: string,
): Promise<StatusError> {
  let text = '';
  for await (const chunk of answer) if (text.length < longestFailure) text += chunk.toString('utf8');
  const message = text.slice(0, longestFailure).trim();
  if (code === 400) return statusError('BadRequest', message, {});
  if (code === 404)
    return statusError('NotFound', `the server could not find the requested resource ( pods/log ${pod})`, {
      name: pod,
      kind: 'pods/log',
      causes: [{ reason: 'UnexpectedServerResponse', message }],
    });
  return statusError('InternalError', `Internal error occurred: ${message}`);
}

/** Checks a PodLogOptions and passes on what kubelet reads of it. @throws StatusError Invalid */
function logParameters(query: URLSearchParams, pod: string): string {
  const parameters = new URLSearchParams();
  const problems: FieldError[] = [];
  const number = (name: string, least: number, must: string) => {
    const text = query.get(name);
    if (text === null || text === '') return;
    if (!/^-?\d+$/.test(text))
      throw statusError('BadRequest', `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
    if (Number(text) < least) {
      const message = `Invalid value: ${text}: must be ${must}`;
      problems.push({ reason: 'FieldValueInvalid', field: name, message });
    }
    parameters.set(name, text);
  };
  for (const name of ['follow', 'previous', 'timestamps']) {
    if (isTrue(query.get(name))) parameters.set(name, 'true');
  }
  number('tailLines', 0, 'greater than or equal to 0');
  number('limitBytes', 1, 'greater than 0');
  number('sinceSeconds', 1, 'greater than 0');
  const sinceTime = query.get('sinceTime');
  if (sinceTime) {
    if (Number.isNaN(Date.parse(sinceTime)))
      throw statusError('BadRequest', `parsing time ${JSON.stringify(sinceTime)}: not a time of RFC 3339`);
    parameters.set('sinceTime', sinceTime);
    if (query.get('sinceSeconds')) {
      const message = 'Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified';
      problems.push({ reason: 'FieldValueForbidden', field: '', message });
    }
  }
  if (problems.length > 0) {
    throw invalid({ ...resources.pods, kind: 'PodLogOptions' }, pod, problems);
  }
  return parameters.toString();
}
