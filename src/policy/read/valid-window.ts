import { keyPlace, positionOf } from '../parse/node.ts';
import type { MapNode } from '../parse/node.ts';
import { parseTimestamp } from '../timestamp.ts';
import type { ValidWindow } from '../model.ts';
import type { Context } from '../validate/value-check.ts';
import { mapField, stringField } from './fields.ts';

export function readValidWindow(rule: MapNode, context: Context): ValidWindow | null {
  const { report } = context;
  const valid = mapField(rule, 'valid', report);
  if (valid === null) return null;
  if (valid.entries.length === 0) {
    report.error(
      'bad-window',
      positionOf(valid),
      '`valid` says neither `from` nor `until`',
      'leave it out when there is no end',
    );
  }
  const fromMs = readMoment(valid, 'from', context);
  const untilMs = readMoment(valid, 'until', context);
  if (fromMs !== null && untilMs !== null && untilMs <= fromMs) {
    report.error('bad-window', keyPlace(valid, 'until'), '`until` is not after `from`: it would never count');
  }
  return { fromMs, untilMs };
}

function readMoment(valid: MapNode, key: 'from' | 'until', { report }: Context): number | null {
  const text = stringField(valid, key, report);
  if (text === null) return null;
  const moment = parseTimestamp(text.value);
  if (moment === null) {
    report.error(
      'bad-timestamp',
      positionOf(text),
      `\`${text.value}\` is not a valid point in time`,
      'write it as RFC 3339 has it, with a time zone, e.g. `2027-01-01T00:00:00Z`',
    );
  }
  return moment;
}
