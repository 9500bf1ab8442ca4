import type { KubeObject } from '../../api/object.ts';
import { type StatusError, statusError } from '../../api/status.ts';
import type { FieldWrite } from '../apply/manage.ts';
import { attributesOf } from '../auth/attributes.ts';
import { forbidden } from '../auth/authorize.ts';
import type { ManageFields, Mutation, Request, UpdateOptions } from '../registry/registry.ts';
import type { CustomRules } from '../registry/strategy.ts';
import { duplicateFields } from '../schema/duplicates.ts';
import type { ParsedBody } from '../schema/parse.ts';
import type { Entry } from '../storage/entry.ts';
import { readBody } from './body.ts';
import { parseMediaType } from './negotiate.ts';
import type { Call, Serving } from './objects.ts';
import { parseFieldValidation } from './query.ts';
import { addWarning } from './respond.ts';

/** How a PATCH says that it applies a configuration. */
const applyMediaType = 'application/apply-patch+yaml';

/**
 * Keeps count of the fields that a request writes.
 *
 * @param options the type of those that it may have been sent with: `CreateOptions`
 * @param custom how the version of the request is read
 * @throws StatusError Invalid for a `fieldManager` that is none
 */
export async function manageFields(
  call: Call,
  options: string,
  custom: CustomRules | undefined,
): Promise<ManageFields> {
  const apply = await rules();
  const write = writeOf(apply, call, options, custom);
  // What is written in a version with fields of its own is counted in these.
  const shown = (object: KubeObject) => (custom?.type ? custom.present(object) : object);
  return (live, next, sent, now) =>
    apply.entriesAfterUpdate(write(now), live && shown(live), shown(next), sent);
}

type Rules = Awaited<ReturnType<typeof loadRules>>;

let loaded: Promise<Rules> | undefined;

/** Loaded with the first write, as the schema is. */
function rules(): Promise<Rules> {
  loaded ??= loadRules();
  return loaded;
}

async function loadRules() {
  const [manage, write] = await Promise.all([import('../apply/manage.ts'), import('../apply/write.ts')]);
  return { ...manage, ...write };
}

export function isApply({ request }: Call): boolean {
  return parseMediaType(request.headers['content-type'] ?? '').type === applyMediaType;
}

/** Server-side apply (KEP-555): what is not there is created, but for a part of it. */
export async function applyObject(
  serving: Serving,
  call: Call,
  custom: CustomRules | undefined,
  request: Request,
  options: UpdateOptions,
): Promise<{ entry: Entry; created: boolean }> {
  const { resource, name = '', namespace } = call.target;
  const configuration = await readConfiguration(call, custom);
  return serving.registry.update(
    resource,
    { name, ...(namespace ? { namespace } : {}) },
    (current) => {
      if (!current && !options.subresource) mayCreate(serving, call);
      return configuration(current);
    },
    // Who owns what is part of what an apply makes.
    { ...request, manage: (_live, _next, sent) => sent },
    { ...options, applies: !options.subresource },
  );
}

/** What an apply makes of the object that is there, or of none. @throws StatusError before anything is read */
async function readConfiguration(call: Call, custom: CustomRules | undefined): Promise<Mutation> {
  const { decodePatched } = await import('../schema/decode.ts');
  const { apply, write } = await readApply(call, custom);
  return (current) => {
    const live = current && custom ? custom.present(current) : current;
    const object = apply(write(new Date()), live);
    const { name = '', uid } = object.metadata ?? {};
    if (!name) throw undeterminable(call);
    if (uid && !current) throw otherUid(call, uid);
    return custom
      ? custom.decode(object, parseFieldValidation(call.query), []).object
      : decodePatched(call.target.resource.type, object, 'Ignore').object;
  };
}

/** The configuration of a request, to be applied to what is there. @throws StatusError before anything is read */
export async function readApply(call: Call, custom: CustomRules | undefined) {
  const { query, response } = call;
  if (!query.get('fieldManager')) {
    throw invalidOption('PatchOptions', 'fieldManager', 'Required value', 'is required for apply patch');
  }
  const [body, loaded] = await Promise.all([readBody(call.request), rules()]);
  const write = writeOf(loaded, call, 'PatchOptions', custom);
  const validation = parseFieldValidation(query);
  const force = isTrue(query.get('force'));
  const { value, duplicates } = await parseConfiguration(body.toString('utf8'));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw statusError('BadRequest', 'error decoding YAML: a configuration is an object');
  }
  function apply(write: FieldWrite, live: KubeObject | undefined): KubeObject {
    const { object } = loaded.applyConfiguration({ ...write, force }, live, value as KubeObject);
    if (duplicates.length > 0 && validation !== 'Ignore') {
      const message = duplicates.map((field) => `duplicate field ${JSON.stringify(field)}`).join(', ');
      if (validation === 'Strict') throw statusError('BadRequest', `error strict decoding YAML: ${message}`);
      addWarning(response, message);
    }
    return object;
  }
  return { apply, write };
}

/** kubectl and client libraries send JSON, which is YAML too, and read a hundred times faster. */
async function parseConfiguration(text: string): Promise<ParsedBody> {
  try {
    return { value: JSON.parse(text), duplicates: duplicateFields(text) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return (await import('../schema/parse-yaml.ts')).parseYaml(text);
  }
}

/** A configuration of what is not there creates it, which its user must be allowed to. */
function mayCreate({ authorizer }: Serving, call: Call): void {
  const { request, user, target } = call;
  if (!authorizer) return;
  const asked = attributesOf('POST', request.url ?? '');
  if ('path' in asked) return;
  const attributes = { ...asked, ...(target.name ? { name: target.name } : {}) };
  const { allowed, reason } = authorizer.authorize(user, attributes);
  if (!allowed) throw forbidden(user, attributes, reason);
}

/** @throws StatusError Invalid for options that belong to an apply alone */
export function checkForce({ query }: Pick<Call, 'query'>): void {
  if (query.get('force') === null) return;
  throw invalidOption('PatchOptions', 'force', 'Forbidden', 'may not be specified for non-apply patch');
}

function writeOf(
  { fieldWrite, longestManager, managerOf }: Rules,
  call: Call,
  options: string,
  custom: CustomRules | undefined,
) {
  const { request, target, query } = call;
  const asked = query.get('fieldManager');
  if (asked && Buffer.byteLength(asked) > longestManager) {
    const detail = `may not be more than ${longestManager} bytes`;
    throw invalidOption(options, 'fieldManager', 'Too long', detail);
  }
  if (asked && /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(asked)) {
    const value = `Invalid value: ${JSON.stringify(asked)}`;
    throw invalidOption(options, 'fieldManager', value, 'should only contain printable characters');
  }
  const manager = managerOf(asked, request.headers['user-agent']);
  const { resource, as = resource, subresource } = target;
  return (now: Date) => fieldWrite({ resource, as, subresource, custom }, manager, now);
}

const reasons: Readonly<Record<string, string>> = {
  'Required value': 'FieldValueRequired',
  Forbidden: 'FieldValueForbidden',
  'Too long': 'FieldValueTooLong',
};

function invalidOption(kind: string, field: string, what: string, detail: string): StatusError {
  const message = `${what}: ${detail}`;
  return statusError('Invalid', `${kind}.meta.k8s.io "" is invalid: ${field}: ${message}`, {
    group: 'meta.k8s.io',
    kind,
    causes: [{ reason: reasons[what] ?? 'FieldValueInvalid', field, message }],
  });
}

function undeterminable({ target: { name = '' } }: Call): StatusError {
  return statusError(
    'BadRequest',
    `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
  );
}

function otherUid({ target: { resource, name = '' } }: Call, uid: string): StatusError {
  const { group, name: kind } = resource;
  const title = `${group ? `${kind}.${group}` : kind} ${JSON.stringify(name)}`;
  return statusError(
    'Conflict',
    `Operation cannot be fulfilled on ${title}: uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    { name, ...(group ? { group } : {}), kind },
  );
}

const isTrue = (value: string | null) => value !== null && value !== 'false' && value !== '0';
