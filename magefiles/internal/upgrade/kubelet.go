package upgrade

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// startKubelet starts the kubelet and waits until it knows every pod.
func (c *cluster) startKubelet(ctx context.Context, kubelet Kubelet) error {
	if err := c.launch(ctx, kubelet); err != nil {
		return err
	}
	return c.kubelet.Wait(ctx, 2*time.Minute, fmt.Sprintf("the kubelet %s to know its pods", kubelet), func() (bool, error) {
		return c.knowsPods(ctx), nil
	})
}

// launch starts the kubelet and waits until it is healthy.
func (c *cluster) launch(ctx context.Context, kubelet Kubelet) error {
	if err := c.spawn(kubelet, lookVerbosity); err != nil {
		return err
	}
	health := newClient(fmt.Sprintf("http://127.0.0.1:%d", c.place.HealthPort), "", nil)
	return c.kubelet.Wait(ctx, 2*time.Minute, fmt.Sprintf("the kubelet %s to be healthy", kubelet), func() (bool, error) {
		_, err := health.text(ctx, "/healthz")
		return err == nil, nil
	})
}

// spawn starts the kubelet, and waits for nothing. verbosity is that of its log.
func (c *cluster) spawn(kubelet Kubelet, verbosity int) (err error) {
	if c.place, err = c.node.PlaceKubelet(); err != nil {
		return err
	}
	c.place.Kubeconfig, c.place.Verbosity, c.place.Environment = c.plane.kubeconfig, verbosity, c.environment
	c.started++
	c.logged = 0
	name := fmt.Sprintf("kubelet-%02d-%s-%s", c.started, kubelet.Version, kubelet.kind())
	c.kubelet, err = c.node.StartKubelet(name, kubelet.Path, kubelet.Version, c.place)
	return err
}

func (c *cluster) stopKubelet(ctx context.Context) error {
	if c.kubelet == nil {
		return nil
	}
	err := c.kubelet.End(ctx)
	c.kubelet = nil
	return err
}

// ask returns a client of the running kubelet. Its certificate is one that it has made
// for itself.
func (c *cluster) ask() *client {
	return newClient(fmt.Sprintf("https://127.0.0.1:%d", c.place.Port), "", &tls.Config{InsecureSkipVerify: true})
}

// knowsPods reports whether the kubelet has got every pod from its sources.
func (c *cluster) knowsPods(ctx context.Context) bool {
	var answer struct {
		Items []struct {
			Metadata struct{ Name string }
		}
	}
	if c.ask().get(ctx, "/pods", &answer) != nil {
		return false
	}
	var names []string
	for _, item := range answer.Items {
		names = append(names, item.Metadata.Name)
	}
	for _, pod := range c.pods {
		if !slices.Contains(names, pod.name) && !slices.Contains(names, staticName(pod.name)) {
			return false
		}
	}
	return true
}

// sumMetric adds up the lines that begin with a metric's name and have all the labels.
func sumMetric(metrics, name string, labels ...string) int {
	sum := 0.0
	for line := range strings.Lines(metrics) {
		lacks := func(label string) bool { return !strings.Contains(line, label) }
		if !strings.HasPrefix(line, name) || slices.ContainsFunc(labels, lacks) {
			continue
		}
		fields := strings.Fields(line)
		if value, err := strconv.ParseFloat(fields[len(fields)-1], 64); err == nil {
			sum += value
		}
	}
	return int(sum)
}
