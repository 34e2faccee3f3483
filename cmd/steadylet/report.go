package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/kubeapi"
)

// reportWithin bounds a call of the API server.
const reportWithin = 15 * time.Second

// reporter takes a report away. It is made before the root changes to the host's.
type reporter func(context.Context, doctor.Report) error

// newReporter returns the one of --report: nothing, or a config map.
func newReporter(kind string) (reporter, error) {
	switch kind {
	case "":
		return func(context.Context, doctor.Report) error { return nil }, nil
	case "configmap":
	default:
		return nil, fmt.Errorf("--report %s is not known: want configmap", kind)
	}
	credentials, namespace, err := kubeapi.InCluster(kubeapi.ServiceAccountFolder, os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	if errors.Is(err, kubeapi.ErrNotInCluster) {
		err = fmt.Errorf("%w: --report is for pods, as scripts/fleet makes them; elsewhere use -o json", err)
	}
	if err != nil {
		return nil, fmt.Errorf("preparing the report: %w", err)
	}
	client, err := kubeapi.New(credentials, reportWithin)
	if err != nil {
		return nil, fmt.Errorf("preparing the report: %w", err)
	}
	return func(ctx context.Context, report doctor.Report) error {
		return storeReport(ctx, client, namespace, report)
	}, nil
}

// storeReport writes the config map of the report's node.
func storeReport(ctx context.Context, client *kubeapi.Client, namespace string, report doctor.Report) error {
	data, err := json.MarshalIndent(report, "", "  ")
	if err == nil {
		err = client.Apply(ctx, kubeapi.ConfigMap{
			Namespace: namespace, Name: "steadylet-doctor-" + report.Node,
			Labels: map[string]string{"app.kubernetes.io/name": "steadylet", "app.kubernetes.io/component": "doctor-report"},
			Data:   map[string]string{doctor.ReportKey: string(data), "worst": string(report.Worst)},
		})
	}
	if err != nil {
		return fmt.Errorf("storing the report of %s: %w", report.Node, err)
	}
	return nil
}
