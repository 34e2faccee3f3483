//go:build !go1.16
// +build !go1.16

package statefile

import "io/ioutil"

var read = ioutil.ReadFile
