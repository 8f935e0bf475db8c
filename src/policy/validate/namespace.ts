import { DNS_LABEL } from '../schema/format.ts';
import { positionOf } from '../parse/node.ts';
import type { ValueCheck } from './value-check.ts';

/** A namespace of Kubernetes, or a pattern of one: `*` stands for any characters. */
export const checkNamespace: ValueCheck = (value, { report, dialect }) => {
  if (dialect === 'istio') return;
  const text = value.value;
  const possible = text.includes('*') ? /^[a-z0-9*-]+$/.test(text) : DNS_LABEL.test(text);
  if (possible) return;
  report.error(
    'bad-namespace',
    positionOf(value),
    `the namespace \`${text}\` can never match`,
    'a namespace is at most 63 lower-case letters, digits and `-`',
  );
};
