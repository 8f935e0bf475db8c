import type { Position } from '../../lib/diagnostic.ts';
import { parseCidr } from '../../attributes/address.ts';
import { positionOf } from '../parse/node.ts';
import { valueFateInIstio } from './in-istio.ts';
import type { Context, ValueCheck } from './value-check.ts';

/** An address or a CIDR block (Istio: security.ValidateIPs, Go's netip). Host bits may be set. */
export const checkIpBlock: ValueCheck = (value, context) => {
  if (parseCidr(value.value) !== null) return;
  const zone = value.value.includes('%');
  context.report.error(
    'bad-ip-block',
    positionOf(value),
    `\`${value.value}\` is neither an IP address nor a CIDR block${valueFateInIstio(context)}`,
    zone
      ? 'addresses with a zone are not matched: leave out the `%…`'
      : 'write e.g. `10.1.0.0/16`, `10.1.2.3` or `2001:db8::/32`',
  );
};

/** The client's address is only as good as the hops that are trusted, so an AccessPolicy wants them written down. */
export const checkRemoteIpBlock: ValueCheck = (value, context) => {
  checkIpBlock(value, context);
  if (context.dialect === 'access' && !context.options.remoteIpConfigured) {
    reportNoClientIp(positionOf(value), context);
  }
};

export function reportNoClientIp(position: Position, { report }: Context): void {
  report.error(
    'client-ip-not-configured',
    position,
    'the address of the client behind proxies is asked for, and the service configuration does not say how it is found',
    'set `clientIp.useRemoteAddress` and `clientIp.xffTrustedHops` as in the HTTP connection manager of Envoy',
  );
}
