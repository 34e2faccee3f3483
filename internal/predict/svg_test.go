package predict_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/steadylet/steadylet/internal/predict"
)

var update = flag.Bool("update", false, "write docs/upgrades.svg anew")

// The picture in docs/ is the one that steadylet predict -o svg draws.
func TestPictureIsUpToDate(t *testing.T) {
	var drawn bytes.Buffer
	if err := predict.WriteMatrix(&drawn); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "..", "docs", "upgrades.svg")
	if *update {
		if err := os.WriteFile(path, drawn.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, drawn.Bytes()) {
		t.Errorf("%s is not up to date: steadylet predict -o svg > docs/upgrades.svg", path)
	}
	decoder := xml.NewDecoder(&drawn)
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("it is no XML: %v", err)
		}
	}
}

// What the README says of upgrades, and of the ways back.
func TestMatrix(t *testing.T) {
	stock, patched := predict.Matrix(false), predict.Matrix(true)
	for _, test := range []struct {
		from, to       int
		stock, patched predict.Extent
	}{
		{16, 17, predict.None, predict.NoSuch},
		{19, 20, predict.None, predict.None},
		{20, 29, predict.Some, predict.None},
		{20, 30, predict.Some, predict.None},
		{24, 25, predict.Static, predict.None},
		{30, 31, predict.All, predict.None},
		{31, 30, predict.All, predict.None},
		{31, 32, predict.Static, predict.None},
		{36, 37, predict.Static, predict.None},
		{28, 20, predict.Some, predict.None},
		{20, 19, predict.None, predict.NoSuch}, // there is no patched 1.19
	} {
		from, to := test.from-predict.Oldest, test.to-predict.Oldest
		if stock[from][to] != test.stock || patched[from][to] != test.patched {
			t.Errorf("1.%d to 1.%d: %s and %s, want %s and %s", test.from, test.to, stock[from][to], patched[from][to], test.stock, test.patched)
		}
	}
}
