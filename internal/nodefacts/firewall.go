package nodefacts

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/steadylet/steadylet/internal/bounded"
	"github.com/steadylet/steadylet/internal/doctor"
)

// firewallWithin bounds what one program of iptables may take: it waits for its lock.
const firewallWithin = 5 * time.Second

// maxRules bounds what is read of a program, in bytes.
const maxRules = 64 << 20

// firewall asks both kinds of iptables for the chains of Kubernetes. Neither loads a
// table that is not there yet: iptables-save reads those that the kernel lists.
func firewall(ctx context.Context, inContainer bool) doctor.Firewall {
	if inContainer {
		return doctor.Firewall{Err: errors.New("a container sees those of its own network only")}
	}
	var w doctor.Firewall
	version, err := output(ctx, "iptables", "--version")
	if errors.Is(err, exec.ErrNotFound) {
		return w // the kubelet has none to write with
	}
	if err != nil {
		return doctor.Firewall{Err: err}
	}
	w.Mode = mode(version)
	for program, chains := range map[string]*int{"iptables-legacy-save": &w.Legacy, "iptables-nft-save": &w.NFT} {
		rules, err := output(ctx, program)
		if err != nil && !(errors.Is(err, exec.ErrNotFound) && w.Mode != "") {
			w.Err = errors.Join(w.Err, err)
		}
		*chains = countChains(rules)
	}
	return w
}

// mode reads "iptables v1.8.9 (nf_tables)". Before 1.8 there was one kind only.
func mode(version string) string {
	_, rest, _ := strings.Cut(version, "(")
	if name, _, closed := strings.Cut(rest, ")"); closed {
		return name
	}
	return "legacy"
}

// countChains counts the chains of Kubernetes in the output of iptables-save. That of
// the hint and that of the canary show only who was there.
func countChains(rules string) int {
	count := 0
	for line := range strings.Lines(rules) {
		name, isChain := strings.CutPrefix(line, ":")
		if isChain && strings.HasPrefix(name, "KUBE-") && !strings.HasPrefix(name, "KUBE-IPTABLES-HINT") && !strings.Contains(name, "-CANARY") {
			count++
		}
	}
	return count
}

// output runs a program of the system.
func output(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, firewallWithin, fmt.Errorf("no answer within %s", firewallWithin))
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.WaitDelay = time.Second
	out, stderr := bounded.Buffer{Limit: maxRules}, bounded.Buffer{Limit: 300}
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return "", fmt.Errorf("running %s: %w: %s", program, err, strings.TrimSpace(stderr.String()))
	}
	return out.String(), nil
}
