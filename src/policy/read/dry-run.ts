import { entryOf, keyPosition, positionOf } from '../parse/node.ts';
import type { PolicyObject } from '../parse/objects.ts';
import { asString } from '../parse/expect.ts';
import type { Context } from '../validate/value-check.ts';
import { mapField } from './fields.ts';

const ANNOTATION = 'istio.io/dry-run';
/** Go's strconv.ParseBool. */
const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const FALSE = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

/** Whether Istio's dry-run annotation is set. Istio refuses it on other actions, and values that ParseBool does not take. */
export function readDryRun(object: PolicyObject, action: string, context: Context): boolean {
  const { report } = context;
  const annotations = object.metadata === null ? null : mapField(object.metadata, 'annotations', report);
  const entry = annotations === null ? undefined : entryOf(annotations, ANNOTATION);
  if (annotations === null || entry === undefined) return false;
  const place = keyPosition(annotations, entry);
  const value = asString(entry.value, report);
  if (action !== 'ALLOW' && action !== 'DENY') {
    report.error('bad-dry-run', place, `the annotation \`${ANNOTATION}\` is for ALLOW and DENY, not for ${action}`);
    return false;
  }
  if (value === null) return false;
  if (TRUE.includes(value.value)) return true;
  if (!FALSE.includes(value.value)) {
    report.error(
      'bad-dry-run',
      positionOf(value),
      `\`${value.value}\` is not a boolean for \`${ANNOTATION}\``,
      'write "true" or "false"',
    );
  }
  return false;
}

/** Refuses the annotation on a kind that it would not put into dry run. */
export function refuseDryRun(object: PolicyObject, hint: string, { report }: Context): void {
  const annotations = object.metadata === null ? null : mapField(object.metadata, 'annotations', report);
  const entry = annotations === null ? undefined : entryOf(annotations, ANNOTATION);
  if (annotations === null || entry === undefined) return;
  report.error(
    'bad-dry-run',
    keyPosition(annotations, entry),
    `the annotation \`${ANNOTATION}\` has no effect on ${object.kind}`,
    hint,
  );
}
