package series

import (
	"cmp"
	"slices"
	"strings"
)

// Where names the files that lines which a patch looks for may have gone to: those with
// the missing file's name, the nearest folder first. paths are all files of the source.
func Where(missing string, paths []string) []string {
	name := missing[strings.LastIndexByte(missing, '/')+1:]
	var found []string
	for _, path := range paths {
		if path != missing && (path == name || strings.HasSuffix(path, "/"+name)) {
			found = append(found, path)
		}
	}
	slices.SortFunc(found, func(a, b string) int {
		return cmp.Or(cmp.Compare(shared(b, missing), shared(a, missing)), strings.Compare(a, b))
	})
	return found
}

// shared counts the folders that two paths have in common, from the root on.
func shared(a, b string) int {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	count := 0
	for count < min(len(as), len(bs)) && as[count] == bs[count] {
		count++
	}
	return count
}
