import { positionOf } from '../parse/node.ts';
import type { ValueCheck } from './value-check.ts';

const MAX_PORT = 65535;

/** Istio: security.ValidatePorts, strconv.ParseUint in base 10, so leading zeros count for nothing. */
export const checkPort: ValueCheck = (value, { report }) => {
  if (/^[0-9]+$/.test(value.value) && Number(value.value) <= MAX_PORT) return;
  report.error(
    'bad-port',
    positionOf(value),
    `\`${value.value}\` is not a port`,
    `a port is a number from 0 to ${MAX_PORT}`,
  );
};
