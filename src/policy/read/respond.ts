/** `respond`: header and query changes, and the answer of a DENY policy. */
import { checkHeaderName, checkHeaderText, checkQueryName } from '../validate/respond-name.ts';
import { entryOf, keyPlace, keyPosition, positionOf } from '../parse/node.ts';
import type { MapNode } from '../parse/node.ts';
import type { Action, Respond, Template } from '../model.ts';
import { MAX_BODY_LENGTH } from '../schema/limits.ts';
import type { Context } from '../validate/value-check.ts';
import { asText, mapField, stringField, stringsField } from './fields.ts';
import { readTemplate } from './template.ts';

export function readRespond(rule: MapNode, action: Action, context: Context): Respond | null {
  const { report } = context;
  const respond = mapField(rule, 'respond', report);
  if (respond === null) return null;
  const request = mapField(respond, 'request', report);
  const query = request === null ? null : mapField(request, 'query', report);
  const response = mapField(respond, 'response', report);
  checkOfAction(respond, action, context);
  const set = readHeaders(request, 'set', context);
  const remove = readNames(request, context, checkHeaderName);
  const querySet = readTemplates(query, 'set', context, checkQueryName);
  const queryRemove = readNames(query, context, checkQueryName);
  checkNotBoth(request, set, remove, context);
  checkNotBoth(query, querySet, queryRemove, context);
  return {
    request: { set, remove, query: { set: querySet, remove: queryRemove } },
    response: { set: readHeaders(response, 'set', context) },
    deny: readDeny(respond, context),
  };
}

/** What an answer of the other action never has is a slip: nothing would come of it. */
function checkOfAction(respond: MapNode, action: Action, { report }: Context): void {
  const wrong = action === 'DENY' ? ['request', 'response'] : ['deny'];
  for (const key of wrong) {
    const entry = entryOf(respond, key);
    if (entry === undefined) continue;
    report.error(
      'wrong-respond',
      keyPosition(respond, entry),
      `\`respond.${key}\` has no effect in ${action === 'DENY' ? 'a DENY' : 'an ALLOW'} policy`,
      action === 'DENY' ? 'a denied request gets `respond.deny`' : '`deny` belongs to policies with `action: DENY`',
    );
  }
}

function readDeny(respond: MapNode, context: Context): Respond['deny'] {
  const deny = mapField(respond, 'deny', context.report);
  if (deny === null) return null;
  const status = entryOf(deny, 'status')?.value;
  const body = stringField(deny, 'body', context.report);
  if (body !== null && body.value.length <= MAX_BODY_LENGTH && Buffer.byteLength(body.value) > MAX_BODY_LENGTH) {
    context.report.error('string-too-long', positionOf(body), `the body is longer than ${MAX_BODY_LENGTH} bytes`);
  }
  return {
    // The schema holds it to an integer from 400 to 599.
    status: status?.kind === 'scalar' && typeof status.value === 'number' ? status.value : null,
    body: body === null ? null : readTemplate(body, context),
    headers: readHeaders(deny, 'headers', context),
  };
}

function readHeaders(map: MapNode | null, key: string, context: Context): ReadonlyMap<string, Template> {
  return readTemplates(map, key, context, checkHeaderName, checkHeaderText);
}

type NameCheck = typeof checkHeaderName;

function readTemplates(
  map: MapNode | null,
  key: string,
  context: Context,
  checkName: NameCheck,
  checkText?: typeof checkHeaderText,
): ReadonlyMap<string, Template> {
  const templates = new Map<string, Template>();
  const values = map === null ? null : mapField(map, key, context.report);
  for (const entry of values?.entries ?? []) {
    const text = asText(entry.value, context.report);
    const place = keyPosition(values!, entry);
    const name = checkName(entry.key, place, context);
    if (name === null || text === null) continue;
    if (templates.has(name)) {
      context.report.error(
        'duplicate-header',
        place,
        `\`${entry.key}\` is named twice`,
        'header names are the same in upper and lower case',
      );
      continue;
    }
    checkText?.(text, context);
    templates.set(name, readTemplate(text, context));
  }
  return templates;
}

function readNames(map: MapNode | null, context: Context, checkName: NameCheck): readonly string[] {
  const texts = map === null ? null : stringsField(map, 'remove', context.report);
  const names = new Set<string>();
  for (const text of texts ?? []) {
    const name = checkName(text.value, positionOf(text), context);
    if (name !== null) names.add(name);
  }
  return [...names];
}

function checkNotBoth(
  map: MapNode | null,
  set: ReadonlyMap<string, Template>,
  removed: readonly string[],
  { report }: Context,
): void {
  if (map === null) return;
  for (const name of removed) {
    if (!set.has(name)) continue;
    report.error(
      'set-and-removed',
      keyPlace(map, 'remove'),
      `\`${name}\` is both set and removed`,
      'setting a value takes the old one away already',
    );
  }
}
