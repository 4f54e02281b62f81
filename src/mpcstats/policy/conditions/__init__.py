"""One file for each ground on which a plan may be refused."""
