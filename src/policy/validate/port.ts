import { positionOf } from '../parse/node.ts';
import { valueFateInIstio } from './in-istio.ts';
import type { ValueCheck } from './value-check.ts';

const MAX_PORT = 65535;

/** Istio: security.ValidatePorts, strconv.ParseUint in base 10, so leading zeros count for nothing. */
export const checkPort: ValueCheck = (value, context) => {
  if (/^[0-9]+$/.test(value.value) && Number(value.value) <= MAX_PORT) return;
  context.report.error(
    'bad-port',
    positionOf(value),
    `\`${value.value}\` is not a port${valueFateInIstio(context)}`,
    `a port is a number from 0 to ${MAX_PORT}`,
  );
};
