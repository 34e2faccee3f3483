package build

import (
	"debug/elf"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// edgeCore is KubeEdge's program with a kubelet in it. Its repository is a tree in the
// vendored layout.
const edgeCore = "edgecore"

// edgeCorePackage is a folder of KubeEdge's repository.
const edgeCorePackage = "edge/cmd/edgecore"

// checkPackage refuses a tree that does not have the program, and one whose program would
// not start.
func checkPackage(options Options, tree Tree) error {
	switch {
	case options.Component != edgeCore:
		return nil
	case !exists(filepath.Join(tree.Dir, filepath.FromSlash(edgeCorePackage))):
		return fmt.Errorf("the tree has no %s: build edgecore from a checkout of KubeEdge, with -source=dir -location=FOLDER", edgeCorePackage)
	case !options.CGO && hasSQLite(tree):
		return fmt.Errorf("edgecore does not start without cgo, which its SQLite (%s) needs: leave -cgo=false out", sqlite)
	}
	return nil
}

// sqlite is where a tree vendors the SQLite that needs cgo. Without cgo it compiles to a
// stub, whose every call fails (github.com/mattn/go-sqlite3@v1.14.22/static_mock.go).
const sqlite = "vendor/github.com/mattn/go-sqlite3"

// sqliteFunction is a function of SQLite itself, which the stub lacks.
const sqliteFunction = "sqlite3_open_v2"

func hasSQLite(tree Tree) bool { return exists(filepath.Join(tree.Dir, filepath.FromSlash(sqlite))) }

// checkSQLite refuses a binary that was linked without SQLite. Opening a database would be
// the first thing that fails: its --minconfig answers. path is the file with the symbols.
func checkSQLite(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("looking for SQLite in the new binary: %w", err)
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return fmt.Errorf("looking for SQLite in the new binary: %w", err)
	}
	if !slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return s.Name == sqliteFunction }) {
		return fmt.Errorf("%s has no %s: the stub of %s was linked, and the program can't start", path, sqliteFunction, sqlite)
	}
	return nil
}
