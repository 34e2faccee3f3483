// Package internal is the root of the build pipeline's packages. They can be
// imported by the mage targets in magefiles/ and by nothing else.
package internal
