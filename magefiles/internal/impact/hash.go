package impact

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// The known hashes of a container (HashContainer, pkg/kubelet/container/helpers.go).
const (
	// HashStruct is a dump of the struct in memory, HashJSON that of its JSON.
	HashStruct = "fnv32a of a dump of v1.Container"
	HashJSON   = "fnv32a of the JSON of v1.Container"
	// hashPicked is that of the JSON of some fields, which follow: see PickedFields.
	hashPicked = "fnv32a of the JSON of "
)

// PickedFields returns the JSON names of the fields that a hash is made of, or nil
// where it is made of all, or not known.
func (f Finding) PickedFields() []string {
	names, picked := strings.CutPrefix(f.Is, hashPicked+"{")
	if !picked {
		return nil
	}
	return strings.Split(strings.TrimSuffix(names, "}"), ", ")
}

const (
	hashPackage      = rootModule + "/pkg/util/hash"
	containerPackage = rootModule + "/pkg/kubelet/container"
	deepHash         = hashPackage + ".DeepHashObject"
)

// containerHash recognises HashContainer. Its statements must be exactly the known
// ones, in their order.
func (l *loader) containerHash() (Finding, error) {
	dumped, err := l.dump()
	if err != nil || dumped.Is == Unknown {
		return dumped, err
	}
	s, err := l.source(containerPackage, "helpers.go")
	if err != nil {
		return Finding{}, err
	}
	return s.hashContainer(), nil
}

func (s *source) hashContainer() Finding {
	function := s.function("HashContainer")
	if function == nil {
		return unknown("there is no function HashContainer")
	}
	names := parameters(function)
	if len(names) != 1 || s.text(function.Type.Params.List[0].Type) != "*v1.Container" {
		return unknown("HashContainer takes %s", s.text(function.Type))
	}
	body := function.Body.List
	if len(body) < 3 {
		return unknown("HashContainer is %s", s.text(function.Body))
	}
	hash, value := define(body[0])
	if made, _ := s.called(value); made != "hash/fnv.New32a" {
		return unknown("HashContainer begins with %s", s.text(body[0]))
	}
	if got := s.text(body[len(body)-1]); got != "return uint64("+hash+".Sum32())" {
		return unknown("HashContainer ends with %s", got)
	}
	is, rest := s.hashedForm(names[0], body[1:len(body)-1], hash)
	if is == "" {
		return unknown("HashContainer hashes %s", s.text(rest))
	}
	return Finding{Is: is}
}

// hashedForm recognises the statements between the making of the hash and its result.
func (s *source) hashedForm(container string, body []ast.Stmt, hash string) (is string, rest ast.Stmt) {
	last := body[len(body)-1]
	name, arguments := s.called(expression(last))
	if name != deepHash || len(arguments) != 2 || !isIdent(arguments[0], hash) {
		return "", last
	}
	if len(body) == 1 {
		if s.text(arguments[1]) == "*"+container {
			return HashStruct, nil
		}
		return "", last
	}
	text, value := define(body[0])
	if len(body) != 2 || text == "" || !isIdent(arguments[1], text) {
		return "", body[0]
	}
	encode, encoded := s.called(value)
	if encode != "encoding/json.Marshal" || len(encoded) != 1 {
		return "", body[0]
	}
	if isIdent(encoded[0], container) {
		return HashJSON, nil
	}
	pick, picked := s.called(encoded[0])
	if pick == "" || len(picked) != 1 || !isIdent(picked[0], container) {
		return "", body[0]
	}
	fields := s.pickedFields(s.function(pick))
	if fields == nil {
		return "", body[0]
	}
	return hashPicked + "{" + strings.Join(fields, ", ") + "}", nil
}

// pickedFields recognises a function that returns a map of some of the container's
// fields by name, and returns the names, sorted as JSON has them.
func (s *source) pickedFields(function *ast.FuncDecl) (names []string) {
	if function == nil || len(function.Body.List) != 2 || len(parameters(function)) != 1 {
		return nil
	}
	result, value := define(function.Body.List[0])
	literal, ok := value.(*ast.CompositeLit)
	if !ok || result == "" || !isIdent(returned(function.Body.List[1]), result) || s.text(literal.Type) != "map[string]string" {
		return nil
	}
	for _, element := range literal.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			return nil
		}
		key, ok := pair.Key.(*ast.BasicLit)
		if !ok || key.Kind != token.STRING {
			return nil
		}
		name, err := strconv.Unquote(key.Value)
		wants := parameters(function)[0] + "." + strings.ToUpper(name[:min(1, len(name))]) + name[min(1, len(name)):]
		if err != nil || s.text(pair.Value) != wants {
			return nil
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// The known dumps (DeepHashObject, pkg/util/hash/hash.go). They give the same text for
// bytes, and for structs but for pointer addresses, which neither prints.
const dumpSpew = "spew"

// dump recognises DeepHashObject: it resets the hash, and writes the dump into it.
func (l *loader) dump() (Finding, error) {
	s, err := l.source(hashPackage, "hash.go")
	if err != nil {
		return Finding{}, err
	}
	function := s.function("DeepHashObject")
	if function == nil || len(parameters(function)) != 2 {
		return unknown("there is no function DeepHashObject of a hash and an object"), nil
	}
	hasher, object := parameters(function)[0], parameters(function)[1]
	var lines []string
	for _, statement := range function.Body.List {
		lines = append(lines, s.text(statement))
	}
	known := [][]string{
		{hasher + ".Reset()",
			`printer := spew.ConfigState{ Indent: " ", SortKeys: true, DisableMethods: true, SpewKeys: true, }`,
			"printer.Fprintf(" + hasher + `, "%#v", ` + object + ")"},
		{hasher + ".Reset()", "fmt.Fprintf(" + hasher + `, "%v", dump.ForHash(` + object + "))"},
	}
	for _, form := range known {
		if slices.Equal(lines, form) {
			return Finding{Is: dumpSpew}, nil
		}
	}
	return unknown("DeepHashObject is %s", strings.Join(lines, "; ")), nil
}
