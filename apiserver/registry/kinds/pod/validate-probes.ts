import type { Container, HTTPGetAction, LifecycleHandler, Probe } from '../../../../api/types.ts';
import type { FieldError } from '../../strategy.ts';
import { forbidden, invalid, invalidEach, nonNegative, oneOf, required } from '../validation/field.ts';
import { portName, portNumber } from '../validation/names.ts';

/** Checks the probes and life cycle handlers of a container. Upstream: `validateProbe`, `validateHandler`. */
export function validateProbes(path: string, container: Container, grace?: number): FieldError[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  return [
    ...(['postStart', 'preStop'] as const).flatMap((name) =>
      validateHook(`${path}.lifecycle.${name}`, lifecycle?.[name], grace),
    ),
    ...validateProbe(`${path}.livenessProbe`, livenessProbe),
    ...mustBeOne(`${path}.livenessProbe`, livenessProbe),
    ...validateProbe(`${path}.readinessProbe`, readinessProbe),
    ...noGrace(`${path}.readinessProbe`, readinessProbe),
    ...validateProbe(`${path}.startupProbe`, startupProbe),
    ...mustBeOne(`${path}.startupProbe`, startupProbe),
  ];
}

function validateHook(path: string, hook: LifecycleHandler | undefined, grace = 30): FieldError[] {
  if (!hook) return [];
  const errors = validateHandler(path, hook);
  const seconds = hook.sleep?.seconds;
  if (seconds === undefined || (seconds >= 0 && seconds <= grace)) return errors;
  const detail = `must be non-negative and less than terminationGracePeriodSeconds (${grace})`;
  return [...errors, invalid(`${path}.sleep`, seconds, detail)];
}

function mustBeOne(path: string, probe: Probe | undefined): FieldError[] {
  if (!probe || probe.successThreshold === 1) return [];
  return [invalid(`${path}.successThreshold`, probe.successThreshold, 'must be 1')];
}

/** A container is not ended because it is not ready. */
function noGrace(path: string, probe: Probe | undefined): FieldError[] {
  const seconds = probe?.terminationGracePeriodSeconds;
  if (seconds === undefined) return [];
  return [invalid(`${path}.terminationGracePeriodSeconds`, seconds, 'must not be set for readinessProbes')];
}

function validateProbe(path: string, probe: Probe | undefined): FieldError[] {
  if (!probe) return [];
  const seconds = [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const;
  return [
    ...validateHandler(path, probe),
    ...seconds.flatMap((field) => nonNegative(`${path}.${field}`, probe[field])),
    ...(probe.terminationGracePeriodSeconds !== undefined && probe.terminationGracePeriodSeconds <= 0
      ? [
          invalid(
            `${path}.terminationGracePeriodSeconds`,
            probe.terminationGracePeriodSeconds,
            'must be greater than 0',
          ),
        ]
      : []),
  ];
}

function validateHandler(path: string, handler: LifecycleHandler & Probe): FieldError[] {
  const kinds = (['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const).filter((kind) => handler[kind]);
  const [, ...others] = kinds;
  if (kinds.length === 0) return [required(path, 'must specify a handler type')];
  const errors = others.map((kind) =>
    forbidden(`${path}.${kind}`, 'may not specify more than 1 handler type'),
  );
  if (handler.exec && !handler.exec.command?.length) errors.push(required(`${path}.exec.command`));
  if (handler.httpGet) errors.push(...validateHttp(`${path}.httpGet`, handler.httpGet));
  if (handler.tcpSocket) errors.push(...validatePort(`${path}.tcpSocket.port`, handler.tcpSocket.port));
  if (handler.grpc) errors.push(...validatePort(`${path}.grpc.port`, handler.grpc.port));
  return errors;
}

function validateHttp(
  path: string,
  { path: url, port, scheme, httpHeaders = [] }: HTTPGetAction,
): FieldError[] {
  const errors = url ? [] : [required(`${path}.path`)];
  errors.push(...validatePort(`${path}.port`, port), ...oneOf(`${path}.scheme`, scheme, ['HTTP', 'HTTPS']));
  for (const { name } of httpHeaders) {
    if (/^[-A-Za-z0-9]+$/.test(name)) continue;
    const detail =
      "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
    errors.push(invalid(`${path}.httpHeaders`, name, detail));
  }
  return errors;
}

function validatePort(field: string, port: number | string): FieldError[] {
  return invalidEach(field, port, typeof port === 'string' ? portName(port) : portNumber(port));
}
