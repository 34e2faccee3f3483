// Command rig runs scenarios of package upgrade on kubelets that are already built,
// for work on the rig itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/upgrade"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := runAll(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// define makes a flag of the form v1.31.0,patched,/path/of/kubelet.
func define(name string) *upgrade.Kubelet {
	kubelet := new(upgrade.Kubelet)
	flag.Func(name, "kubelet, as `VERSION,stock|patched,PATH`", func(text string) (err error) {
		parts := strings.SplitN(text, ",", 3)
		if len(parts) != 3 || parts[1] != "stock" && parts[1] != "patched" {
			return fmt.Errorf("want VERSION,stock,PATH or VERSION,patched,PATH")
		}
		kubelet.Patched, kubelet.Path = parts[1] == "patched", parts[2]
		kubelet.Version, err = kubever.Parse(parts[0])
		return err
	})
	return kubelet
}

func runAll(ctx context.Context) error {
	from, via, to := define("from"), define("via"), define("to")
	apiserver := flag.String("apiserver", "", "path of kube-apiserver 1.31")
	names := flag.String("scenario", "plain", "scenarios, separated by commas, or all, for those that fit")
	logs := flag.String("logs", os.TempDir(), "where logs are kept")
	keep := flag.Bool("keep", false, "keep the logs of every run")
	flag.Parse()
	scenarios, err := upgrade.Find(*names)
	if err != nil {
		return err
	}
	began := time.Now()
	options := upgrade.Options{
		From: *from, Via: *via, To: *to, APIServer: *apiserver, Logs: *logs, Keep: *keep,
		Say: func(format string, args ...any) {
			fmt.Fprintf(os.Stderr, "%6.1fs %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
		},
	}
	if *names == "all" {
		scenarios = upgrade.Fitting(options, scenarios)
	}
	results, err := upgrade.RunAll(ctx, options, scenarios, os.Stdout)
	fmt.Println()
	upgrade.WriteSummary(os.Stdout, results)
	return err
}
