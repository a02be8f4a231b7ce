// Package adcptest finds AdCP's official test vectors for the tests of other packages. The vectors
// are not part of this repository: they come from the directory that ADCP_VECTORS names, else from
// the npm package that the local stack installs its seller with. A test without its vectors is
// skipped.
package adcptest
