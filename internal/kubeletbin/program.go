package kubeletbin

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"debug/gosym"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
)

// ErrNoKubelet means that the content of a file is something else.
var ErrNoKubelet = errors.New("no kubelet")

// mainPackage is the kubelet's.
const mainPackage = "k8s.io/kubernetes/cmd/kubelet"

// Program is a program that is held open: what was looked at is what runs, whatever takes
// its path meanwhile.
type Program struct {
	path string
	file *os.File
	// built is nil for a file without the build information of Go.
	built   *debug.BuildInfo
	kubelet bool
}

// Open opens a kubelet's program. Its content decides, not its name, and nothing is run.
// The error matches ErrNoKubelet where the content is something else.
func Open(path string) (*Program, error) {
	program, err := open(path)
	if err != nil {
		return nil, err
	}
	if !program.kubelet {
		defer program.Close()
		return nil, fmt.Errorf("%s is %w: it is %s, and was not run", path, ErrNoKubelet, program.what())
	}
	return program, nil
}

// Check reports whether the content of a file is a kubelet's, as Open does.
func Check(path string) error {
	program, err := Open(path)
	if err != nil {
		return err
	}
	return program.Close()
}

// open opens a file and looks at its content.
func open(path string) (*Program, error) {
	info, err := os.Stat(path) // before it is opened: a pipe would not answer
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("looking at the kubelet: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("looking at the kubelet: %w", err)
	}
	program := &Program{path: path, file: file}
	if program.built, err = buildinfo.Read(file); err == nil {
		switch program.built.Path {
		case mainPackage:
			program.kubelet = true
		case "", "command-line-arguments": // it names none
			program.kubelet = hasMainOfKubelet(file)
		}
	}
	return program, nil
}

// Close closes the file.
func (p *Program) Close() error { return p.file.Close() }

// Stat returns what the file system says of the file that is open.
func (p *Program) Stat() (os.FileInfo, error) { return p.file.Stat() }

// hasMainOfKubelet reports whether a program's main function is in the kubelet's source
// file and the kubelet's command is linked in. Upstream builds up to 1.29 are of GOPATH
// mode (GO111MODULE=off in hack/lib/init.sh), in which Go before 1.18 names no main
// package. Stripping leaves this table: Go's own stack traces need it.
func hasMainOfKubelet(file io.ReaderAt) bool {
	const source = "cmd/kubelet/kubelet.go"
	program, err := elf.NewFile(file)
	if err != nil {
		return false
	}
	table := program.Section(".gopclntab")
	if table == nil {
		table = program.Section(".data.rel.ro.gopclntab") // of a position-independent program
	}
	text := program.Section(".text")
	if table == nil || text == nil {
		return false
	}
	data, err := table.Data()
	if err != nil {
		return false
	}
	symbols, err := gosym.NewTable(nil, gosym.NewLineTable(data, text.Addr))
	if err != nil {
		return false
	}
	main := symbols.LookupFunc("main.main")
	if main == nil || symbols.LookupFunc(mainPackage+"/app.NewKubeletCommand") == nil {
		return false
	}
	at, _, _ := symbols.PCToLine(main.Entry)
	return at == source || strings.HasSuffix(at, "/"+source)
}

// what says what a file is that is no kubelet.
func (p *Program) what() string {
	if p.built != nil && p.built.Path != "" {
		return "the program " + p.built.Path
	}
	if p.built != nil {
		return "another program in Go"
	}
	start := make([]byte, 64)
	n, _ := p.file.ReadAt(start, 0) // a short file is all there is
	start, _, _ = bytes.Cut(start[:n], []byte("\n"))
	switch {
	case n == 0:
		return "empty"
	case bytes.HasPrefix(start, []byte("#!")):
		return fmt.Sprintf("a script (%q)", start)
	case bytes.HasPrefix(start, []byte(elf.ELFMAG)):
		return "a program without the build information of Go"
	}
	return "neither a program nor a script"
}
