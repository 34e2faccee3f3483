// Package e2e holds the tests that build real kubelets and run them. They need
// root, the network that the go command needs, and what .ci/run installs.
package e2e
