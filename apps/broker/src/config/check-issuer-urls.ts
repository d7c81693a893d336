import { addressRefused, adviseOnNetworkError, type IssuerOptions } from '@valetkey/core-types';
import type { Egress } from '@valetkey/vendor-clients';

/** Returns each URL of an issuer that the broker calls, with its field. */
function listUrls(record: IssuerOptions): (readonly [string, string | undefined])[] {
  const { issuer, jwks, jwksUri, metadataUri, introspection, resolver } = record;
  // Without these fields, the metadata is sought below the issuer.
  const isCalled = jwks === undefined && jwksUri === undefined && metadataUri === undefined;
  return [
    ['issuer', isCalled ? issuer : undefined],
    ['jwksUri', jwksUri],
    ['metadataUri', metadataUri],
    ['introspection.endpoint', introspection?.endpoint],
    ['resolver.endpoint', resolver?.endpoint],
  ];
}

/** What is wrong with a field that {@link findRefusedUrls} returns. */
export const namesRefusedHost = `names a host that may not be called. ${adviseOnNetworkError({ code: addressRefused })}`;

/**
 * Returns each field of an issuer whose URL has a host that the egress refuses. No name is resolved: the egress judges the
 * addresses of a name when it connects.
 */
export function findRefusedUrls(record: IssuerOptions, egress: Egress): string[] {
  return listUrls(record)
    .filter(([, url]) => url !== undefined && URL.canParse(url) && egress.refuses(url))
    .map(([field]) => field);
}
