package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/steadylet/steadylet/internal/cri/critest"
	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/statefile"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"steadylet": func() { os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})) },
	})
}

// The command lines, against a made-up kubelet and a runtime with one static pod.
func TestScripts(t *testing.T) {
	hangs := critest.Serve(t, &critest.Runtime{Hang: true})
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status":   status,
			"endpoint": endpoint,
		},
		Setup: func(env *testscript.Env) error {
			// The script's files are there: its sandbox is younger than every manifest.
			works := critest.Serve(t, node(time.Now()))
			kubelet := filepath.Join(env.WorkDir, "kubelet")
			env.Vars = append(env.Vars, "CRI="+works, "HANGS="+hangs, "ROOT="+filepath.Join(env.WorkDir, "root"))
			return errors.Join(os.Mkdir(filepath.Join(env.WorkDir, "root"), 0o700),
				programtest.WriteKubelet(kubelet, programtest.Says("v1.30.14")))
		},
	})
}

// node is a runtime with a static pod and two others.
func node(made time.Time) *critest.Runtime {
	return &critest.Runtime{
		Sandboxes: []*runtimeapi.PodSandbox{critest.Sandbox("kube-system", "etcd-db-3", "uid-of-etcd", made)},
		Containers: []*runtimeapi.Container{
			critest.WithHash(critest.Container("etcd-1", "kube-system", "etcd-db-3", "uid-of-etcd", "etcd"), "etcd:v1", "1", made),
			critest.HashedContainer("shop", "web-1", "web", "web:v1", "2", made),
			critest.HashedContainer("shop", "new-1", "app", "app:v1", strconv.FormatUint(statefile.HashImageAndName("app:v1", "app"), 16), made),
		},
	}
}

// status runs a command and wants that exit status: status 2 steadylet state verify.
func status(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: status CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = lastWord(err.Error())
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

// endpoint puts a runtime's endpoint into a snapshot: endpoint FILE ENDPOINT.
func endpoint(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	text := strings.Replace(ts.ReadFile(args[0]), "ENDPOINT", args[1], 1)
	ts.Check(os.WriteFile(path, []byte(text), 0o600))
}

// lastWord is the code of "exit status 2".
func lastWord(text string) string {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == ' ' {
			return text[i+1:]
		}
	}
	return text
}
