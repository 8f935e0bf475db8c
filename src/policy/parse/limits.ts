/** Bounds on policy files. A file past one of them is refused with an error, never read in part. */

/**
 * 32 MiB: about 60,000 policies in one file. The tree of a YAML file takes some fifty times its size in
 * memory, and a set is read while the service goes on deciding.
 */
export const MAX_FILE_BYTES = 32 * 1024 * 1024;

/** Our deepest kind nests 13 levels, inside a List 15; the composer of the YAML library is recursive. */
export const MAX_DEPTH = 64;

/** Values in one file, each use of an alias counted again: what keeps ten nested aliases from being ten billion values. */
export const MAX_NODES = 4_000_000;

/** An object of Kubernetes is at most 1.5 MiB in etcd; nothing that people write as one string comes near this. */
export const MAX_STRING_LENGTH = 64 * 1024;
