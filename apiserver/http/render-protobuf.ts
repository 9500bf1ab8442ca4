import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import { encodeMessage } from '../protobuf/encode.ts';
import { envelope, listEnvelope, protobufMediaType, watchFrame } from '../protobuf/envelope.ts';
import { type Message, messageOf } from '../protobuf/messages.ts';
import type { EventType } from '../storage/change.ts';
import type { Entry } from '../storage/entry.ts';
import type { Form } from './negotiate.ts';
import type { Renderer } from './render.ts';

interface Encoded {
  /** Without an envelope, as items of a list are. */
  objects: WeakMap<Entry, Buffer>;
}

/** Milliseconds of encoding before others have their turn. */
const longestTurn = 10;

/** One of each for whatever is shown in the same way: by group, version and kind, and by the message. */
const encoded = new Map<string, Encoded>();

/**
 * Undefined for a kind that has no protobuf here; its objects go out as JSON.
 *
 * @param present how what is stored looks in this version, where that has other fields
 */
export function createProtobufRenderer(
  resource: Resource,
  form: Form,
  present: (object: KubeObject) => KubeObject = (object) => object,
): Renderer | undefined {
  const partial = form === 'PartialObjectMetadata';
  const apiVersion = partial ? 'meta.k8s.io/v1' : apiVersionOf(resource);
  const kind = partial ? form : resource.kind;
  const found = messageOf(apiVersion, kind);
  const listMeta = messageOf('v1', 'ListMeta');
  const status = messageOf('v1', 'Status');
  if (!found || !listMeta || !status) return undefined;
  const message: Message = found;
  // The metadata of all kinds is the same: an entry is of one kind.
  const key = `${apiVersion}/${kind}`;
  const shared = encoded.get(key) ?? { objects: new WeakMap() };
  encoded.set(key, shared);

  function raw(entry: Entry): Buffer {
    let bytes = shared.objects.get(entry);
    if (!bytes) {
      bytes = encodeMessage(message, present(entry.object));
      shared.objects.set(entry, bytes);
    }
    return bytes;
  }

  const whole = (object: KubeObject) => envelope(apiVersion, kind, encodeMessage(message, object));
  const frame = (type: EventType, entry: Entry) => watchFrame(type, envelope(apiVersion, kind, raw(entry)));

  return {
    mediaType: protobufMediaType,
    async prepare(entries) {
      let began = performance.now();
      for (const entry of entries) {
        raw(entry);
        if (performance.now() - began < longestTurn) continue;
        await new Promise(setImmediate);
        began = performance.now();
      }
    },
    object: (entry) => envelope(apiVersion, kind, raw(entry)),
    list: (entries, metadata) =>
      listEnvelope(apiVersion, `${kind}List`, encodeMessage(listMeta, metadata), entries.map(raw)),
    event: (type, change) => change.frameIn(shared, type, (entry) => frame(type, entry)),
    added: (entry) => frame('ADDED', entry),
    bookmark: (resourceVersion, annotations) =>
      watchFrame(
        'BOOKMARK',
        whole({
          metadata: { resourceVersion: String(resourceVersion), ...(annotations ? { annotations } : {}) },
        }),
      ),
    failure: (failure) => watchFrame('ERROR', envelope('v1', 'Status', encodeMessage(status, failure))),
  };
}
