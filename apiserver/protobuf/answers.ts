import { encodeMessage } from './encode.ts';
import { envelope } from './envelope.ts';
import { messageOf } from './messages.ts';

/** A whole body for an object that says its own kind; undefined where that has no protobuf. */
export function encodeAnswer(object: { apiVersion?: unknown; kind?: unknown }): Buffer | undefined {
  const { apiVersion, kind } = object;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return undefined;
  const message = messageOf(apiVersion, kind);
  return message && envelope(apiVersion, kind, encodeMessage(message, object));
}
