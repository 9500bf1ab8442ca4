import type { Resource } from '../../../api/scheme.ts';
import { notFound, qualified, type StatusError, statusError } from '../../../api/status.ts';
import type { FieldError } from '../strategy.ts';

/** Failures of writes in upstream's words. Upstream: `apimachinery/pkg/api/errors/errors.go`. */

const subject = (resource: Resource, name: string) => ({
  name,
  ...(resource.group ? { group: resource.group } : {}),
  kind: resource.name,
});

const title = (resource: Resource, name: string) =>
  `${qualified(resource.group, resource.name)} ${JSON.stringify(name)}`;

export function missing(resource: Resource, name: string): StatusError {
  return notFound(resource.group, resource.name, name);
}

export function alreadyExists(resource: Resource, name: string): StatusError {
  return statusError('AlreadyExists', `${title(resource, name)} already exists`, subject(resource, name));
}

export function conflict(resource: Resource, name: string, cause: string): StatusError {
  return statusError(
    'Conflict',
    `Operation cannot be fulfilled on ${title(resource, name)}: ${cause}`,
    subject(resource, name),
  );
}

export function modified(resource: Resource, name: string): StatusError {
  return conflict(
    resource,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );
}

export function forbidden(
  resource: Resource,
  name: string,
  cause: string,
  causes?: { reason: string; message: string; field: string }[],
): StatusError {
  return statusError('Forbidden', `${title(resource, name)} is forbidden: ${cause}`, {
    ...subject(resource, name),
    ...(causes ? { causes } : {}),
  });
}

/** `Service "web" is invalid: spec.ports[0].port: Invalid value: 0: must be …` */
export function invalid(resource: Resource, name: string, errors: readonly FieldError[]): StatusError {
  const texts = [...new Set(errors.map(({ field, message }) => `${field}: ${message}`))];
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return statusError('Invalid', `${resource.kind} ${JSON.stringify(name)} is invalid: ${list}`, {
    name,
    ...(resource.group ? { group: resource.group } : {}),
    kind: resource.kind,
    causes: errors.map(({ reason, field, message }) => ({ reason, message, field })),
  });
}

export function internalError(message: string): StatusError {
  return statusError('InternalError', `Internal error occurred: ${message}`);
}

export function badRequest(message: string): StatusError {
  return statusError('BadRequest', message);
}
