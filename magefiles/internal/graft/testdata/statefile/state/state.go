// Package state is a folder below the library.
package state

// Mode is a file mode.
const Mode = 0o600
