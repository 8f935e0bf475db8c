/** What a `when` key is worth as text, for `${…}` and for explanations. Byte strings. */
import { formatIp } from '../attributes/address.ts';
import { toByteString } from '../attributes/bytes.ts';
import { isClaimList } from '../attributes/claim.ts';
import type { Claim } from '../attributes/claim.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { AttributeKey } from '../policy/model.ts';

/** The values of an attribute; empty: absent. Written as they would be in a policy. */
export function attributeValues(key: AttributeKey, request: RequestAttributes): readonly string[] {
  switch (key.kind) {
    case 'request.headers': {
      const lines = request.header(key.name === 'host' ? ':authority' : key.name);
      return lines.form === 'joined' ? [lines.value] : lines.lines;
    }
    case 'source.ip':
      return request.sourceIp === null ? [] : [formatIp(request.sourceIp)];
    case 'remote.ip': {
      const { address, certain } = request.remoteIp;
      return address === null || !certain ? [] : [formatIp(address)];
    }
    case 'source.principal':
      return present(request.peer.spiffeId?.id);
    case 'source.trustDomain':
      return present(request.peer.spiffeId?.trustDomain);
    case 'source.namespace':
      return present(request.peer.spiffeId?.namespace);
    case 'source.serviceAccount': {
      const id = request.peer.spiffeId;
      return id?.namespace == null ? [] : [`${id.namespace}/${id.serviceAccount}`];
    }
    case 'request.auth.principal': {
      const token = request.tokenSubject;
      return token === null ? [] : [`${token.issuer}/${token.subject}`];
    }
    case 'request.auth.audiences':
      return claimTexts(request.claim(['aud']));
    case 'request.auth.presenter':
      return claimTexts(request.claim(['azp']));
    case 'request.auth.claims':
      return claimTexts(request.claim(key.path.map(toByteString)));
    case 'destination.ip':
      return request.destinationIp === null ? [] : [formatIp(request.destinationIp)];
    case 'destination.port':
      return request.destinationPort === 0 ? [] : [String(request.destinationPort)];
    case 'connection.sni':
      return present(request.sni);
    case 'metadata':
      return claimTexts(request.metadata(toByteString(key.filter), key.path.map(toByteString)));
  }
}

function present(value: string | null | undefined): readonly string[] {
  return value === null || value === undefined || value === '' ? [] : [value];
}

/** Strings, numbers and booleans, alone or in a list; objects and nested lists have no text. */
function claimTexts(claim: Claim | undefined): readonly string[] {
  const items = isClaimList(claim) ? claim : [claim];
  return items.flatMap((item) =>
    typeof item === 'string' ? [item] : typeof item === 'number' || typeof item === 'boolean' ? [String(item)] : [],
  );
}
