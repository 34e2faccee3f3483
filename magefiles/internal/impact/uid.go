package impact

import (
	"go/ast"
	"slices"
	"strings"
)

// UID says what the kubelet makes up the UID of a static pod from.
type UID struct {
	// Algorithm is the hash's, "crypto/md5.New".
	Algorithm Finding `json:"algorithm"`
	// Inputs are what is hashed, in order; what a reset discards is left out.
	Inputs []string `json:"inputs,omitempty"`
}

// The known inputs.
const (
	inputDump   = "dump of the Pod"
	inputNode   = "node name"
	inputSource = "path of the manifest"
)

const configPackage = rootModule + "/pkg/kubelet/config"

// staticUID recognises how applyDefaults makes up a UID.
func (l *loader) staticUID() (UID, error) {
	dumped, err := l.dump()
	if err != nil || dumped.Is == Unknown {
		return UID{Algorithm: dumped}, err
	}
	s, err := l.source(configPackage, "common.go")
	if err != nil {
		return UID{}, err
	}
	return s.staticUID(), nil
}

func (s *source) staticUID() UID {
	function := s.function("applyDefaults")
	if function == nil {
		return UID{Algorithm: unknown("there is no function applyDefaults")}
	}
	pod := s.podParameter(function)
	if pod == "" {
		return UID{Algorithm: unknown("applyDefaults takes %s", s.text(function.Type))}
	}
	if len(function.Body.List) == 0 {
		return UID{Algorithm: unknown("applyDefaults does nothing")}
	}
	condition, ok := function.Body.List[0].(*ast.IfStmt)
	if !ok || s.text(condition.Cond) != "len("+pod+".UID) == 0" || condition.Init != nil || condition.Else != nil {
		return UID{Algorithm: unknown("applyDefaults begins with %s", s.text(function.Body.List[0]))}
	}
	return s.madeUp(pod, condition.Body.List)
}

// podParameter returns the name of the parameter that is the internal Pod, or nothing.
func (s *source) podParameter(function *ast.FuncDecl) string {
	for _, field := range function.Type.Params.List {
		pointer, ok := field.Type.(*ast.StarExpr)
		if !ok || len(field.Names) != 1 {
			continue
		}
		named, ok := pointer.X.(*ast.SelectorExpr)
		if !ok || named.Sel.Name != "Pod" {
			continue
		}
		if base, ok := named.X.(*ast.Ident); ok && s.imports[base.Name] == internalTypes {
			return field.Names[0].Name
		}
	}
	return ""
}

// madeUp recognises the statements that make up a UID.
func (s *source) madeUp(pod string, body []ast.Stmt) UID {
	hasher, made := define(body[0])
	algorithm, _ := s.called(made)
	if hasher == "" || !slices.Contains([]string{"crypto/md5.New", "hash/fnv.New128a"}, algorithm) {
		return UID{Algorithm: unknown("the UID is made up with %s", s.text(body[0]))}
	}
	uid := UID{Algorithm: Finding{Is: algorithm}}
	set := false
	for _, statement := range body[1:] {
		text := s.text(statement)
		name, arguments := s.called(expression(statement))
		switch {
		case name == deepHash && len(arguments) == 2 && isIdent(arguments[0], hasher) && isIdent(arguments[1], pod):
			uid.Inputs = []string{inputDump} // it resets the hash first
		case text == sourceForm(hasher):
			uid.Inputs = append(uid.Inputs, inputNode, inputSource)
		case text == pod+".UID = types.UID(hex.EncodeToString("+hasher+".Sum(nil)[0:]))":
			set = true
		case isLog(name, text):
		default:
			return UID{Algorithm: unknown("the UID is made up with %s", text)}
		}
	}
	if !set || len(uid.Inputs) == 0 {
		return UID{Algorithm: unknown("no UID is made of the hash")}
	}
	return uid
}

// sourceForm is the statement that hashes where a pod comes from.
func sourceForm(hasher string) string {
	return `if isFile { fmt.Fprintf(` + hasher + `, "host:%s", nodeName) fmt.Fprintf(` + hasher + `, "file:%s", source) } else { fmt.Fprintf(` +
		hasher + `, "url:%s", source) }`
}

// isLog reports whether a statement only writes to the log.
func isLog(called, text string) bool {
	return called == "" && (strings.HasPrefix(text, "klog.V(") || strings.HasPrefix(text, "logger.V("))
}
