package gocommand_test

import (
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
)

// Only what a server said for certain counts: the words are those of Go 1.16 to 1.26.
func TestAnswers(t *testing.T) {
	const asked = "k8s.io/api@v0.36.3: reading https://proxy.example/k8s.io/api/@v/v0.36.3."
	const looked = "k8s.io/api@v0.36.3: verifying module: k8s.io/api@v0.36.3: reading https://sum.example/"
	for name, test := range map[string]struct {
		words               string
		noVersion, unsigned bool
	}{
		"404":                   {asked + "info: 404 Not Found\n\tserver response: not found: unknown revision", true, false},
		"404 without a word":    {asked + "zip: 404 Not Found", true, false},
		"410":                   {asked + "mod: 410 Gone\n\tserver response:\n\tgone\n\tfor good", true, false},
		"no revision":           {"k8s.io/api@v0.36.3: invalid version: unknown revision v0.36.3", true, false},
		"of a requirement":      {"go: k8s.io/kubernetes@v1.36.3 requires\n\t" + asked + "mod: 404 Not Found\n", true, false},
		"503":                   {asked + "info: 503 Service Unavailable\n\tserver response: busy", false, false},
		"403":                   {asked + "info: 403 Forbidden\n\tserver response: This module version is not available.", false, false},
		"502, quoting a 404":    {asked + "info: 502 Bad Gateway\n\tserver response: " + asked + "info: 404 Not Found", false, false},
		"502, quoting more":     {asked + "info: 502 Bad Gateway\n\tserver response:\n\tsorry\n\t" + asked + "info: 404 Not Found\n\tx: unknown revision v1", false, false},
		"502, then a 404":       {asked + "info: 502 Bad Gateway\n\tserver response: sorry\ngo: " + asked + "mod: 404 Not Found", true, false},
		"hung up":               {`k8s.io/api@v0.36.3: Get "https://proxy.example/k8s.io/api/@v/v0.36.3.info": EOF`, false, false},
		"refused":               {`k8s.io/api@v0.36.3: Get "https://proxy.example/k8s.io/api/@v/v0.36.3.info": dial tcp 127.0.0.1:1: connect: connection refused`, false, false},
		"timeout":               {`k8s.io/api@v0.36.3: Get "https://proxy.example/k8s.io/api/@v/v0.36.3.info": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`, false, false},
		"no proxy":              {"k8s.io/api@v0.36.3: module lookup disabled by GOPROXY=off", false, false},
		"git can't be reached":  {"k8s.io/api@v0.36.3: invalid version: git ls-remote -q https://github.com/kubernetes/api: exit status 128:\n\tfatal: unable to access 'https://github.com/kubernetes/api/': Could not resolve host: github.com", false, false},
		"404 of another page":   {`k8s.io/api@v0.36.3: unrecognized import path "k8s.io/api": reading https://k8s.io/api?go-get=1: 404 Not Found`, false, false},
		"not signed":            {looked + "lookup/k8s.io/api@v0.36.3: 404 Not Found\n\tserver response: not found", false, true},
		"not signed, via proxy": {looked + "sumdb/sum.example/lookup/k8s.io/api@v0.36.3: 410 Gone", false, true},
		"database down":         {looked + "lookup/k8s.io/api@v0.36.3: 500 Internal Server Error\n\tserver response: 404 Not Found", false, false},
		"database lacks a tile": {looked + "tile/8/0/000: 404 Not Found", false, false},
		"another content":       {"k8s.io/api@v0.36.3: verifying module: checksum mismatch", false, false},
		"nothing":               {"", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := gocommand.NoSuchVersion(test.words); got != test.noVersion {
				t.Errorf("no such version: got %t", got)
			}
			if got := gocommand.NotSigned(test.words); got != test.unsigned {
				t.Errorf("not signed: got %t", got)
			}
		})
	}
}
