package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/steadylet/steadylet/internal/certs/certstest"
)

// The command lines about certificates, on nodes that are well, and not.
func TestCertsScripts(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Now()
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/certs",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"status": status},
		Setup: func(env *testscript.Env) error {
			for name, valid := range map[string]time.Duration{"well": 365 * day, "soon": 20*day + time.Hour, "broken": 365 * day} {
				certstest.Node(t, filepath.Join(env.WorkDir, name), now, valid)
			}
			certstest.Node(t, filepath.Join(env.WorkDir, "over"), now.Add(-100*day), 50*day)
			return os.Rename(filepath.Join(env.WorkDir, "broken/pki/etcd/ca.key"), filepath.Join(env.WorkDir, "broken/pki/ca.key"))
		},
	})
}
