package scripts_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// trace has what runs on the node write each call of these programs down, after it has run a
// line of shell.
func (n node) trace(t *testing.T, line string, names ...string) {
	t.Helper()
	for _, name := range names {
		real := n.path("stubs", name+".real")
		if err := os.Rename(n.path("stubs", name), real); err != nil {
			real = program(t, name)
		}
		n.stub(t, name, line+"\nprintf '%s\\n' '"+name+"'\" $*\" >>"+n.path("steps")+"\nexec "+real+` "$@"`)
	}
}

// steps returns what trace wrote down.
func (n node) steps(t *testing.T) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(read(t, n.path("steps"))), "\n")
}

// unsynced says what a loss of power may undo or tear: a file that was renamed before it was
// synced, and a folder that was not synced after that, or after one was made in it, when the
// kubelet is stopped or started.
func unsynced(steps []string) []string {
	var found []string
	files, folders := map[string]bool{}, map[string]bool{}
	for _, step := range append(slices.Clone(steps), "end") {
		words := strings.Fields(step)
		switch last := len(words) - 1; {
		case words[0] == "sync":
			for _, path := range words[1:] {
				files[path] = true
				delete(folders, path)
			}
		case words[0] == "mkdir" || words[0] == "cp":
			folders[filepath.Dir(words[last])] = true
		case words[0] == "mv" && strings.Contains(words[last], "/tmp."):
			// Only this run looks at that.
		case words[0] == "mv":
			if !files[words[last-1]] {
				found = append(found, "not synced before: "+step)
			}
			delete(files, words[last-1])
			folders[filepath.Dir(words[last])] = true
		case len(words) > 1 && (words[1] == "stop" || words[1] == "start") || words[0] == "end":
			for folder := range maps.Keys(folders) {
				found = append(found, folder+" is not synced before: "+step)
			}
		}
	}
	return found
}

// canMount says why no image can be mounted here, or nothing.
var canMount = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "steadylet-mount")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	err = makeDisk(filepath.Join(dir, "image"), dir)
	_ = exec.Command("umount", dir).Run() // where it was mounted
	return err
})

// makeDisk makes an image with a file system, and mounts it.
func makeDisk(image, folder string) error {
	out, err := exec.Command("sh", "-ec", `truncate -s 64M "$0"; mkfs.ext4 -q -F -O has_journal "$0"`, image).CombinedOutput()
	if err != nil {
		return fmt.Errorf("making a file system: %w\n%s", err, out)
	}
	return mount(image, folder)
}

// mount mounts an image so that nothing gets to the disk but what is synced: no commit of
// the journal in time, no data for the sake of a rename (mount options in ext4(5)).
func mount(image, folder string) error {
	if out, err := exec.Command("mount", "-o", "loop,commit=900,noauto_da_alloc", image, folder).CombinedOutput(); err != nil {
		return fmt.Errorf("mounting %s: %w\n%s", image, err, out)
	}
	return nil
}

// unmount unmounts a folder, though something may run from it still.
func unmount(t *testing.T, folder string) {
	t.Helper()
	if out, err := exec.Command("umount", "--lazy", folder).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// disks are the folders of a node that are disks of their own, and shots is where copies of
// them are: one for each step, as they were just before it. What the kernel had not written
// yet is not in an image, as after a loss of power.
type disks struct {
	node
	folders []string
	backups string
}

func (d disks) shots() string { return d.path("shots") }

// attach mounts the disks.
func (d disks) attach(t *testing.T) {
	t.Helper()
	must(t, os.Mkdir(d.shots(), 0o700))
	for _, folder := range d.folders {
		must(t, os.MkdirAll(d.path(folder), 0o700))
		must(t, makeDisk(d.path(folder+".img"), d.path(folder)))
		t.Cleanup(func() { unmount(t, d.path(folder)) })
		must(t, os.Chmod(d.path(folder), 0o700))
	}
}

// shoot is the line of shell that copies the images.
func (d disks) shoot() string {
	return `shot=` + d.shots() + `/$(printf %03d "$(ls ` + d.shots() + ` | wc -l)")
/bin/mkdir "$shot"
cp --sparse=always ` + d.dir + `/*.img "$shot"`
}

// The scripts keep to the order that a loss of power asks for, and whenever the power is cut
// the kubelet's program is whole, and the next run has all that it needs.
func TestLossOfPower(t *testing.T) {
	const started = "systemctl start kubelet"
	for name, test := range map[string]struct {
		disks     []string
		backups   string
		behaviour string
		script    string
		status    int
		again     string
	}{
		"upgrade":                {[]string{"bin"}, "bin/backups", "well", "upgrade-kubelet", 0, "nothing was replaced needlessly"},
		"upgrade, two disks":     {[]string{"bin", "backups"}, "backups", "well", "upgrade-kubelet", 0, "nothing was replaced needlessly"},
		"upgrade that goes back": {[]string{"bin", "backups"}, "backups", "replaces", "upgrade-kubelet", 4, ""},
		"rollback":               {[]string{"bin", "backups"}, "backups", "well", "rollback-kubelet", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := disks{newNode(t), test.disks, test.backups}
			line := ":"
			if canMount() == nil {
				line = d.shoot()
				d.attach(t)
			}
			d.start(t)
			to := buildKubelet(t, patched, test.behaviour)
			args := []string{"--backup-dir", d.path(test.backups), within(test.behaviour)}
			if test.script == "rollback-kubelet" {
				d.backup(t, "20260102T000000Z", patched, to)
			} else {
				args = append(args, "--skip-doctor", to)
			}
			must(t, exec.Command("sync", "--file-system", d.path("bin"), filepath.Dir(d.path(test.backups))).Run())
			d.trace(t, line, "sync", "mv", "mkdir", "systemctl")
			status, out := d.run(t, test.script, args...)
			if status != test.status {
				t.Errorf("status %d, want %d\n%s", status, test.status, out)
			}
			steps := d.steps(t)
			for _, problem := range unsynced(steps) {
				t.Error(problem)
			}
			for _, file := range []string{"/note", "/note.containers", "-v1.30.14", "-v1.30.14.sha256"} {
				at := slices.IndexFunc(steps, func(step string) bool { return strings.HasPrefix(step, "mv ") && strings.HasSuffix(step, file) })
				if at < 0 || at > slices.Index(steps, "systemctl stop kubelet") {
					t.Errorf("no %s is put in place before the kubelet is stopped", file)
				}
			}
			t.Run("cut", func(t *testing.T) {
				if err := canMount(); err != nil {
					t.Skip("cuts the power, which takes root, mkfs.ext4 and loop devices: ", err)
				}
				d.check(t, append(steps, "the end"), to)
				if test.again != "" {
					d.powerUp(t, slices.Index(steps, started))
					status, out := d.run(t, test.script, args...)
					if status != 0 || !strings.Contains(out, "going on with it") || !strings.Contains(out, test.again) {
						t.Errorf("after a loss of power before %s: status %d\n%s", started, status, out)
					}
				}
			})
		})
	}
}

// check looks at what each loss of power left.
func (d disks) check(t *testing.T, steps []string, to string) {
	t.Helper()
	must(t, exec.Command("sh", "-ec", d.shoot()).Run())
	for i, step := range steps {
		shot := node{dir: filepath.Join(d.shots(), fmt.Sprintf("%03d", i))}
		for _, folder := range d.folders {
			must(t, os.Mkdir(shot.path(folder), 0o700))
			must(t, mount(shot.path(folder+".img"), shot.path(folder)))
		}
		if problem := whole(shot, d.backups, digest(t, buildKubelet(t, "v1.30.14", "well")), digest(t, to), step == "the end"); problem != "" {
			t.Errorf("a loss of power before %q: %s", step, problem)
		}
		for _, folder := range d.folders {
			unmount(t, shot.path(folder))
		}
	}
}

// whole says what is not as the next run needs it, on the disks of a node. A run that has
// ended leaves no note.
func whole(n node, backups, before, after string, ended bool) string {
	sum := func(elements ...string) string {
		out, _ := exec.Command("sha256sum", n.path(elements...)).Output() // none of a missing file
		digest, _, _ := strings.Cut(string(out), " ")
		return digest
	}
	program := sum("bin", "kubelet")
	if program != before && program != after {
		return "the kubelet's program is torn"
	}
	note, err := os.ReadFile(n.path(backups, "note"))
	if err != nil {
		if program == after && !ended {
			return "another program is in place, and there is no note of it"
		}
		return ""
	}
	if ended {
		return "the note is there again"
	}
	said := map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^(\w+) (.*)$`).FindAllStringSubmatch(string(note), -1) {
		said[match[1]] = match[2]
	}
	recorded, _ := os.ReadFile(n.path(backups, said["backup"]+".sha256"))
	switch {
	case said["old"] != before || said["new"] != after:
		return "the note is torn: " + string(note)
	case said["list"] == "" || sum(backups, "note.containers") != said["list"]:
		return "the list of containers is torn"
	case sum(backups, said["backup"]) != before || !strings.HasPrefix(string(recorded), before):
		return "the backup is torn"
	}
	return ""
}

// powerUp has the node be as a loss of power before that step left it.
func (d disks) powerUp(t *testing.T, step int) {
	t.Helper()
	d.stop(t)
	for _, name := range []string{"sync", "mv", "mkdir", "systemctl"} {
		must(t, os.Remove(d.path("stubs", name)))
	}
	must(t, os.Rename(d.path("stubs", "systemctl.real"), d.path("stubs", "systemctl")))
	for _, folder := range d.folders {
		unmount(t, d.path(folder))
		must(t, mount(filepath.Join(d.shots(), fmt.Sprintf("%03d", step), folder+".img"), d.path(folder)))
	}
}
