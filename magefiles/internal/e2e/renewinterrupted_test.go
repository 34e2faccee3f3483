package e2e_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var everyKill = flag.Bool("every-kill", false, "kill renewals at every step, not at some")

// recorded is a node, the same one renewed by a real kubeadm, and a program that does again
// what that did: it takes no time, and what comes out is known.
type recorded struct {
	node    *renewal
	kubeadm string
	// before and after are the files of the node, by their path below its root.
	before, after map[string]string
}

func record(t *testing.T, m master, k kubeadm, command steadylet) recorded {
	t.Helper()
	r := newRenewal(t, m, k, command)
	recording := recorded{node: newRenewal(t, m, k, command), before: r.below(t)}
	r.run(t, k, "certs", "renew", "all", "--config=/config.yaml")
	recording.kubeadm = filepath.Join(t.TempDir(), "kubeadm")
	text := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = certs ] || exec echo %s\nfor argument; do root=${argument#--rootfs=}; [ \"$root\" = \"$argument\" ] || break; done\n"+
		"for file in %s; do [ ! -f $root/etc/kubernetes/$file ] || exit 1; done\nexec /bin/cp -r %s/. \"$root/etc/kubernetes\"\n",
		k.tag, strings.Join(slices.Collect(maps.Keys(others)), " "), r.kubernetes())
	if err := os.WriteFile(recording.kubeadm, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	recording.after = r.below(t)
	recording.after["/bin/kubeadm"] = text
	return recording
}

// below is state with paths that are the same for every copy of a node.
func (r *renewal) below(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for path, content := range r.state(t) {
		files[strings.TrimPrefix(path, r.root)] = content
	}
	return files
}

// wrapped are the programs that change something on the node.
var wrapped = []string{"mv", "cp", "rm", "sync", "touch", "chmod", "chown", "mkdir", "mktemp"}

// wrap lets the n-th run of one of these signal the whole run before it does its work, and
// writes down which ran.
func (r *renewal) wrap(t *testing.T, n int, signal string) {
	t.Helper()
	for _, program := range wrapped {
		path, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		script := fmt.Sprintf("#!/bin/sh\necho %[1]s >>%[2]s/runs\n[ $(wc -l <%[2]s/runs) != %[3]d ] || kill -%[4]s 0\nexec %[5]s \"$@\"\n", program, r.wrappers, n, signal, path)
		if err := os.WriteFile(filepath.Join(r.wrappers, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// unwrap returns which of them ran, one after the other.
func (r *renewal) unwrap(t *testing.T) []string {
	t.Helper()
	for _, program := range wrapped {
		if err := os.Remove(filepath.Join(r.wrappers, program)); err != nil {
			t.Fatal(err)
		}
	}
	runs := filepath.Join(r.wrappers, "runs")
	ran := strings.Fields(string(fileOf(t, runs)))
	if err := os.Remove(runs); err != nil {
		t.Fatal(err)
	}
	return ran
}

// steps chooses where a run is killed: at what removes, at the first and last of what
// renames, and at some of the rest, which is alike.
func steps(ran []string) []int {
	var chosen []int
	renames := 0
	for _, program := range ran {
		if program == "mv" {
			renames++
		}
	}
	seen := 0
	for i, program := range ran {
		if program == "mv" {
			seen++
		}
		edge := program == "mv" && (seen <= 5 || seen > renames-2 || seen%6 == 0)
		if *everyKill || edge || program == "rm" || i%32 == 0 {
			chosen = append(chosen, i+1)
		}
	}
	return chosen
}

// whole wants each file to be the one of before or the one of after, to the byte.
func (recording recorded) whole(t *testing.T, r *renewal) {
	t.Helper()
	now := r.below(t)
	for path, before := range recording.before {
		if now[path] != before && now[path] != recording.after[path] {
			t.Errorf("%s is neither the old file nor the new one: %q", path, now[path])
		}
	}
}

func (recording recorded) is(t *testing.T, r *renewal, want map[string]string, when string) {
	t.Helper()
	if diff := cmp.Diff(want, r.below(t)); diff != "" {
		t.Errorf("%s:\n%s", when, diff)
	}
	if left := r.leftovers(t); len(left) > 0 {
		t.Errorf("%s: left behind: %v", when, left)
	}
}

// A renewal that is killed at any step leaves every file whole, and the next run renews. So
// does a backup that is being put back.
func TestRenewalThatIsKilled(t *testing.T) {
	needsRenewal(t)
	p := open(t)
	command, k := buildSteadylet(t), buildKubeadm(t, p, "v1.30.14", usual)
	m := newMaster(t, k, t.TempDir(), 6443)
	recording := record(t, m, k, command)
	for name, test := range map[string]struct {
		from func(*testing.T, *renewal)
		args []string
		got  map[string]string
	}{
		"renewing": {nil, []string{recording.kubeadm}, recording.after},
		"restoring": {func(t *testing.T, r *renewal) { r.renew(t, 0, "--skip-restart", recording.kubeadm) },
			[]string{"--restore"}, recording.before},
	} {
		t.Run(name, func(t *testing.T) {
			fresh := func(t *testing.T) *renewal {
				r := newRenewal(t, m, k, command)
				if test.from != nil {
					test.from(t, r)
				}
				return r
			}
			r := fresh(t)
			r.wrap(t, 0, "KILL")
			r.renew(t, 0, append([]string{"--skip-restart"}, test.args...)...)
			ran := r.unwrap(t)
			recording.is(t, r, test.got, "a run that nobody kills")
			chosen := steps(ran)
			t.Logf("killing at %d of %d steps", len(chosen), len(ran))
			for _, step := range chosen {
				t.Run(fmt.Sprintf("%s %d", ran[step-1], step), func(t *testing.T) {
					r := fresh(t)
					r.wrap(t, step, "KILL")
					r.renew(t, -1, append([]string{"--skip-restart"}, test.args...)...)
					r.unwrap(t)
					recording.whole(t, r)
					if _, err := os.Stat(filepath.Join(r.backups, "in-progress")); err != nil && cmp.Equal(test.got, r.below(t)) {
						return // it was about to end
					}
					r.renew(t, 0, append([]string{"--skip-restart"}, test.args...)...)
					recording.is(t, r, test.got, "the next run")
				})
			}
		})
	}
}

// next finds the command line that the script says after a text.
func next(t *testing.T, out, text string) string {
	t.Helper()
	match := regexp.MustCompile(`(?m)` + regexp.QuoteMeta(text) + `: (/.*)$`).FindStringSubmatch(out)
	if match == nil {
		t.Fatalf("it says no command line after %q:\n%s", text, out)
	}
	return match[1]
}

// A run that is asked to end puts things right itself, and what it says is to be done next
// does what it says.
func TestRenewalThatIsInterrupted(t *testing.T) {
	needsRenewal(t)
	p := open(t)
	command, k := buildSteadylet(t), buildKubeadm(t, p, "v1.30.14", usual)
	m := newMaster(t, k, t.TempDir(), 6443)
	recording := record(t, m, k, command)
	const forward, back = "To go on with the restarts", "To go back"
	ran := map[bool][]string{} // by runs that end by themselves, which put back, or not
	for name, test := range map[string]struct {
		restore bool
		// at says of the steps at which one the signal comes.
		at   func(ran []string) int
		is   map[string]string
		says string
		next string
		is2  map[string]string
	}{
		"while copies are renewed": {false, func(ran []string) int { return slices.Index(ran, "mv") }, recording.before, "nothing was changed", "", nil},
		"after the backup":         {false, func(ran []string) int { return nth(ran, "mv", 2) + 3 }, recording.before, "a backup of them was made", "", nil},
		"among the renames":        {false, func(ran []string) int { return nth(ran, "mv", 12) }, recording.before, "the old certificates are in place again", "", nil},
		"all in place, go on":      {false, last, recording.after, forward, forward, recording.after},
		"all in place, go back":    {false, last, recording.after, forward, back, recording.before},
		"restoring":                {true, func(ran []string) int { return nth(ran, "mv", 12) }, recording.before, forward, forward, recording.before},
		"restored":                 {true, last, recording.before, forward, forward, recording.before},
	} {
		t.Run(name, func(t *testing.T) {
			fresh := func() (*renewal, []string) {
				r := newRenewal(t, m, k, command)
				if test.restore {
					r.renew(t, 0, "--skip-restart", recording.kubeadm)
					return r, []string{"--skip-restart", "--restore"}
				}
				return r, []string{"--skip-restart", recording.kubeadm}
			}
			r, args := fresh()
			if ran[test.restore] == nil {
				r.wrap(t, 0, "TERM")
				r.renew(t, 0, args...)
				ran[test.restore] = r.unwrap(t)
				r, args = fresh()
			}
			at := test.at(ran[test.restore]) + 1
			r.wrap(t, at, "TERM")
			out := r.renew(t, 5, args...)
			r.unwrap(t)
			if diff := cmp.Diff(test.is, r.below(t)); diff != "" {
				t.Errorf("when it has ended:\n%s", diff)
			}
			if !strings.Contains(out, test.says) {
				t.Errorf("it does not say %q:\n%s", test.says, out)
			}
			if test.next == "" {
				r.renew(t, 0, "--skip-restart", recording.kubeadm)
				recording.is(t, r, recording.after, "the next run")
				return
			}
			line := next(t, out, test.next)
			out = ends(t, r.inShell(t, line+" --skip-restart"), 0)
			recording.is(t, r, test.is2, line)
			if said := strings.Contains(out, "To renew, run the same command again"); said != (test.restore && test.next == forward) {
				t.Errorf("that something is left to renew: %t\n%s", said, out)
			}
		})
	}
}

// nth is the index of the n-th run of a program.
func nth(ran []string, program string, n int) int {
	for i, name := range ran {
		if name == program {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}

// last is the removal of the note of how far the run is: everything is in place by then.
func last(ran []string) int {
	for i := len(ran) - 1; i >= 0; i-- {
		if ran[i] == "mv" {
			return i + 1 + slices.Index(ran[i+1:], "rm")
		}
	}
	return -1
}

// What is lost is put back from the backup alone: folders too, with their modes.
func TestRestoreOfWhatIsLost(t *testing.T) {
	needsRenewal(t)
	p := open(t)
	command, k := buildSteadylet(t), buildKubeadm(t, p, "v1.30.14", usual)
	m := newMaster(t, k, t.TempDir(), 6443)
	recording := record(t, m, k, command)
	for name, lost := range map[string]string{
		"the certificates": "etc/kubernetes/pki", "etcd's": "etc/kubernetes/pki/etcd", "a file": "etc/kubernetes/pki/apiserver.key",
		"a kubeconfig": "etc/kubernetes/admin.conf", "kubeadm and its folder": "bin", "all of it": "etc/kubernetes",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRenewal(t, m, k, command)
			pki := r.kubernetes("pki")
			modes := func() (found []os.FileMode) {
				for _, path := range []string{r.kubernetes(), pki, filepath.Join(pki, "etcd"), filepath.Join(pki, "ca.key"), filepath.Join(pki, "ca.crt")} {
					info, err := os.Stat(path)
					if err != nil {
						t.Fatal(err)
					}
					found = append(found, info.Mode())
				}
				return found
			}
			if err := os.Chmod(pki, 0o750); err != nil {
				t.Fatal(err)
			}
			before := modes()
			r.renew(t, 0, "--skip-restart", recording.kubeadm)
			if err := os.RemoveAll(filepath.Join(r.root, lost)); err != nil {
				t.Fatal(err)
			}
			want := maps.Clone(recording.before)
			if lost == "etc/kubernetes" {
				// Files of others are not backed up.
				for other := range others {
					delete(want, "/etc/kubernetes/"+other)
				}
			}
			if lost == "etc/kubernetes/pki" {
				line := next(t, r.renew(t, 2, "--skip-restart", recording.kubeadm), "or put a backup back")
				ends(t, r.inShell(t, line+" --skip-restart --dry-run"), 0)
				if _, err := os.Stat(pki); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("a dry run made it: %v", err)
				}
				ends(t, r.inShell(t, line+" --skip-restart"), 0)
			} else {
				r.renew(t, 0, "--skip-restart", "--restore")
			}
			recording.is(t, r, want, "what was put back")
			if diff := cmp.Diff(before, modes()); diff != "" {
				t.Errorf("modes: %s", diff)
			}
		})
	}
}
