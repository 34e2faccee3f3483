// A program that does of a kubelet what the scripts look at: its version, its health, and
// that it replaces containers or ends.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

// Set by the linker. behaviour is well, sick, ends or replaces.
var version, behaviour string

func main() {
	asked := flag.Bool("version", false, "")
	config := flag.String("config", "", "")
	rootDir := flag.String("root-dir", "", "")
	flag.Parse()
	if *asked {
		fmt.Println("Kubernetes " + version)
		return
	}
	if behaviour == "ends" {
		log.Fatal("a kubelet that ends")
	}
	if err := serve(*config, *rootDir); err != nil {
		log.Fatal(err)
	}
}

func serve(config, rootDir string) error {
	data, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	var read struct {
		HealthzBindAddress string
		HealthzPort        int
	}
	if err := json.Unmarshal(data, &read); err != nil {
		return err
	}
	if behaviour == "replaces" {
		if err := os.WriteFile(filepath.Join(rootDir, "replaced"), nil, 0o600); err != nil {
			return err
		}
	}
	handler := func(w http.ResponseWriter, _ *http.Request) {
		if behaviour == "sick" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintln(w, behaviour)
	}
	return http.ListenAndServe(net.JoinHostPort(read.HealthzBindAddress, strconv.Itoa(read.HealthzPort)), http.HandlerFunc(handler))
}
