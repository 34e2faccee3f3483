package series

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// Patch is one parsed and checked patch file.
type Patch struct {
	// File is the patch's file name inside the series' folder.
	File  string
	Title string
	// Body is the rest of the commit message; it may be empty.
	Body string
	// Author is the project's where the patch names none.
	Author Author
	// Text is the file's bytes.
	Text []byte
	// Digest is the SHA-256 of Text in hexadecimal.
	Digest string
	// Files are the changes in the order of the patch. Their paths are slash
	// paths below the root of an upstream Kubernetes tree.
	Files []*gitdiff.File
}

// The modes git records for the two kinds of file that a patch may touch.
const (
	modeRegular    os.FileMode = 0o100644
	modeExecutable os.FileMode = 0o100755
)

// Parse reads the text of a patch as Load does. file is its name, for errors. The
// error is a *PatchError.
func Parse(file string, data []byte) (*Patch, error) { return parsePatch(file, data) }

// parsePatch reads git format-patch text. The error is a *PatchError.
func parsePatch(file string, data []byte) (*Patch, error) {
	switch {
	case bytes.Contains(data, []byte("\r\n")):
		return nil, &PatchError{file, "save it with LF line endings", ErrCRLF}
	case bytes.IndexByte(data, 0) >= 0:
		return nil, &PatchError{file, "it holds a NUL byte, so it is not text", ErrBinary}
	}
	files, preamble, err := gitdiff.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, &PatchError{file, "reading its diff: " + err.Error(), ErrMalformed}
	}
	if len(files) == 0 {
		return nil, &PatchError{file, "it changes no file", ErrEmpty}
	}
	for _, f := range files {
		if f.IsBinary {
			return nil, &PatchError{file, fmt.Sprintf("%s is a binary file", pathOf(f)), ErrBinary}
		}
	}
	if err := checkCanonical(file, string(data[len(preamble):]), files); err != nil {
		return nil, err
	}
	if err := checkFiles(file, files); err != nil {
		return nil, err
	}
	header, err := parseHeader(file, preamble)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(data)
	return &Patch{file, header.Title, header.Body, authorOf(header), data, hex.EncodeToString(digest[:]), files}, nil
}

// parseHeader reads what is above the diff. It takes a header with or without the
// mailbox line ("From <commit> …") that git puts on top.
func parseHeader(file, preamble string) (*gitdiff.PatchHeader, error) {
	if strings.TrimSpace(preamble) == "" {
		return nil, noTitle(file, "nothing is above its diff")
	}
	if !strings.HasPrefix(preamble, "From ") {
		preamble = "From -\n" + preamble
	}
	header, err := gitdiff.ParsePatchHeader(preamble, gitdiff.WithSubjectCleanMode(gitdiff.SubjectCleanPatchOnly))
	if err != nil {
		return nil, noTitle(file, "its header can't be read: "+err.Error())
	}
	if header.Title == "" {
		return nil, noTitle(file, "its Subject line is empty or missing")
	}
	return header, nil
}

func noTitle(file, reason string) error {
	return &PatchError{file, reason + "; start it with \"Subject: <title>\"", ErrNoTitle}
}

// pathOf returns the path that a change is reported under.
func pathOf(f *gitdiff.File) string {
	if f.NewName != "" && !f.IsDelete {
		return f.NewName
	}
	return f.OldName
}

// Paths returns every path that the patch reads or writes, in order, without
// repetition.
func (p *Patch) Paths() []string {
	var paths []string
	for _, f := range p.Files {
		for _, name := range []string{f.OldName, f.NewName} {
			if name != "" && !slices.Contains(paths, name) {
				paths = append(paths, name)
			}
		}
	}
	return paths
}
